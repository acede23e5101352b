"""Predictions gathered from run folders: the folds of a protocol that become one result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from thb.prediction.predictions import Predictions, find_predictions, read_predictions
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class GatheredFolds:
    """Predictions that become one result: the folds of one protocol, side by side in one folder.

    Attributes:
        folder: The run folder, which holds a folder for each fold.
        name: What the detector is called in tables; None for the name that its record holds.
        folds: The predictions of each fold.
    """

    folder: Path
    name: str | None
    folds: tuple[Predictions, ...]


def gather_predictions(
    paths: Iterable[str | Path], names: Sequence[str] = ()
) -> list[GatheredFolds]:
    """Read predictions and put together those that belong to one result.

    The folds of one protocol lie beside each other: ``<run>/<fold>/predictions.parquet``.

    Args:
        paths: Files ``predictions.parquet``, or folders that are searched for them.
        names: What the detector of each run folder is called, in order; empty to keep the names
            that they have. Where two folders have one name, each name is followed by its folder.

    Raises:
        ResultError: A folder holds no predictions, or a file is damaged.
        SettingsError: A path does not exist, there are not as many names as run folders, or two
            names are equal.
    """
    given = [Path(path).expanduser() for path in paths]
    if absent := [str(path) for path in given if not path.exists()]:
        raise SettingsError(
            f"{', '.join(absent)}: there is no such file or folder; name runs that"
            " thb evaluate has scored"
        )
    groups: dict[tuple[Path, str], GatheredFolds] = {}
    for file in find_predictions(given):
        read = read_predictions(file)
        folder = file.resolve().parents[1]
        protocol, name = "", None
        if isinstance(read.run, FoldScoringRecord):
            protocol = read.run.protocol
            in_run_folder = file.resolve().parent.name == read.run.fold
            name = read.run.name or (folder.name if in_run_folder else None)
        group = groups.get((folder, protocol), GatheredFolds(folder=folder, name=name, folds=()))
        groups[folder, protocol] = replace(group, folds=(*group.folds, read))
    return _tell_apart(list(groups.values()), names)


def _tell_apart(groups: Sequence[GatheredFolds], names: Sequence[str]) -> list[GatheredFolds]:
    """Give each group the name that its detector has in tables, no two the same."""
    folders = list(dict.fromkeys(group.folder for group in groups))
    if names and (len(names) != len(folders) or len(set(names)) < len(names)):
        raise SettingsError(
            f"{len(folders)} run folders need as many different names, not {', '.join(names)}"
        )
    if names:
        chosen = dict(zip(folders, names, strict=True))
        return [replace(group, name=chosen[group.folder]) for group in groups]
    owners: dict[str | None, set[Path]] = defaultdict(set)
    for group in groups:
        owners[group.name].add(group.folder)
    return [
        replace(group, name=f"{group.name} ({_shorten(group.folder)})")
        if group.name and len(owners[group.name]) > 1
        else group
        for group in groups
    ]


def _shorten(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
