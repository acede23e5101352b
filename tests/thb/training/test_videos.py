"""The choice of the clips of a video that a training step sees."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from detectors.registry import find_detector_class
from detectors.tall.configuration import BENCH_CLIP, OFFICIAL_CLIP
from detectors.tall.modeling import TALL
from thb.training.batches import BalancedBatches
from thb.training.cutting import widen
from thb.training.data import LabelledClips, TrainingClips
from thb.training.settings import TrainOptions, TrainSettings, choose_settings
from thb.training.train import train
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.records import Label

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

SPEC = ClipSpec(frames=1, size=4, sampling="consecutive", mean=(0, 0, 0), std=(1, 1, 1))
STILL = TrainSettings(flip=False, shift_pixels=0, brightness=0, contrast=0, channel_gain=0)


def number_clips(count: int) -> LabelledClips:
    """Return a video in which each clip is as bright as its number."""
    pixels = np.empty((count, 1, 4, 4, 3), np.uint8)
    pixels[:] = np.arange(count)[:, None, None, None, None]
    clips = VideoClips(
        pixels=pixels,
        frame_index=np.arange(count)[:, None],
        seconds=np.zeros((count, 1)),
        boxes=np.zeros((count, 1, 4), np.float32),
        points=np.zeros((count, 1, 5, 2), np.float32),
        frame_size=(4, 4),
        faces=1,
        frames_with_face=count,
        frames_searched=count,
        frames_read=count,
    )
    return LabelledClips(video_id="a", label=Label.FAKE, clips=clips)


def draw(count: int, wanted: int, seed: int) -> list[int]:
    data = TrainingClips(
        [number_clips(count)], SPEC, replace(STILL, clips_per_sample=wanted, clips_cut=count)
    )
    values = data[0, seed]["pixel_values"]
    return [round(float(value) * 255) for value in values[:, 0, 0, 0, 0]]


def test_a_step_sees_one_clip_of_each_part_and_many_steps_see_all() -> None:
    draws = [draw(32, 8, seed) for seed in range(60)]
    assert all([clip // 4 for clip in clips] == list(range(8)) for clips in draws)
    assert {clip for clips in draws for clip in clips} == set(range(32))
    assert draw(32, 8, 7) == draws[7], "a draw depends only on its seed"
    assert draw(8, 8, 0) == list(range(8))
    assert draw(3, 8, 0) == [0, 0, 0, 1, 1, 1, 2, 2], "a short video repeats its clips"
    assert {draw(5, 1, seed)[0] for seed in range(60)} == set(range(5))


def test_more_clips_are_kept_only_if_their_places_can_vary() -> None:
    settings = replace(choose_settings(TALL.recipe, None), augmentations=())
    assert widen(OFFICIAL_CLIP, settings) == replace(OFFICIAL_CLIP, clips=32)
    assert widen(BENCH_CLIP, settings) == BENCH_CLIP
    assert widen(BENCH_CLIP, replace(settings, clips_cut=2)) == replace(BENCH_CLIP, clips=2)
    assert widen(OFFICIAL_CLIP, TrainSettings()) == OFFICIAL_CLIP


def test_an_epoch_draws_each_video_as_often_as_published() -> None:
    labels = [Label.FAKE] * 5 + [Label.REAL] * 2
    batches = BalancedBatches(labels, batch_size=4, seed=0, draws=6)
    drawn = [index for batch in batches for index, _ in batch]
    assert len(drawn) == 2 * 5 * 6
    assert [drawn.count(fake) for fake in range(5)] == [6] * 5
    assert find_detector_class("lipfd").recipe.draws_per_video == 10


@pytest.mark.parametrize("cut", [None, 6])
def test_a_detector_scores_the_clips_of_its_config_whatever_it_was_trained_on(
    tiny_release: MiniRelease, tmp_path: Path, cut: int | None
) -> None:
    (trained,) = train(
        "tall",
        protocol="p3",
        fold="hallo",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        out=tmp_path / "run",
        settings={"epochs": 1, "batch_size": 4, "clips_per_sample": 2, "clips_cut": cut},
        options=TrainOptions(tiny=True, progress=False),
    )
    config = json.loads((trained.folder / "config.json").read_text("utf-8"))
    assert config["clip"]["clips"] == 2
    assert trained.record.settings.clips_cut == cut
