"""``thb score``: the paper's numbers from saved predictions."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from thb.commands.options import (
    BOOTSTRAP,
    NO_FACE,
    TABLE_FORMAT,
    BootstrapOption,
    NoFaceOption,
    TableFormatOption,
)
from thb.commands.output import write_results

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thb.prediction.predictions import Predictions

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
    n_bootstrap: BootstrapOption = BOOTSTRAP,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the bootstrap.")] = SEED,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Also write result-<protocol>.json there."),
    ] = None,
    output: TableFormatOption = TABLE_FORMAT,
) -> None:
    """Compute the paper's numbers from saved predictions.

    Neither videos nor a detector are needed. The folds of a protocol become one result.

    JSON: results, one per protocol, each as in result-<protocol>.json.

    Examples:
        thb score runs/baseline
        thb score runs/baseline/p3-*/predictions.parquet --format markdown
    """
    from thb.evaluation.result import result_file_name
    from thb.evaluation.score import score as score_predictions

    results = [
        score_predictions(group, no_face=no_face, method=method, n_bootstrap=n_bootstrap, seed=seed)
        for group in read_groups(predictions)
    ]
    if out is not None:
        for result in results:
            result.save(out / result_file_name(result))
    write_results(results, output)


def read_groups(paths: Iterable[Path]) -> list[list[Predictions]]:
    """Read predictions and put together those that belong to one result.

    The folds of one protocol lie beside each other: ``<run>/<fold>/predictions.parquet``.

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


def _find_files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"{path} does not exist", param_hint="PREDICTIONS")
        found = sorted(path.rglob("predictions.parquet")) if path.is_dir() else [path]
        if not found:
            raise typer.BadParameter(
                f"{path} holds no predictions.parquet; thb evaluate writes them",
                param_hint="PREDICTIONS",
            )
        files += found
    return list(dict.fromkeys(files))
