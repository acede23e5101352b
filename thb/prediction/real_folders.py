"""A folder of real videos that belongs to no release, scored for a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from detectors.fetching import find_weights_folder
from detectors.references import read_reference
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb.prediction.predictions import Prediction
from thb.runs.provenance import FoldScoringRecord
from thb.runs.record import ReleaseRecord
from thb.runtime.video_folders import list_videos
from thb_dataset.errors import DetectorError, ReleaseError
from thb_dataset.records import Label

if TYPE_CHECKING:
    from detectors.base import Detector

REALS: Final = "reals"
"""What stands for the protocol, the fold and the reading of the splits where there is none."""


def find_place(reference: str | Path) -> Path:
    """Return the folder in which the threshold of a detector lies, beside its weights.

    Args:
        reference: The detector, which was loaded before.

    Raises:
        DetectorError: Its weights are in no folder, but in a repo of which nothing is known.
    """
    folder = find_weights_folder(read_reference(reference))
    if folder is None:
        raise DetectorError(
            f"a threshold lies beside its weights, and those of {reference} are not in a folder:"
            f" hf download {reference} --local-dir DIR, and name DIR"
        )
    return folder


def list_reals(folder: Path) -> list[Path]:
    """Return the videos in a folder and in the folders in it.

    Raises:
        ReleaseError: There is no such folder, or no video in it.
    """
    place = folder.expanduser()
    if not place.is_dir():
        raise ReleaseError(f"there is no folder {folder} of real videos")
    videos = list_videos(place, deep=True)
    if not videos:
        raise ReleaseError(f"{folder} holds no video: name a folder of real videos")
    return videos


def score_reals(
    detector: Detector, folder: Path, videos: Sequence[Path], *, scoring: PredictSettings
) -> tuple[list[Prediction], FoldScoringRecord]:
    """Score real videos.

    Args:
        detector: The detector.
        folder: The folder that they lie in.
        videos: The videos, as :func:`list_reals` gives them.
        scoring: How the videos are scored.

    Returns:
        The rows, and what scored them. In place of a release it names the folder, with a digest of
        the names and sizes of its videos.
    """
    place = folder.expanduser()
    listing = sha256()
    for video in videos:
        listing.update(f"{video.relative_to(place).as_posix()}\0{video.stat().st_size}\n".encode())
    release = ReleaseRecord(name=place.resolve().name, revision=listing.hexdigest())
    found = predict(detector, videos, settings=scoring)
    run = FoldScoringRecord(
        **vars(found.run), protocol=REALS, fold=REALS, split_by=REALS, release=release
    )
    return [replace(row, label=int(Label.REAL)) for row in found.rows], run
