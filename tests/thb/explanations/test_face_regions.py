"""Regions of a face: a partition that follows the face, and shares of heat with known answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from thb.explanations.alarm import Alarm
from thb.explanations.explanation import Explanation
from thb.explanations.face_regions import GRID, REGIONS, measure_regions, region_masks
from thb.prediction.calls import Call
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips

SIZE = 96
BOX = np.array([60, 40, 120, 120], np.float32)
POINTS = np.array([[76, 72], [104, 72], [90, 86], [79, 102], [101, 102]], np.float32)
"""The points of a face seen from the front, in a frame of 180 x 160 pixels."""
FRAME = (160, 180)
WHOLE = np.array([[SIZE / 180, 0, 0.5 * SIZE / 180 - 0.5], [0, SIZE / 160, 0.5 * SIZE / 160 - 0.5]])
EYES, MOUTH, FACE, HAIR, BACKGROUND = range(5)


def similarity(degrees: float, scale: float, to: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return the placement of a crop that shows the face turned, with its centre at ``to``."""
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, np.array(to) - turn @ np.array([90.0, 84.0])])


def make_explanation(heat: npt.NDArray[np.float32]) -> Explanation:
    clips, frames = heat.shape[:2]
    spec = ClipSpec(frames=frames, crop="full", resample="opencv", size=SIZE)
    boxes = np.broadcast_to(BOX, (clips, frames, 4)).copy()
    points = np.broadcast_to(POINTS, (clips, frames, 5, 2)).copy()
    whole = np.broadcast_to(np.array([0, 0, 180, 160], np.float32), boxes.shape).copy()
    return Explanation(
        video_id="v",
        path=Path("v.mp4"),
        detector="d",
        layer="features",
        alarm=Alarm(),
        call=Call(verdict="none", score=0.5, caveat="c"),
        target="fake",
        score=0.5,
        clip_logits=(0.0,) * clips,
        heat=heat,
        evidence=heat,
        clips=VideoClips(
            pixels=np.zeros((clips, frames, SIZE, SIZE, 3), np.uint8),
            frame_index=np.arange(clips * frames).reshape(clips, frames),
            seconds=np.arange(clips * frames).reshape(clips, frames) / 25,
            boxes=whole,
            points=np.full(points.shape, np.nan, np.float32),
            frame_size=FRAME,
            faces=0,
            frames_with_face=0,
            frames_searched=0,
            frames_read=frames,
        ),
        spec=spec,
        boxes=boxes,
        points=points,
    )


def grid_masks() -> npt.NDArray[np.bool_]:
    scale = GRID / SIZE
    placement = WHOLE * scale
    placement[:, 2] += scale / 2 - 0.5
    return region_masks(BOX, POINTS, placement, GRID, frame_size=FRAME)


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 180])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_every_pixel_is_in_one_region(degrees: float, scale: float) -> None:
    masks = region_masks(BOX, POINTS, similarity(degrees, scale, (40, 50)), SIZE, frame_size=FRAME)
    assert masks.shape == (len(REGIONS), SIZE, SIZE)
    assert (masks.sum(axis=0) == 1).all()


def test_the_points_of_the_face_lie_in_their_regions() -> None:
    placement = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    masks = region_masks(BOX, POINTS, placement, 180, frame_size=FRAME)

    def at(x: float, y: float) -> str:
        return REGIONS[int(masks[:, round(y), round(x)].argmax())]

    assert [at(*point) for point in POINTS] == ["eyes", "eyes", "face", "mouth", "mouth"]
    assert at(90, 102) == "mouth"
    assert at(90, 45) == at(90, 118) == at(64, 80) == at(116, 80) == "face"
    assert at(90, 32) == at(90, 135) == at(54, 70) == "hair_neck"
    assert at(5, 5) == at(175, 5) == at(90, 175) == "background"


def test_the_regions_turn_and_grow_with_the_crop() -> None:
    """A crop turned by a right angle has turned masks; a crop twice as fine has the same areas."""
    upright = region_masks(BOX, POINTS, similarity(0, 0.7, (47.5, 47.5)), SIZE)
    for quarters in (1, 2, 3):
        turned = region_masks(BOX, POINTS, similarity(90 * quarters, 0.7, (47.5, 47.5)), SIZE)
        # np.rot90 turns anticlockwise, a positive angle in pictures turns clockwise.
        assert (turned != np.rot90(upright, -quarters, axes=(1, 2))).mean() < 0.001
    fine = region_masks(BOX, POINTS, similarity(30, 1.4, (95.5, 95.5)), 2 * SIZE)
    coarse = region_masks(BOX, POINTS, similarity(30, 0.7, (47.5, 47.5)), SIZE)
    np.testing.assert_allclose(fine.mean(axis=(1, 2)), coarse.mean(axis=(1, 2)), atol=0.003)


