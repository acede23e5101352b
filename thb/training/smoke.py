"""The smallest training there is: two steps on one real and one fake video, the whole way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from thb.releases.files import fetch_files
from thb.releases.opening import OpenRelease, open_release
from thb.runs.folds import build_all_folds
from thb.training.settings import TrainOptions
from thb.training.train import TrainedFold, load_start, make_training_accelerator, train_folds
from thb_dataset.errors import ReleaseError
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import Label, Video

SETTINGS = {"epochs": 2, "batch_size": 2}
"""Two samples are a batch, so an epoch is one step."""


def train_smoke(
    detector: str,
    *,
    release: str | Path | OpenRelease = "mini",
    real_root: str | Path | None = None,
    out: str | Path,
    options: TrainOptions | None = None,
) -> TrainedFold:
    """Train the small network of a detector's class for two steps, to see that all of it runs.

    Clips are made, the recipe's losses, changes and optimiser are used, a checkpoint is written,
    and the folder loads. The weights are worth nothing.

    Args:
        detector: A registered name or ``module:Class``.
        release: A folder, ``"mini"``, or a release that is open already.
        real_root: Folder of the real videos.
        out: Folder of the run.
        options: What is not the recipe; ``tiny`` is set.

    Raises:
        DetectorError: The detector cannot be loaded or trained.
        ReleaseError: The release lacks a class.
    """
    options = replace(options or TrainOptions(), tiny=True)
    accelerator = make_training_accelerator()
    with accelerator.main_process_first():
        opened = open_release(release, real_root=real_root, progress=options.progress)
    (fold,) = build_all_folds(opened, [Protocol.P1], fold=None, split_by=options.split_by)
    fold = _keep_two(fold, opened)
    start, settings = load_start(detector, SETTINGS, options, device=accelerator.device)
    (trained,) = train_folds(
        start,
        [fold],
        {fold.name: Path(out).expanduser()},
        opened,
        name=detector,
        settings=settings,
        options=options,
        accelerator=accelerator,
    )
    return trained


def _keep_two(fold: Fold, opened: OpenRelease) -> Fold:
    """Leave a fold its first fake and its first real video that is at hand."""
    fake = _find(fold.train, Label.FAKE, opened)
    real = _find(fold.train, Label.REAL, opened)
    return replace(fold, train=(fake, real), validation=(), test=(), extra=())


def _find(videos: Sequence[Video], label: Label, opened: OpenRelease) -> Video:
    """Find a video; of the fakes one with a WAV beside it first, for detectors that listen."""
    wanted = [video for video in videos if video.label is label]
    files = fetch_files(opened, wanted, download=False)
    found = [video for video in wanted if video.video_id in files.videos]
    # A fake of a Hub release is downloaded when it is asked for.
    candidates = sorted(found or wanted, key=lambda video: video.audio is None)
    if not candidates or (label is Label.REAL and not found):
        raise ReleaseError(f"no {label.name.lower()} video is at hand to train on for a moment")
    return candidates[0]
