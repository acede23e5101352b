"""Which detector is for which fold, and whether it was trained for it.

A detector that was trained with a generator which its test holds out has seen the answer. So a
detector's record of its training is read before it is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors.registry import is_hub_id
from thb.releases.opening import OpenRelease, open_release
from thb.runs.folders import CONFIG_FILE
from thb.runs.record import RECORD_FILE, read_record
from thb_dataset.errors import DetectorError
from thb_dataset.hub.files import read_hub_file
from thb_dataset.protocols import Fold, Protocol, build_folds
from thb_dataset.records import Generator


@dataclass(frozen=True, kw_only=True)
class FoldDetector:
    """The detector of one fold.

    Attributes:
        fold: The fold that it is to be evaluated on.
        reference: What ``load_detector`` takes.
        trained_on: What its folder or Hub repo says of its training; None where it says nothing.
    """

    fold: Fold
    reference: str | Path
    trained_on: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class FoldChoice:
    """What settings say of the folds that a detector is run on.

    Attributes:
        split_by: Reading of the release: ``"release"`` or ``"driver"``.
        allow_mismatch: Accept a detector on a fold that it was not trained for. It may have seen
            the generator that the fold holds out; what is written says that this was allowed.
        trust_remote_code: Run Python code that a detector's folder or Hub repo brings.
    """

    split_by: str = "release"
    allow_mismatch: bool = False
    trust_remote_code: bool = False


def open_folds(
    detector: str | Path,
    protocols: Sequence[Protocol | str],
    *,
    fold: Generator | str | None,
    release: str | Path | OpenRelease,
    real_root: str | Path | None,
    choice: FoldChoice,
    progress: bool = True,
) -> tuple[OpenRelease, tuple[FoldDetector, ...]]:
    """Open a release, build the folds of protocols and find the detector of each.

    Args:
        detector: As :func:`find_fold_detectors` takes it.
        protocols: ``p1``, ``p2`` or ``p3``; their folds are returned in this order.
        fold: Only the fold that holds this generator out.
        release: As :func:`thb.releases.opening.open_release` takes it.
        real_root: Folder of the real videos.
        choice: How the folds are read, and which detectors are accepted.
        progress: Show a bar while the mini release is written.

    Raises:
        ReleaseError: The release cannot be read.
        ProtocolError: The folds cannot be built.
        DetectorError: A fold has no detector, or one that was trained for another fold.
    """
    opened = open_release(release, real_root=real_root, progress=progress)
    folds = build_all_folds(opened, protocols, fold=fold, split_by=choice.split_by)
    return opened, find_fold_detectors(detector, folds, allow_mismatch=choice.allow_mismatch)


def build_all_folds(
    opened: OpenRelease,
    protocols: Sequence[Protocol | str],
    *,
    fold: Generator | str | None,
    split_by: str,
) -> tuple[Fold, ...]:
    """Build the folds of protocols, all of them or the one that holds a generator out.

    Raises:
        ProtocolError: A protocol, a fold or a reading does not exist, or cannot be built.
    """
    held_out = Generator.parse(fold) if isinstance(fold, str) else fold
    return tuple(
        built
        for protocol in protocols
        for built in build_folds(
            opened.release.videos, protocol, held_out=held_out, split_by=split_by
        )
    )


def find_fold_detectors(
    detector: str | Path, folds: Sequence[Fold], *, allow_mismatch: bool = False
) -> tuple[FoldDetector, ...]:
    """Find the detector of every fold.

    Args:
        detector: A run folder that holds one detector per fold in folders named like the folds,
            or one detector for all: its folder, a Hub id, a registered name, ``module:Class``.
        folds: The folds to be evaluated.
        allow_mismatch: Accept a detector that was trained for another fold.

    Raises:
        DetectorError: A fold has no detector, or one that was trained for another fold or on
            another reading of the splits; all are named.
    """
    published = _read_published(str(detector)) if is_hub_id(detector) else None
    found = [_find(detector, fold, published) for fold in folds]
    faults = [fault for one in found if (fault := _find_mismatch(one))]
    if faults and not allow_mismatch:
        raise DetectorError(
            "this would test a detector on what it may have been trained on: "
            + "; ".join(faults)
            + ". Evaluate it on its own fold, or say --allow-mismatch if that is what you want"
        )
    return tuple(found)


def _find(detector: str | Path, fold: Fold, published: Mapping[str, Any] | None) -> FoldDetector:
    folder = Path(detector).expanduser()
    own = folder / fold.name
    if (own / CONFIG_FILE).is_file():
        return FoldDetector(fold=fold, reference=own, trained_on=_trained_on(own))
    if (folder / CONFIG_FILE).is_file():
        return FoldDetector(fold=fold, reference=folder, trained_on=_trained_on(folder))
    others = sorted(path.parent.name for path in folder.glob(f"*/{CONFIG_FILE}"))
    if others:
        raise DetectorError(
            f"{folder} holds no detector for {fold.name}, only for {', '.join(others)}: train it "
            f"(thb train … --protocol {fold.protocol} --out {folder}), or evaluate another protocol"
        )
    return FoldDetector(fold=fold, reference=detector, trained_on=published)


def _read_published(repo_id: str) -> dict[str, Any] | None:
    """Read what a Hub repo says of its detector's training; None where it says nothing."""
    record = read_hub_file(repo_id, RECORD_FILE)
    # A repo that does not exist is explained when the detector is loaded.
    return None if record is None else _trained_on(record.parent)


def _trained_on(folder: Path) -> dict[str, Any] | None:
    record = read_record(folder)
    if record is None:
        return None
    return {name: record.get(name) for name in ("protocol", "fold", "split_by", "release")}


def _find_mismatch(one: FoldDetector) -> str | None:
    """Say how a detector's training differs from its fold; None for no way that is known of."""
    if one.trained_on is None:
        return None
    trained = f"{one.trained_on['fold']} split by {one.trained_on['split_by']}"
    tested = f"{one.fold.name} split by {one.fold.split_by}"
    if trained == tested:
        return None
    return f"{one.reference} was trained for {trained}, not for {tested}"
