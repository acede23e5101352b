"""Kept features of frozen layers lead to the weights of a training that makes them anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from accelerate import Accelerator

from detectors.base import Detector
from detectors.gend import GenD
from detectors.recipes import Augmentation
from detectors.registry import create_detector
from thb.training.data import LabelledClips
from thb.training.features import FrozenFeatures
from thb.training.loop import Fit, fit
from thb.training.settings import TrainSettings
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.records import Label

PLAIN = TrainSettings(
    optimiser="sgd",
    learning_rate=0.05,
    epochs=2,
    batch_size=4,
    draws_per_video=2,
    clips_per_sample=2,
    flip=False,
    shift_pixels=0,
    brightness=0,
    contrast=0,
    channel_gain=0,
)
"""Steps in proportion to the gradient: Adam takes a full step for one that is only rounding."""

NEW: dict[str, Any] = {"reencodings": 2}
WARP: dict[str, Any] = {**NEW, "pseudo_fakes": ("warp",), "pseudo_fake_share": 0.5}
JPEG = (Augmentation(name="jpeg", settings={"quality": (40, 100)}),)
CASES = {
    "encodings": NEW,
    "pseudo-fakes": WARP,
    "two kinds": {**WARP, "pseudo_fakes": ("warp", "autoencoder"), "autoencoder": "any"},
    "views of pseudo-fakes": {**WARP, "views": 2, "augmentations": JPEG},
}


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A detector that counts the frames whose frozen features it makes."""

    detector: Detector
    frames: list[int]


def make_counted() -> Counted:
    detector = create_detector(GenD, config={**GenD.tiny, "tuned": "head"}, seed=3)
    assert isinstance(detector, GenD)
    detector.prepare_training()
    frames: list[int] = []

    def count(_: object, given: tuple[Any, ...], __: object) -> None:
        frames.append(len(given[0]))

    detector.get_submodule("vision").register_forward_hook(count)
    return Counted(detector=detector, frames=frames)


def draw_clips(random: np.random.Generator, count: int) -> VideoClips:
    return VideoClips(
        pixels=random.integers(0, 256, (count, 1, 56, 56, 3), np.uint8),
        frame_index=np.arange(count)[:, None],
        seconds=np.zeros((count, 1)),
        boxes=np.zeros((count, 1, 4), np.float32),
        points=np.zeros((count, 1, 5, 2), np.float32),
        frame_size=(56, 56),
        faces=1,
        frames_with_face=count,
        frames_searched=count,
        frames_read=count,
    )


def draw_videos(settings: TrainSettings) -> list[LabelledClips]:
    """Return reals and fakes whose encodings and pseudo-fakes all show something else.

    The first real has one encoding less, as where no face was found in one; the second has no
    pseudo-fakes; and encodings have more clips than the video as it was released.
    """
    random = np.random.default_rng(11)
    videos = []
    for number in range(7):
        label = Label.REAL if number < 3 else Label.FAKE
        encodings = tuple(draw_clips(random, 4) for _ in range(settings.reencodings - (not number)))
        kinds = settings.pseudo_fakes if label is Label.REAL and number != 1 else ()
        videos.append(
            LabelledClips(
                video_id=f"video {number}",
                label=label,
                clips=draw_clips(random, 3),
                encodings=encodings,
                pseudo_fakes=tuple(tuple(draw_clips(random, 4) for _ in encodings) for _ in kinds),
            )
        )
    return videos


def train_on(
    videos: list[LabelledClips], settings: TrainSettings, features: FrozenFeatures | None
) -> tuple[Fit, int]:
    """Return the trained weights, and the number of frames whose features were made."""
    counted = make_counted()
    held_out = [LabelledClips(video_id=v.video_id, label=v.label, clips=v.clips) for v in videos]
    made = fit(
        counted.detector,
        videos,
        held_out,
        settings=settings,
        accelerator=Accelerator(cpu=True, split_batches=True),
        features=features,
    )
    return made, sum(counted.frames)


def measure_difference(first: Fit, second: Fit) -> float:
    assert {*first.weights} == {*second.weights}
    return max(float((first.weights[k] - second.weights[k]).abs().max()) for k in first.weights)


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_weights_are_those_without_kept_features(changes: dict[str, Any]) -> None:
    settings = replace(PLAIN, **changes)
    videos = draw_videos(settings)
    kept, made = train_on(videos, settings, FrozenFeatures())
    again, made_again = train_on(videos, settings, None)
    assert made < made_again, "each clip goes through the encoder once"
    moved = kept.weights["classifier.weight"]
    start = make_counted().detector.get_parameter("classifier.weight").detach()
    assert float((moved - start).abs().max()) > 1e-3
    assert measure_difference(kept, again) < 1e-6
    losses = [[epoch.validation_loss for epoch in run.history] for run in (kept, again)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_what_a_training_shows_decides_its_weights(changes: dict[str, Any]) -> None:
    """Kept features of the wrong encoding, kind or view would not have passed unseen."""
    settings = replace(PLAIN, **changes)
    videos = draw_videos(settings)
    turned = [
        replace(video, encodings=video.encodings[::-1], pseudo_fakes=video.pseudo_fakes[::-1])
        for video in videos
    ]
    first, other = (train_on(each, settings, FrozenFeatures())[0] for each in (videos, turned))
    assert measure_difference(first, other) > 1e-5


@pytest.mark.parametrize(
    ("changes", "samples"),
    [
        ({}, 7 * 3),
        (NEW, (2 * 7 - 1) * 4),
        (WARP, (2 * 7 - 1 + 1 + 2) * 4),
        ({**WARP, "views": 3, "augmentations": JPEG}, (7 + 2) * 3 * 2),
    ],
    ids=["as released", "encodings", "pseudo-fakes", "views"],
)
def test_the_room_that_features_need_is_told_to_the_byte(
    changes: dict[str, Any], samples: int, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = replace(PLAIN, **changes)
    videos, detector = draw_videos(settings), make_counted().detector
    hidden: Any = GenD.tiny["hidden_size"]
    needed = samples * hidden * 4
    for memory, fits in ((needed, True), (needed - 1, False)):
        features = FrozenFeatures(memory_bytes=memory)
        made = features.make_training_clips(detector, videos, settings, Accelerator(cpu=True))
        assert (made is not None) == fits
        if fits:
            # Another fold of the same videos needs no more.
            assert features.make_training_clips(detector, videos, settings, Accelerator(cpu=True))
        assert ("are made again at every step" in capsys.readouterr().err) != fits
