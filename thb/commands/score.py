"""``thb score``: the paper's numbers from saved predictions."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from thb.commands.options import (
    BOOTSTRAP,
    NO_FACE,
    RESULT_FORMAT,
    BootstrapOption,
    NoFaceOption,
    ResultFormatOption,
)
from thb.commands.output import write_results

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thb.evaluation.result import Result
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
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="What a detector is called in tables; repeat it for each run folder in order. "
            "(default: the names of the run folders)",
        ),
    ] = None,
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
    from thb.evaluation.score import score as score_predictions
    from thb.evaluation.tables import rank

    groups = name_groups(read_groups(predictions), name or [])
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


@dataclass(frozen=True, kw_only=True)
class Group:
    """Predictions that become one result: the folds of one protocol, side by side in one folder.

    Attributes:
        folder: The run folder, which holds a folder for each fold.
        name: What the detector is called in tables; None for the name that its record holds.
        folds: The predictions of each fold.
    """

    folder: Path
    name: str | None
    folds: list[Predictions]


def read_groups(paths: Iterable[Path]) -> list[Group]:
    """Read predictions and put together those that belong to one result.

    The folds of one protocol lie beside each other: ``<run>/<fold>/predictions.parquet``.

    Raises:
        typer.BadParameter: A path does not exist, or a folder holds no predictions.
    """
    from thb.prediction.predictions import read_predictions
    from thb.runs.provenance import FoldScoringRecord

    groups: dict[tuple[Path, str], Group] = {}
    for file in _find_files(paths):
        read = read_predictions(file)
        folder = file.resolve().parents[1]
        protocol, name = "", None
        if isinstance(read.run, FoldScoringRecord):
            protocol = read.run.protocol
            in_run_folder = file.resolve().parent.name == read.run.fold
            name = read.run.name or (folder.name if in_run_folder else None)
        group = groups.setdefault((folder, protocol), Group(folder=folder, name=name, folds=[]))
        group.folds.append(read)
    return list(groups.values())


def name_groups(groups: Sequence[Group], names: Sequence[str]) -> list[Group]:
    """Give each group the name that its detector has in tables, no two the same.

    Args:
        groups: The groups.
        names: A name for each run folder, in the order of the groups; empty to keep the names that
            they have. Where two folders have one name, each name is followed by its folder.

    Raises:
        typer.BadParameter: There are not as many names as run folders, or two names are equal.
    """
    folders = list(dict.fromkeys(group.folder for group in groups))
    if names and (len(names) != len(folders) or len(set(names)) < len(names)):
        raise typer.BadParameter(
            f"{len(folders)} run folders need as many different names, not {', '.join(names)}",
            param_hint="--name",
        )
    if names:
        chosen = dict(zip(folders, names, strict=True))
        return [replace(group, name=chosen[group.folder]) for group in groups]
    owners: dict[str | None, set[Path]] = defaultdict(set)
    for group in groups:
        owners[group.name].add(group.folder)
    here = Path.cwd()

    def shorten(folder: Path) -> Path:
        return folder.relative_to(here) if folder.is_relative_to(here) else folder

    return [
        replace(group, name=f"{group.name} ({shorten(group.folder)})")
        if group.name and len(owners[group.name]) > 1
        else group
        for group in groups
    ]


def _name_files(results: Sequence[Result]) -> list[str]:
    """Return a file name for each result; where several share one, their detectors' names lead."""
    from thb.evaluation.result import result_file_name

    files = [result_file_name(result) for result in results]
    leads = [re.sub(r"[^\w.-]+", "-", result.title) for result in results]
    return [
        f"{lead}-{file}" if files.count(file) > 1 else file
        for lead, file in zip(leads, files, strict=True)
    ]


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
