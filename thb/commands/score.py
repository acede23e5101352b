"""``thb score``: the numbers of predictions that are there already."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thb.commands.options import (
    BootstrapOption,
    NoFace,
    NoFaceOption,
    TableFormat,
    TableFormatOption,
)
from thb.commands.output import write_results

if TYPE_CHECKING:
    from thb.prediction.predictions import Predictions


class Method(StrEnum):
    """How T1 and T0.1 are read off the curve."""

    CONSERVATIVE = "conservative"
    NEAREST = "nearest"
    INTERPOLATE = "interpolate"


def score(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            metavar="PREDICTIONS...",
            help="predictions.parquet files, or folders: every one below them is taken.",
        ),
    ],
    no_face: NoFaceOption = NoFace.EXCLUDE,
    method: Annotated[
        Method,
        typer.Option(help="How T1 and T0.1 are read; the benchmark's own rule is conservative."),
    ] = Method.CONSERVATIVE,
    n_bootstrap: BootstrapOption = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write result-<protocol>.json there, too.")
    ] = None,
    output: TableFormatOption = TableFormat.TEXT,
) -> None:
    """Compute the paper's numbers from predictions; no video and no detector is needed."""
    from thb.evaluation.result import result_file_name
    from thb.evaluation.score import score as score_predictions

    results = []
    for group in read_groups(predictions):
        result = score_predictions(
            group, no_face=no_face.value, method=method.value, n_bootstrap=n_bootstrap, seed=seed
        )
        results.append(result)
    if out is not None:
        for result in results:
            result.save(out / result_file_name(result))
    write_results(results, output)


def read_groups(paths: list[Path]) -> list[list[Predictions]]:
    """Read predictions and put together those that one result is made of.

    The folds of one protocol lie side by side: ``<run>/<fold>/predictions.parquet``.

    Raises:
        typer.BadParameter: A path does not exist, or a folder holds no predictions.
    """
    from thb.prediction.predictions import read_predictions
    from thb.runs.record import FoldRecord

    groups: dict[tuple[str, str], list[Predictions]] = defaultdict(list)
    for file in _find_files(paths):
        read = read_predictions(file)
        protocol = read.run.protocol if isinstance(read.run, FoldRecord) else ""
        groups[str(file.resolve().parents[1]), protocol].append(read)
    return [groups[key] for key in sorted(groups)]


def _find_files(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"{path} does not exist", param_hint="PREDICTIONS")
        found = sorted(path.rglob("predictions.parquet")) if path.is_dir() else [path]
        if not found:
            raise typer.BadParameter(
                f"{path} holds no predictions.parquet: thb evaluate writes them",
                param_hint="PREDICTIONS",
            )
        files += found
    return list(dict.fromkeys(files))
