"""The folds of a protocol, and the detector of each fold.

A detector that was trained on the generator that its test holds out has seen the answers. So the
record of a detector's training is compared with the fold before the detector is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detectors.references import read_reference, refuse_untrained, require_place
from thb.releases.opening import OpenRelease, open_release
from thb.runs.folders import CONFIG_FILE
from thb.runs.record import RECORD_FILE, FoldRecord, explain_mismatch, read_record
from thb_dataset.errors import DetectorError
from thb_dataset.hub.files import read_hub_file
from thb_dataset.protocols import Fold, Protocol, build_folds, parse_held_out, split_fold_name
from thb_dataset.records import HeldOut


@dataclass(frozen=True, kw_only=True)
class FoldDetector:
    """The detector of one fold.

    Attributes:
        fold: The fold that the detector is used on.
        reference: The detector, as ``load_detector`` takes it.
        trained_on: The fold that it was trained on, as its folder or Hub repo says; None if that
            says nothing.
    """

    fold: Fold
    reference: str | Path
    trained_on: FoldRecord | None


@dataclass(frozen=True, kw_only=True)
class FoldChoice:
    """The settings that choose the folds and accept their detectors.

    Attributes:
        split_by: The reading of the release's splits: ``"release"`` or ``"driver"``.
        allow_mismatch: Accept a detector on a fold that it was not trained for, although it may
            have seen the generator that the fold holds out. The written files name the fold that
            it was trained on.
        trust_remote_code: Run Python code from a detector's folder or Hub repo.
        untrained: Give random weights to a detector that is named without weights, for tests. The
            written files say so.
    """

    split_by: str = "release"
    allow_mismatch: bool = False
    trust_remote_code: bool = False
    untrained: bool = False


def open_folds(
    detector: str | Path,
    protocols: Sequence[Protocol | str],
    *,
    fold: HeldOut | str | None,
    release: str | Path | OpenRelease,
    real_root: str | Path | None,
    choice: FoldChoice,
    progress: bool = True,
) -> tuple[OpenRelease, tuple[FoldDetector, ...]]:
    """Open a release, build the folds of protocols and find the detector of each.

    Args:
        detector: The detector or detectors, as :func:`find_fold_detectors` takes them.
        protocols: One or more of ``p1``, ``p2``, ``p3`` and ``p3-family``; their folds are returned
            in this order.
        fold: Open only the fold that holds this generator, or family, out, by the generator's name
            or its own (``p3-hallo``); None for all folds.
        release: The release, as :func:`thb.releases.opening.open_release` takes it.
        real_root: The folder of the real videos.
        choice: How the folds are read, and which detectors are accepted.
        progress: Show a bar while the mini release is written.

    Returns:
        The open release, and the detector of each fold.

    Raises:
        ReleaseError: The release cannot be read.
        ProtocolError: The folds cannot be built.
        DetectorError: A fold has no detector, or one that was trained for another fold, or one
            without trained weights.
    """
    require_place(detector)
    if not choice.untrained:
        refuse_untrained(detector)
    opened = open_release(release, real_root=real_root, progress=progress)
    folds = build_all_folds(opened, protocols, fold=fold, split_by=choice.split_by)
    return opened, find_fold_detectors(detector, folds, allow_mismatch=choice.allow_mismatch)


def build_all_folds(
    opened: OpenRelease,
    protocols: Sequence[Protocol | str],
    *,
    fold: HeldOut | str | None,
    split_by: str,
) -> tuple[Fold, ...]:
    """Return the folds of protocols: all of them, or those that hold out one generator or family.

    Raises:
        ProtocolError: A protocol, a fold or a reading does not exist, or a fold cannot be built.
    """
    return tuple(
        built
        for protocol in protocols
        for built in build_folds(
            opened.release.videos,
            protocol,
            held_out=None if fold is None else parse_held_out(fold, protocol),
            split_by=split_by,
        )
    )


def find_fold_detectors(
    detector: str | Path, folds: Sequence[Fold], *, allow_mismatch: bool = False
) -> tuple[FoldDetector, ...]:
    """Return the detector of every fold.

    Args:
        detector: A run folder with a detector for each fold, in subfolders named like the folds,
            or one detector for all folds: its folder or a Hub id. ``module:Class@`` may stand
            before either; without them a registered name or ``module:Class`` has random weights.
        folds: The folds that need a detector.
        allow_mismatch: Accept a detector that was trained for another fold.

    Raises:
        DetectorError: A fold has no detector, or one that was trained for another fold or on
            another reading of the splits; the message names all of them.
    """
    repo_id = read_reference(detector).hub_id
    published = None if repo_id is None else _read_published(repo_id)
    detectors = [_find_detector(detector, fold, published) for fold in folds]
    strange = [found for found in detectors if _is_mismatched(found)]
    if strange and not allow_mismatch:
        own = [found.fold for found in detectors if found not in strange]
        raise DetectorError(_explain_mismatches(strange, own))
    return tuple(detectors)


def list_names(detectors: Iterable[FoldDetector]) -> list[str]:
    """Return the names of the folds that detectors are used on."""
    return [found.fold.name for found in detectors]


def _is_mismatched(found: FoldDetector) -> bool:
    return explain_mismatch(found.trained_on, found.fold.name, found.fold.split_by) is not None


def _explain_mismatches(strange: Sequence[FoldDetector], own: Sequence[Fold]) -> str:
    """Return why detectors are refused on folds, and what to do instead.

    Args:
        strange: The folds with a detector that was trained for another one.
        own: The folds whose detectors were trained for them.
    """
    if len(own) == 1 and own[0].held_out is not None:  # one detector, asked about all folds
        return (
            f"{strange[0].reference} was trained for {own[0].name} alone, and may have seen the"
            f" test videos of the other {len(strange)} folds: pass --fold {own[0].held_out.slug}"
        )
    folds: dict[str, list[str]] = {}
    for found in strange:
        if trained := found.trained_on:
            was = f"{found.reference} was trained for {trained.fold} split by {trained.split_by}"
            folds.setdefault(was, []).append(found.fold.name)
    return (
        "the detector may have been trained on videos of its test set: "
        + "; ".join(
            f"{was}, not for {', '.join(names)} split by {strange[0].fold.split_by}"
            for was, names in folds.items()
        )
        + ". Evaluate it on its own fold, or pass --allow-mismatch to do it anyway"
    )


def _find_detector(detector: str | Path, fold: Fold, published: FoldRecord | None) -> FoldDetector:
    reference = read_reference(detector)
    folder = reference.folder
    if folder is None:
        return FoldDetector(fold=fold, reference=detector, trained_on=published)
    for place in (folder / fold.name, folder):
        if (place / CONFIG_FILE).is_file():
            return FoldDetector(
                fold=fold, reference=reference.at(place), trained_on=_trained_on(place)
            )
    others = sorted(path.parent.name for path in folder.glob(f"*/{CONFIG_FILE}"))
    if others:
        named = [split_fold_name(name) for name in others]
        given = [held_out for protocol, held_out in named if protocol is fold.protocol and held_out]
        instead = f"pass --fold {' or '.join(given)}" if given else "evaluate another protocol"
        raise DetectorError(
            f"{folder} holds no detector for {fold.name}, only for {', '.join(others)}: {instead},"
            f" or train one (thb train … --protocol {fold.protocol} --out {folder})"
        )
    return FoldDetector(fold=fold, reference=detector, trained_on=published)


def _read_published(repo_id: str) -> FoldRecord | None:
    """Read what a Hub repo says of its detector's training; None where it says nothing."""
    record = read_hub_file(repo_id, RECORD_FILE)
    # A repo that does not exist is explained when the detector is loaded.
    return None if record is None else _trained_on(record.parent)


def _trained_on(folder: Path) -> FoldRecord | None:
    record = read_record(folder)
    return None if record is None else record.fold_record
