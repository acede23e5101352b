"""``thb export``: predictions and results in the formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from thb.commands.options import (
    BOOTSTRAP,
    FORMAT,
    NO_FACE,
    BootstrapOption,
    FormatOption,
    NoFaceOption,
    OutputFormat,
)
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import say

ExportFormat = Literal["csv", "workbench", "every-eval-ever", "eval-results"]
Relationship = Literal["first_party", "third_party", "collaborative", "other"]
RELATIONSHIP: Final = "other"


def export(  # noqa: PLR0913 — one parameter per option
    *,
    run: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="A run folder, or files predictions.parquet."),
    ],
    to: Annotated[
        ExportFormat,
        typer.Option(
            "--to",
            help="csv: scores and numbers; workbench: score pairs of the deepfake-workbench; "
            "every-eval-ever: its JSON 0.3.0; eval-results: the Hub's .eval_results.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write into.")],
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="What the detector is called. (default: the name that the predictions hold)",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="ORG/NAME", help="The model's id on the Hub, for every-eval-ever."
        ),
    ] = None,
    relationship: Annotated[
        Relationship,
        typer.Option(
            "--relationship", help="What you are to the model's authors, for every-eval-ever."
        ),
    ] = RELATIONSHIP,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="ORG/NAME",
            help="The dataset repo that the results are of, for eval-results of a local folder.",
        ),
    ] = None,
    no_face: NoFaceOption = NO_FACE,
    n_bootstrap: BootstrapOption = BOOTSTRAP,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the bootstrap.")] = 0,
    output: FormatOption = FORMAT,
) -> None:
    """Write predictions and results in the formats of others.

    The numbers are computed from the predictions, so that nothing is exported that they do not
    give. thb import-scores reads csv and workbench again.

    JSON: format, folder, files and notes.

    Examples:
        thb export runs/baseline --to csv --out shared
        thb export runs/x --to every-eval-ever --model ORG/NAME --out store
    """
    from thb.exchange.exporting import ExportSettings
    from thb.exchange.exporting import export as export_run

    done = export_run(
        run,
        to=to,
        out=out,
        settings=ExportSettings(
            name=name,
            model=model,
            relationship=relationship,
            dataset=dataset,
            no_face=no_face,
            n_bootstrap=n_bootstrap,
            seed=seed,
        ),
    )
    if output is OutputFormat.JSON:
        write_json(done.to_dict())
    else:
        for file in done.files:
            write_line(escape(str(done.folder / file)))
    for note in done.notes:
        say(f"note: {note}")
