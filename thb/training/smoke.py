"""The smallest possible training: two steps on one real and one fake video, from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from thb.releases.files import fetch_files
from thb.releases.opening import OpenRelease, open_release
from thb.runs.folds import build_all_folds
from thb.runtime.processes import make_training_accelerator
from thb.training.settings import TrainOptions
from thb.training.train import TrainedFold, train_folds
from thb_dataset.errors import ReleaseError
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import Label, Video

SETTINGS = {"epochs": 2, "batch_size": 2}
"""A batch holds two samples, so an epoch over two videos is one step."""


def train_smoke(
    detector: str,
    *,
    release: str | Path | OpenRelease = "mini",
    real_root: str | Path | None = None,
    out: str | Path,
    options: TrainOptions | None = None,
) -> TrainedFold:
    """Train the small network of a detector's class for two steps, to check that it trains.

    Every part of a training runs: clips are made, the recipe's losses, augmentations and optimiser
    are used, a checkpoint is written, and the folder can be loaded. The weights are worth nothing.

    Args:
        detector: A registered name or ``module:Class``.
        release: A Hub id, a folder, ``"mini"``, or a release that is already open.
        real_root: The folder of the real videos.
        out: The folder of the run.
        options: Everything that is not part of the recipe; ``tiny`` is always set.

    Raises:
        DetectorError: The detector cannot be loaded or trained.
        ReleaseError: The release has no video of a class.
    """
    options = replace(options or TrainOptions(), tiny=True)
    accelerator = make_training_accelerator()
    with accelerator.main_process_first():  # the first one writes the mini release
        opened = open_release(release, real_root=real_root, progress=options.progress)
    (fold,) = build_all_folds(opened, [Protocol.P1], fold=None, split_by=options.split_by)
    (trained,) = train_folds(
        detector,
        {Path(out).expanduser(): _keep_two_videos(fold, opened)},
        opened,
        settings=SETTINGS,
        options=options,
        accelerator=accelerator,
    )
    return trained


def _keep_two_videos(fold: Fold, opened: OpenRelease) -> Fold:
    """Return the fold with one fake and one real training video, and no others."""
    fake = _find(fold.train, Label.FAKE, opened)
    real = _find(fold.train, Label.REAL, opened)
    return replace(fold, train=(fake, real), validation=(), test=(), extra=())


def _find(videos: Sequence[Video], label: Label, opened: OpenRelease) -> Video:
    """Find an available video, if possible one with a WAV beside it, for detectors that listen."""
    wanted = [video for video in videos if video.label is label]
    files = fetch_files(opened, wanted, download=False)
    found = [video for video in wanted if video.video_id in files.videos]
    # A fake of a Hub release that is not on this machine yet is downloaded later.
    candidates = sorted(found or wanted, key=lambda video: video.audio is None)
    if not candidates or (label is Label.REAL and not found):
        raise ReleaseError(
            f"no {label.name.lower()} video is available for the smoke training: check --release"
            " and --real-root"
        )
    return candidates[0]
