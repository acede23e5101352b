"""The files of a published Space: the app, the toolkit itself, its pins, and small weights.

The Hub installs ``requirements.txt`` before it copies a Space's files, and the toolkit is on no
package index. So its packages lie beside the app, where Python looks first, together with the
metadata that tells them their own version.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from detectors.listing import is_hub_id
from detectors.references import read_reference, refuse_untrained
from detectors.registry import load_detector
from detectors.small_weights import needs_local_backbone
from thb.evaluation.own_results import find_results
from thb.prediction.calibration import THRESHOLDS_FILE, read_calibration
from thb.publishing.checkout import (
    BOARD_EXTRAS,
    CHECKOUT,
    EXTRAS,
    LEADERBOARD,
    find_space,
    list_files,
    pin_requirements,
    read_project,
)
from thb.publishing.detector_card import PLACEHOLDER, write_card
from thb.publishing.paths import copy_without_paths
from thb.runs.folders import RunFolder, find_run_folders
from thb.runs.provenance import hash_weights
from thb.runs.record import HISTORY_FILE, RECORD_FILE, read_record
from thb_dataset.errors import DetectorError
from thb_dataset.files import write_json
from thb_dataset.hub.files import read_hub_file
from thb_dataset.hub.release import resolve_commit

PACKAGES: Final = ("detectors", "metrics", "thb", "thb_dataset")
OFFERS_FILE: Final = "detectors.json"
BOARD_FILE: Final = "board.json"
"""Names the results repo that the leaderboard shows."""
WEIGHTS_FOLDER: Final = "weights"
SHARED_FOLDER: Final = "shared"
"""What several Spaces need lies beside them, and is sent with each."""
LARGEST_WEIGHTS_BYTES: Final = 200_000_000
"""Larger weights belong in a model repo of their own, whose id the Space then names."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of ``detectors.json``: a detector on offer.

    Attributes:
        name: The name that the visitor reads.
        protocol: ``p1``, ``p2`` or ``p3``; None for weights that belong to no protocol.
        fold: ``p1``, ``p3-hallo``, …; None for weights that belong to no protocol.
        reference: A folder in the Space, or a Hub id.
    """

    name: str
    protocol: str | None
    fold: str | None
    reference: str


def check_offers(detectors: Sequence[str]) -> None:
    """Refuse what a Space cannot offer, before anything is written.

    Raises:
        DetectorError: A folder holds no detector, or a detector is named without weights or by a
            class of the user's own.
    """
    for detector in detectors:
        refuse_untrained(detector)
        reference = read_reference(detector)
        if reference.class_name is not None and reference.published is None:
            raise DetectorError(
                "a published Space runs the toolkit's own detectors only, not"
                f" {reference.class_name}: show it on your own machine with app.py --runs"
                f" {detector}"
            )
        if not is_hub_id(detector) and reference.published is None:
            find_run_folders(detector)


def write_space(
    name: str,
    place: Path,
    detectors: Sequence[str],
    *,
    torch: str | None,
    results: str | None = None,
) -> tuple[Entry, ...]:
    """Write a Space's folder.

    Args:
        name: The Space's name, for instance ``demo``.
        place: An empty folder.
        detectors: Run folders, whose weights are copied, and Hub ids, which are named.
        torch: A version of torch other than the tested one, for hardware that needs it.
        results: The dataset repo whose boards the leaderboard shows.

    Returns:
        The detectors on offer, or those with which the leaderboard examines new fakes.

    Raises:
        ReleaseError: There is no such Space here, or a Hub id does not exist.
        HubUnreachableError: A Hub id is given and the Hub does not answer.
        DetectorError: A run folder holds no detector, its weights are too large, or a detector is
            offered twice.
    """
    app = find_space(name)
    for source in (app, app.parent / SHARED_FOLDER):
        _copy_folder(source, place)
    for package in PACKAGES:
        _copy_folder(CHECKOUT / package, place / package)
    shutil.copyfile(CHECKOUT / "LICENSE", place / "LICENSE")
    project = read_project()
    folder = place / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (folder / "METADATA").write_text(metadata, encoding="utf-8")
    extras = choose_extras(name, with_detectors=bool(detectors))
    (place / "requirements.txt").write_text(
        pin_requirements(torch=torch, extras=extras), encoding="utf-8"
    )
    entries = tuple(entry for detector in detectors for entry in _offer(detector, place))
    if len({(entry.name, entry.fold) for entry in entries}) != len(entries):
        raise DetectorError(
            "two detectors would be offered under one name and fold: rename a run's folder"
        )
    if name == LEADERBOARD:
        named = [entry.reference for entry in entries]
        write_json(place / BOARD_FILE, {"results": results, "detectors": named})
    else:
        write_json(place / OFFERS_FILE, [asdict(entry) for entry in entries])
    return entries


def choose_extras(name: str, *, with_detectors: bool) -> tuple[str, ...]:
    """Return the extras of ``pyproject.toml`` that a Space needs.

    Args:
        name: The Space.
        with_detectors: Whether it is published with detectors, without which the leaderboard needs
            no torch.
    """
    if name != LEADERBOARD:
        return EXTRAS
    return (*EXTRAS, *BOARD_EXTRAS) if with_detectors else BOARD_EXTRAS


def _copy_folder(source: Path, target: Path) -> None:
    for path in list_files(source):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)


def _offer(detector: str, place: Path) -> list[Entry]:
    """Copy the weights of a run folder into the Space, or name a repo; return what it offers."""
    published = read_reference(detector).published
    if published is not None:
        return [
            Entry(name=published.weights, protocol=None, fold=None, reference=str(published.repo))
        ]
    if not is_hub_id(detector):
        return [_copy_run(run, place) for run in find_run_folders(detector)]
    commit = resolve_commit(detector, repo_type="model")
    file = read_hub_file(detector, RECORD_FILE, revision=commit)
    record = read_record(file.parent) if file else None
    return [
        Entry(
            name=detector.partition("/")[2],
            protocol=record.protocol if record else None,
            fold=record.fold if record else None,
            reference=detector,
        )
    ]


def _copy_run(run: RunFolder, place: Path) -> Entry:
    weights = run.folder / "model.safetensors"
    if weights.is_file() and weights.stat().st_size > LARGEST_WEIGHTS_BYTES:
        raise DetectorError(
            f"the weights in {run.folder} are {weights.stat().st_size / 1e6:.0f} MB, too large for"
            " a Space: send them with thb publish detector, and give the id of that repo here"
        )
    detector = load_detector(run.folder)
    if needs_local_backbone(detector):
        raise DetectorError(
            f"{run.folder} holds only what was tuned, and its backbone is a folder of this machine:"
            " train with --save whole"
        )
    inside = f"{WEIGHTS_FOLDER}/{run.name}/{run.fold or 'own'}"
    target = place / inside
    if target.exists():
        raise DetectorError(f"{run.name} {run.fold or ''} would be offered twice")
    target.mkdir(parents=True)
    for name in ("config.json", RECORD_FILE, THRESHOLDS_FILE, HISTORY_FILE):
        if (run.folder / name).is_file():
            copy_without_paths(run.folder / name, target / name)
    shutil.copyfile(weights, target / weights.name)
    for file in (*run.folder.glob("result-*.json"), *run.folder.parent.glob("result-*.json")):
        copy_without_paths(file, target.parent / file.name)
    card = run.folder / "README.md"
    if card.is_file():
        shutil.copyfile(card, target / "README.md")
    else:
        weights_sha256 = hash_weights(detector)
        results, _ = find_results(run.folder, weights_sha256)
        text = write_card(
            detector,
            PLACEHOLDER,
            name=run.name,
            record=read_record(target),
            results=results,
            calibration=read_calibration(run.folder, weights_sha256=weights_sha256),
        )
        (target / "README.md").write_text(text, encoding="utf-8")
    return Entry(name=run.name, protocol=run.protocol, fold=run.fold, reference=inside)
