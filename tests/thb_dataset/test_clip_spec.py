"""Clip settings are read strictly and applied exactly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.errors import DetectorError


def make_clips_of(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> VideoClips:
    n, t = pixels.shape[:2]
    return VideoClips(
        pixels=pixels,
        frame_index=np.zeros((n, t), np.int64),
        seconds=np.zeros((n, t)),
        boxes=np.zeros((n, t, 4), np.float32),
        points=np.zeros((n, t, 5, 2), np.float32),
        frame_size=(64, 64),
        faces=1,
        frames_with_face=t,
        frames_searched=t,
        frames_read=t,
    )


def test_a_spec_survives_json() -> None:
    spec = ClipSpec(
        clips=3, frames=4, sampling="stride", stride=2, shift=(-0.1, 0.2), colour="BGR",
        value_range="byte", mean=(1, 2, 3), std=(4, 5, 6), aggregation="mean_logit",
    )  # fmt: skip
    assert ClipSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert ClipSpec.from_dict({}) == ClipSpec()


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"frame": 8}, "unknown 'frame'"),
        ({"frames": 0}, "frames=0"),
        ({"clips": 2.5}, "clips=2.5"),
        ({"sampling": "random"}, "random"),
        ({"stride": 3}, "needs sampling='stride'"),
        ({"crop": "oval"}, "oval"),
        ({"crop": "full"}, "does not go with crop='full'"),
        ({"crop": "aligned", "resample": "pillow"}, "does not go with crop='aligned'"),
        ({"crop": "aligned", "template": "caddm"}, "needs crop='aligned', resample='opencv'"),
        ({"crop": "aligned", "resample": "opencv", "cut_size": 0}, "cut_size=0"),
        ({"cut_size": 256}, "cut_size=256 needs crop='aligned'"),
        ({"crop": "aligned", "template": "gend"}, "with crop='aligned', template='gend'"),
        ({"template": "gend", "resample": "pillow"}, "with crop='box', template='gend'"),
        ({"sampling": "spread", "start_wrap": 9}, "do not go with sampling='spread'"),
        ({"spare_frames": 1}, "do not go with sampling='uniform'"),
        ({"sampling": "consecutive", "start_wrap": 0}, "start_wrap=0 is below one"),
        ({"sound": "loud"}, "loud"),
        ({"margin": 9.0}, "margin=9.0"),
        ({"shift": [0.1]}, "shift=.* is not two numbers"),
        ({"shift": [0.1, 1.5]}, "shift=.* between -1 and 1"),
        ({"shift": 0.1}, "shift=0.1 is not two numbers"),
        ({"crop": "aligned", "shift": [0.1, 0.0]}, "shift=.* needs crop='box'"),
        ({"mean": [0.5, 0.5]}, "mean needs three"),
        ({"std": [0.5, 0.0, 0.5]}, "std="),
        ({"size": True}, "size=True"),
        ({"margin": "x"}, "margin='x'"),
        ({"mean": 3}, "mean needs three numbers"),
        ({"std": [1, 1, "x"]}, "std needs three numbers"),
        ({"std": [1, 1, float("nan")]}, "std needs three numbers"),
        ({"cut_size": "x"}, "cut_size='x' is not an integer"),
        ({"spare_frames": None}, "spare_frames=None is not an integer"),
        ({"crop": ["box"]}, r"crop=\['box'\] is not one of"),
    ],
)
def test_impossible_settings_are_named(record: dict[str, Any], named: str) -> None:
    with pytest.raises(DetectorError, match=named):
        ClipSpec.from_dict(record)


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(DetectorError, match=r"frames=0.*size=-1"):
        ClipSpec(frames=0, size=-1)


def test_pixels_become_numbers_by_the_spec() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 3, 5, 5, 3), dtype=np.uint8)
    clips = make_clips_of(pixels)
    unit = prepare_pixels(clips, ClipSpec(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7)))
    assert unit.shape == (2, 3, 3, 5, 5)
    assert unit.dtype == np.float32
    assert unit[1, 2, 1, 4, 3] == pytest.approx((pixels[1, 2, 4, 3, 1] / 255 - 0.2) / 0.6, rel=1e-5)
    byte = prepare_pixels(
        clips, ClipSpec(mean=(10, 20, 30), std=(1, 2, 4), colour="BGR", value_range="byte")
    )
    assert byte[0, 1, 0, 2, 3] == pixels[0, 1, 2, 3, 2] - 10.0
    assert byte[0, 1, 2, 2, 3] == (pixels[0, 1, 2, 3, 0] - 30.0) / 4
