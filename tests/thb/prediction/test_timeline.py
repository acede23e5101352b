"""The score over time: the detector's own clips where they suffice, else shorter stretches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detectors.base import Detector, DetectorOutput
from detectors.registry import create_detector
from tests.support.video_files import write_video
from thb.prediction.inference import PredictSettings, aggregate
from thb.prediction.predict import predict
from thb.prediction.predictions import Prediction
from thb.prediction.timeline import score_over_time
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

FRAMES = 40


class BrightnessDetector(Detector):
    """Its logit is the mean brightness; it notes the settings that it has while it is asked."""

    model_type = "test_timeline_brightness"
    default_clip = ClipSpec(
        frames=2, crop="full", resample="opencv", size=16, mean=(0, 0, 0), std=(1, 1, 1)
    )
    cam_layer = "features"

    def __init__(self, config: object) -> None:
        super().__init__(config)  # type: ignore[arg-type] # made by the base
        self.features = nn.Conv2d(3, 1, 1, bias=False)
        self.post_init()  # type: ignore[no-untyped-call] # transformers' own
        nn.init.constant_(self.features.weight, 1.0)
        self.seen: list[ClipSpec] = []

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        self.seen.append(self.config.clip_spec)
        maps = self.features(pixel_values.flatten(0, 1)).unflatten(0, (-1, pixel_values.shape[1]))
        return self.make_output(maps.mean(dim=(1, 2, 3, 4)) - 1.5, labels)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        maps: Tensor = activations.unflatten(0, (-1, frames))
        return maps


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video that grows from black to white."""
    levels = np.linspace(0, 255, FRAMES).round().astype(np.uint8)
    pictures = [np.full((16, 16, 3), level, np.uint8) for level in levels]
    return write_video(tmp_path / "dawn.mkv", pictures, codec="ffv1", pixel_format="bgr0")


@pytest.fixture
def settings(tmp_path: Path) -> PredictSettings:
    return PredictSettings(store=tmp_path / "crops", workers=1, progress=False)


def make(clips: int) -> BrightnessDetector:
    detector = create_detector(BrightnessDetector, config={"clip": {"clips": clips}})
    assert isinstance(detector, BrightnessDetector)
    return detector


def score(detector: Detector, video: Path, settings: PredictSettings) -> Prediction:
    (row,) = predict(detector, video, settings=settings).rows
    return row


def test_a_detector_of_one_clip_is_shown_stretches_and_keeps_its_settings(
    video: Path, settings: PredictSettings
) -> None:
    detector = make(clips=1)
    row = score(detector, video, settings)
    own = detector.config.clip_spec
    timeline = score_over_time(detector, video, row, settings=settings, stretches=6)
    assert not timeline.own_clips
    assert len(timeline.stretches) == 6
    scores = [stretch.score for stretch in timeline.stretches]
    assert scores == sorted(scores), "the video grows brighter"
    assert scores[0] < row.score < scores[-1]  # type: ignore[operator] # it has a score
    assert timeline.stretches[0].start_seconds == 0
    assert timeline.stretches[-1].end_seconds == pytest.approx((FRAMES - 1) / 25)
    assert set(detector.seen) == {own}, "another thread must not see another spec"


def test_a_detector_of_many_clips_is_not_asked_again(
    video: Path, settings: PredictSettings
) -> None:
    detector = make(clips=5)
    row = score(detector, video, settings)
    detector.seen.clear()
    timeline = score_over_time(detector, video, row, settings=settings)
    assert timeline.own_clips
    assert detector.seen == []
    assert [stretch.score for stretch in timeline.stretches] == [
        aggregate([logit], "mean_probability") for logit in row.clip_logits
    ]
    with pytest.raises(ValueError, match="zip"):
        score_over_time(
            detector, video, replace(row, clip_logits=row.clip_logits[1:]), settings=settings
        )


def test_a_logit_that_is_not_finite_is_an_error(video: Path, settings: PredictSettings) -> None:
    detector = make(clips=1)
    row = score(detector, video, settings)
    with torch.no_grad():
        detector.features.weight.fill_(float("nan"))
    with pytest.raises(DetectorError, match="not a finite number"):
        score_over_time(detector, video, row, settings=settings)
