"""The smallest possible training: two steps on one real and one fake video, from end to end."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from detectors.registry import load_detector
from thb.releases.files import fetch_files
from thb.releases.opening import MINI, OpenRelease, open_release
from thb.runs.provenance import hash_weights
from thb.runs.record import HISTORY_FILE
from thb.runtime.cache import mini_pair_folder
from thb.runtime.processes import make_training_accelerator
from thb.training.settings import TrainOptions
from thb.training.train import TrainedFold, train_folds
from thb_dataset.errors import DetectorError, ReleaseError
from thb_dataset.mini.release import MiniSize, write_mini_release
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import Label, Split, Video

SETTINGS = {"epochs": 2, "batch_size": 2, "draws_per_video": 1}
"""A batch holds two samples, so an epoch over two videos is one step."""


def train_smoke(
    detector: str,
    *,
    release: str | Path | OpenRelease = "mini",
    real_root: str | Path | None = None,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    options: TrainOptions | None = None,
) -> TrainedFold:
    """Train the small network of a detector's class for two steps, to check that it trains.

    Every part of a training runs: clips are made, the recipe's losses, augmentations and optimiser
    are used, a checkpoint is written, and the folder is loaded. The small network has no
    pretrained backbone, so nothing is downloaded. The weights are worth nothing.

    Args:
        detector: A registered name or ``module:Class``.
        release: A Hub id, a folder, ``"mini"``, or a release that is already open.
        real_root: The folder of the real videos.
        out: The folder of the run.
        settings: The fields in which the recipe differs from the detector's own. Epochs, batch size
            and draws are always those of a smoke training.
        options: Everything that is not part of the recipe; ``tiny`` is always set.

    Raises:
        DetectorError: The detector cannot be loaded or trained, or its folder cannot be loaded.
        SettingsError: A setting is unknown, of another type, or impossible.
        ReleaseError: The release has no video of a class.
    """
    options = replace(options or TrainOptions(), tiny=True)
    accelerator = make_training_accelerator()
    with accelerator.main_process_first():  # the first one draws the two videos
        opened = _open(release, real_root, options)
    (trained,) = train_folds(
        detector,
        {Path(out).expanduser(): _choose_two_videos(opened, options.split_by)},
        opened,
        settings={**(settings or {}), **SETTINGS},
        options=options,
        accelerator=accelerator,
    )
    saved = load_detector(trained.folder, trust_remote_code=options.trust_remote_code)
    if hash_weights(saved) != trained.record.weights_sha256:
        raise DetectorError(f"{trained.folder} does not give back the weights that were saved")
    return trained


def read_last_loss(folder: Path) -> float:
    """Return the training loss of the last epoch of a finished training."""
    with (folder / HISTORY_FILE).open(encoding="utf-8", newline="") as stream:
        return float(list(csv.DictReader(stream))[-1]["train_loss"])


def _open(
    release: str | Path | OpenRelease, real_root: str | Path | None, options: TrainOptions
) -> OpenRelease:
    """Open the release; of the synthetic one only two videos are drawn."""
    if release != MINI or real_root is not None:
        return open_release(release, real_root=real_root, progress=options.progress)
    pair = write_mini_release(mini_pair_folder(), size=MiniSize.pair(), progress=options.progress)
    return open_release(pair.hub, real_root=pair.real_root, progress=options.progress)


def _choose_two_videos(opened: OpenRelease, split_by: str) -> Fold:
    """Return a fold of one fake and one real training video."""
    videos = [video for video in opened.release.videos if video.release_split is Split.TRAIN]
    return Fold(
        protocol=Protocol.P1,
        held_out=None,
        split_by=split_by,
        train=(_find(videos, Label.FAKE, opened), _find(videos, Label.REAL, opened)),
        validation=(),
        test=(),
        extra=(),
    )


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
