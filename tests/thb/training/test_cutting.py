"""Pictures of a training are as sharp as those of the originals, and cut in the same places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from detectors.caddm.configuration import OFFICIAL_CLIP as CADDM_CLIP
from detectors.caddm.modeling import CADDM
from detectors.caddm.recipe import FRAMES_KEPT
from detectors.recipes import Augmentation
from detectors.tall.configuration import OFFICIAL_CLIP as TALL_CLIP
from detectors.tall.modeling import TALL
from thb.training.cutting import cut_pixels, measure_scale, widen
from thb.training.face_jitter import draw_placement
from thb.training.settings import choose_settings
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import DetectorError
from thb_dataset.faces.crops import fit_similarity
from thb_dataset.faces.framing import cut_frame, place_template

ALIGN = next(change for change in CADDM.recipe.augmentations if change.name == "align")
HALVE = Augmentation(name="halve")
CORNER = next(change for change in TALL.recipe.augmentations if change.name == "corner_crop")


def draw_frame(side: int = 500) -> Any:
    """Return a frame with as much detail at every size as photographs have."""
    random, frame = np.random.default_rng(0), np.zeros((side, side, 3))
    for cell in (1, 2, 4, 8, 16, 32):
        grains = random.normal(0, cell**0.5 * 6, (side // cell + 1, side // cell + 1, 3))
        frame += cv2.resize(grains, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(cv2.GaussianBlur(frame, (0, 0), 1.0) + 128, 0, 255).astype(np.uint8)


FRAME = draw_frame()
TEMPLATE = place_template("caddm", margin=1.0, size=224)
POINTS = ((TEMPLATE - 112) / 0.62 + 250).astype(np.float32)
"""A face in the frame, which becomes 0.62 times as large when it is aligned."""


def sharpness(picture: Any) -> float:
    return float(cv2.Laplacian(picture[..., 1].astype(np.float64), cv2.CV_64F).var())


def compare(cut: Any, published: Any) -> float:
    """Return how sharp the pictures of a cut are, over the published ones, by the mean of 20."""
    return float(np.mean([sharpness(cut(seed)) / sharpness(published(seed)) for seed in range(20)]))


def make_clips(pixels: Any) -> VideoClips:
    return VideoClips(
        pixels=pixels,
        frame_index=np.zeros((1, 1), np.int64),
        seconds=np.zeros((1, 1)),
        boxes=np.array([[[100, 100, 350, 350]]], np.float32),
        points=POINTS[None, None],
        frame_size=(500, 500),
        faces=1,
        frames_with_face=1,
        frames_searched=1,
        frames_read=1,
    )


@pytest.mark.parametrize(("halves", "least"), [(False, 0.85), (True, 0.6)])
def test_an_aligned_crop_is_about_as_sharp_as_one_warp_of_the_frame(
    halves: bool, least: float
) -> None:
    """Two warps at the size of the crop left half of the sharpness, and halving them a quarter."""
    kept = widen(CADDM_CLIP, choose_settings(CADDM.recipe, None))
    wide = cut_frame(FRAME, kept, box=np.zeros(4, np.float32), points=POINTS)[None]
    scale = measure_scale(make_clips(wide[None]), kept)
    assert scale == pytest.approx(0.62 * 3, rel=1e-3)
    changes = [HALVE, ALIGN] if halves else [ALIGN]

    def cut(seed: int) -> Any:
        random = np.random.default_rng(seed)
        return cut_pixels(wide, changes, random, size=224, scale=scale)[0]

    def publish(seed: int) -> Any:
        random = np.random.default_rng(seed)
        random.random(len(changes))
        frame, points = (cv2.resize(FRAME, (250, 250)), POINTS / 2) if halves else (FRAME, POINTS)
        still = np.vstack([fit_similarity(points, TEMPLATE), [0, 0, 1]])
        matrix = draw_placement(224, ALIGN.settings, random) @ still
        return cv2.warpPerspective(frame, matrix, (224, 224))

    assert least < compare(cut, publish) < 1.1
    difference = np.abs(cut(3).astype(int) - publish(3)).mean()
    assert difference < (4.0 if halves else 1.0), "it shows the same place"


def test_a_corner_crop_is_about_as_sharp_as_one_of_the_whole_face() -> None:
    """Cut out of the 112-pixel picture and enlarged, it had less than half of the sharpness."""
    box = np.array([75, 75, 425, 425], np.float32)
    large, kept = (
        cut_frame(FRAME, replace(TALL_CLIP, size=size), box=box, points=POINTS)[None]
        for size in (455, widen(TALL_CLIP, choose_settings(TALL.recipe, None)).size)
    )

    def cut(pixels: Any, seed: int) -> Any:
        return cut_pixels(pixels, [CORNER], np.random.default_rng(seed), size=112)[0]

    assert 0.85 < compare(lambda seed: cut(kept, seed), lambda seed: cut(large, seed)) < 1.1


def test_training_keeps_larger_crops_and_wider_ones_only_of_aligned_faces() -> None:
    settings = choose_settings(CADDM.recipe, None)
    kept = widen(CADDM_CLIP, settings)
    assert (kept.margin, kept.size, kept.clips) == (1.75, 1176, FRAMES_KEPT)
    assert replace(kept, margin=1.0, size=224, clips=32) == CADDM_CLIP
    assert widen(TALL_CLIP, choose_settings(TALL.recipe, None)).size == 336
    with pytest.raises(DetectorError, match="aligned as CADDM"):
        widen(replace(CADDM_CLIP, template="arcface"), settings)


def test_without_a_change_pictures_only_become_smaller() -> None:
    pixels = FRAME[None, :64, :64]
    np.testing.assert_array_equal(cut_pixels(pixels, [], np.random.default_rng(0), size=64), pixels)
    never = [replace(change, probability=0.0) for change in (HALVE, CORNER)]
    small = cut_pixels(pixels, never, np.random.default_rng(0), size=32)
    assert small.shape == (1, 32, 32, 3)
    inner = cut_pixels(pixels, [replace(ALIGN, probability=0.0)], np.random.default_rng(0), size=32)
    assert inner.shape == (1, 32, 32, 3)