@pytest.mark.parametrize("degrees", [10, 25, 90, 130])
def test_a_tilted_head_has_the_regions_of_an_upright_one(degrees: float) -> None:
    """The points are turned with the frame; the box is the one that encloses the turned face."""
    tall = 1.3
    half = np.array([30.0, 30.0 * tall])
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    turned_half = np.sqrt(
        [(half[0] * cos) ** 2 + (half[1] * sin) ** 2, (half[0] * sin) ** 2 + (half[1] * cos) ** 2]
    )
    middle = np.array([90.0, 84.0])
    turn = np.array([[cos, -sin], [sin, cos]])
    points = (POINTS - middle) @ turn.T + middle
    upright = region_masks(
        np.concatenate([middle - half, middle + half]), POINTS, similarity(0, 0.6, (48, 48)), SIZE
    )
    tilted = region_masks(
        np.concatenate([middle - turned_half, middle + turned_half]),
        points,
        similarity(-degrees, 0.6, (48, 48)),
        SIZE,
    )
    assert (upright != tilted).mean() < 0.002


def test_pixels_outside_the_frame_are_background() -> None:
    placement = np.array([[1.0, 0, -40.0], [0, 1.0, 20.0]])  # it begins 20 rows above the frame
    box, points = BOX - [0, 40, 0, 40], POINTS - [0, 40]
    masks = region_masks(box, points, placement, SIZE, frame_size=FRAME)
    endless = region_masks(box, points, placement, SIZE)
    assert masks[BACKGROUND, :20].all()
    assert endless[HAIR, 10:20].any()
    assert np.array_equal(masks[:, 20:], endless[:, 20:])


def test_a_profile_keeps_its_eyes_and_mouth_on_the_face() -> None:
    profile = np.array([[64, 72], [68, 72], [58, 86], [66, 102], [70, 102]], np.float32)
    placement = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    masks = region_masks(BOX, profile, placement, 180, frame_size=FRAME)
    areas = masks.sum(axis=(1, 2))
    front = region_masks(BOX, POINTS, placement, 180, frame_size=FRAME).sum(axis=(1, 2))
    assert 0.15 * front[EYES] < areas[EYES] < front[EYES]
    assert areas[MOUTH] > 0.3 * front[MOUTH]
    assert areas[:3].sum() == front[:3].sum(), "the whole face has the same area"


def test_points_that_coincide_are_accepted() -> None:
    masks = region_masks(BOX, np.full((5, 2), 90.0), WHOLE, SIZE, frame_size=FRAME)
    assert (masks.sum(axis=0) == 1).all()


def test_uniform_heat_has_the_shares_of_the_areas() -> None:
    shares = measure_regions(make_explanation(np.full((2, 3, 7, 7), 0.25, np.float32)))
    assert shares is not None
    assert shares.energy == pytest.approx(shares.area)
    assert sum(shares.area.values()) == pytest.approx(1)
    assert shares.area == pytest.approx(
        dict(zip(REGIONS, grid_masks().mean(axis=(1, 2)), strict=True))
    )
    assert shares.against is None


@pytest.mark.parametrize("region", range(5))
def test_heat_inside_one_region_belongs_to_it(region: int) -> None:
    masks = grid_masks()
    heat = masks[region].astype(np.float32) - 2 * masks[(region + 1) % 5]
    shares = measure_regions(make_explanation(heat[None, None]))
    assert shares is not None
    assert shares.energy is not None
    assert shares.against is not None
    assert shares.energy[REGIONS[region]] == pytest.approx(1)
    assert shares.against[REGIONS[(region + 1) % 5]] == pytest.approx(1)


def test_frames_count_in_proportion_to_their_heat() -> None:
    masks = grid_masks()
    heat = np.stack([masks[EYES] / masks[EYES].sum(), 3 * masks[MOUTH] / masks[MOUTH].sum()])
    shares = measure_regions(make_explanation(heat[None].astype(np.float32)))
    assert shares is not None
    assert shares.energy is not None
    assert shares.energy["mouth"] == pytest.approx(0.75)


def test_there_are_no_shares_without_heat_and_none_without_a_face() -> None:
    cold = make_explanation(np.zeros((1, 2, 4, 4), np.float32))
    shares = measure_regions(cold)
    assert shares is not None
    assert shares.energy is None
    assert shares.against is None
    assert sum(shares.area.values()) == pytest.approx(1)
    assert measure_regions(replace(cold, boxes=None, points=None)) is None
