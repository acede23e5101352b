"""``thb import-scores``: scores of other software become predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from thb.commands.options import (
    FORMAT,
    RELEASE,
    SPLIT_BY,
    FoldOption,
    FormatOption,
    OutputFormat,
    ReleaseOption,
    SingleProtocol,
    SplitByOption,
)
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import say

if TYPE_CHECKING:
    from thb.exchange.importing import ImportedFold

Polarity = Literal["fake-high", "real-high"]
NAMES_SHOWN = 5


def import_scores(  # noqa: PLR0913 — one parameter per option
    *,
    scores: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV with the columns video_id and score, or the deepfake-workbench's "
            "NAME.scores.csv.",
        ),
    ],
    protocol: Annotated[
        SingleProtocol,
        typer.Option(
            "--protocol",
            help="p1: new identities; p2: a new generator; p3: both; p3-family: a diagnostic, p3 "
            "with related generators held out together.",
        ),
    ],
    polarity: Annotated[
        Polarity,
        typer.Option("--polarity", help="Whether high scores mean fake or real; never guessed."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="RUN", help="The run folder; RUN/<fold>/predictions.parquet is made."
        ),
    ],
    fold: FoldOption = None,
    release: ReleaseOption = RELEASE,
    split_by: SplitByOption = SPLIT_BY,
    logits: Annotated[
        bool, typer.Option("--logits", help="The scores are logits, not probabilities.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="What the detector is called in tables. (default: the name of the file)",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace predictions that are there.")
    ] = False,
    output: FormatOption = FORMAT,
) -> None:
    """Turn the scores of other software into predictions.

    Labels come from the release. Videos that the release does not have are refused, test videos
    without a score are counted and named, and every table marks the detector. No video is needed.

    JSON: folds, each with fold, file, scored, expected, missing, elsewhere (scores of videos that
    the fold does not test), auc, warnings and run.

    Examples:
        thb import-scores s.csv --protocol p1 --polarity fake-high --out runs/x
        thb import-scores s.csv --protocol p3 --polarity real-high --out runs/x
    """
    from thb.exchange.importing import ImportSettings
    from thb.exchange.importing import import_scores as import_file

    settings = ImportSettings(
        polarity=polarity, logits=logits, name=name, split_by=split_by, overwrite=overwrite
    )
    folds = import_file(
        scores, protocol=protocol, fold=fold, release=release, out=out, settings=settings
    )
    if output is OutputFormat.JSON:
        write_json({"folds": [each.to_dict() for each in folds]})
    else:
        for each in folds:
            _write(each)
    for each in folds:
        for warning in each.warnings:
            say(f"warning: {escape(warning)}")


def _write(done: ImportedFold) -> None:
    from thb_dataset.wording import shorten_list

    scored, expected = done.scored, done.expected
    write_line(
        f"{done.fold}: {scored.fake + scored.real} of {expected.fake + expected.real} test videos"
        f" have a score ({scored.fake} of {expected.fake} fakes, {scored.real} of {expected.real}"
        f" reals), AUC {done.auc:.3f}: {escape(str(done.file))}"
    )
    if done.missing:
        names = escape(shorten_list(done.missing, NAMES_SHOWN))
        say(f"note: {done.fold}: without a score: {names}")
    if done.elsewhere:
        say(f"note: {done.fold}: {done.elsewhere} scores are of videos that it does not test")
