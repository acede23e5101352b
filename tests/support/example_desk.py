"""The folder in which the examples of docstrings run: what a user has after a day of work.

::

    release, reals      a small synthetic release and its real videos
    clip.mp4            a fake of it; broken.mp4 is no video, landscape.mp4 shows nobody and is
                        silent, short.mp4 has one frame
    videos              four fakes of it, as somebody with a generator of their own has them
    runs/baseline       a detector that was trained and evaluated on the fold p3-hallo
    runs/tall           made predictions of P1 and P3, as an evaluation leaves them
    runs/mine           made predictions of P1 that a board accepts
    scores.csv          made scores of the test videos of P1
    results             a results repo with submissions and a proposal
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.support.made_boards import write_small_results
from tests.support.made_submissions import make_run
from tests.support.scored_folds import write_run
from tests.support.video_files import write_repeated

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

SMALL = {"clip": {"clips": 1, "frames": 2, "size": 48}}
"""The settings of a detector that is trained in seconds."""


def write_desk(folder: Path, mini: MiniRelease) -> Path:
    """Write the folder, which holds links to the release and is otherwise small; return it."""
    folder.mkdir()
    (folder / "release").symlink_to(mini.hub)
    (folder / "reals").symlink_to(mini.real_root)
    fakes = sorted(mini.hub.glob("fake/*/test/*.mp4"))
    (clip,) = (fake for fake in fakes if "/Hallo/" in fake.as_posix())
    shutil.copyfile(clip, folder / "clip.mp4")
    (folder / "broken.mp4").write_bytes(b"an interrupted download")
    grey = np.full((96, 96, 3), 128, np.uint8)
    write_repeated(folder / "landscape.mp4", grey, frames=24)
    write_repeated(folder / "short.mp4", grey, frames=1)
    (folder / "videos").mkdir()
    for fake in fakes[:4]:
        shutil.copyfile(fake, folder / "videos" / fake.name)
    train_and_evaluate(folder / "runs" / "baseline", mini)
    write_run(folder / "runs" / "tall")
    make_run(folder / "runs" / "mine")
    write_scores(folder / "scores.csv", mini)
    write_small_results(folder / "results")
    return folder


def train_and_evaluate(run: Path, mini: MiniRelease) -> None:
    """Train and evaluate the baseline on one fold, as small as it gets."""
    from thb.evaluation.evaluate import EvaluateSettings, evaluate
    from thb.training.settings import TrainOptions
    from thb.training.train import train

    train(
        "baseline",
        protocol="p3",
        fold="hallo",
        release=mini.hub,
        real_root=mini.real_root,
        out=run / "p3-hallo",
        settings={"epochs": 1, "batch_size": 8},
        options=TrainOptions(config=SMALL, progress=False),
    )
    evaluate(
        run,
        protocol="p3",
        fold="hallo",
        release=mini.hub,
        real_root=mini.real_root,
        settings=EvaluateSettings(n_bootstrap=20),
    )


def write_scores(path: Path, mini: MiniRelease) -> None:
    """Write a score for every test and extra video of P1, as other software does."""
    from thb_dataset.protocols import Protocol, build_folds
    from thb_dataset.release.scan import read_release

    (fold,) = build_folds(read_release(mini.hub).videos, Protocol.P1)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video_id", "score"])
        for number, video in enumerate([*fold.test, *fold.extra]):
            rows.writerow([video.video_id, round(0.2 + 0.6 * int(video.label) + 0.001 * number, 3)])
