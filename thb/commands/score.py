"""``thb score``: the paper's numbers from saved predictions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from thb.commands.options import (
    BOOTSTRAP,
    NO_FACE,
    RESULT_FORMAT,
    BootstrapOption,
    NamesOption,
    NoFaceOption,
    ResultFormatOption,
)
from thb.commands.output import write_results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thb.evaluation.result import Result

Method = Literal["conservative", "nearest", "interpolate"]
METHOD: Final = "conservative"
SEED: Final = 0


def score(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            metavar="PREDICTIONS",
            help="Files predictions.parquet, or folders that are searched for them.",
        ),
    ],
    no_face: NoFaceOption = NO_FACE,
    method: Annotated[
        Method,
        typer.Option(
            "--method",
            help="How T1 and T0.1 are read off the ROC curve; the benchmark's rule is "
            "'conservative'.",
        ),
    ] = METHOD,
    name: NamesOption = None,
    n_bootstrap: BootstrapOption = BOOTSTRAP,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the bootstrap.")] = SEED,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Also write result-<protocol>.json there."),
    ] = None,
    output: ResultFormatOption = RESULT_FORMAT,
) -> None:
    """Compute the paper's numbers from saved predictions.

    Neither videos nor a detector are needed. The folds of a protocol become one result. Several
    detectors stand in one table, in the order of their mean T1.

    JSON: results, one per protocol, each as in result-<protocol>.json. CSV: a line per number.

    Examples:
        thb score runs/baseline runs/tall --name small --name large
        thb score runs/baseline/p3-*/predictions.parquet --format markdown
    """
    from thb.evaluation.gathering import gather_predictions
    from thb.evaluation.score import score as score_predictions
    from thb.evaluation.tables import rank

    groups = gather_predictions(predictions, name or [])
    results = [
        score_predictions(
            group.folds,
            no_face=no_face,
            method=method,
            n_bootstrap=n_bootstrap,
            seed=seed,
            name=group.name,
        )
        for group in groups
    ]
    if out is not None:
        for result, file in zip(results, _name_files(results), strict=True):
            result.save(out / file)
    write_results(rank(results), output)


def _name_files(results: Sequence[Result]) -> list[str]:
    """Return a file name for each result; where several share one, their detectors' names lead."""
    from thb.evaluation.result import result_file_name

    files = [result_file_name(result) for result in results]
    leads = [re.sub(r"[^\w.-]+", "-", result.title) for result in results]
    return [
        f"{lead}-{file}" if files.count(file) > 1 else file
        for lead, file in zip(leads, files, strict=True)
    ]
