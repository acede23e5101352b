"""A warp moves the face and nothing else, slowly, and the same draw always gives the same one."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.scripted_faces import Script, make_frames
from thb.preprocessing.face_warp import (
    CENTRE,
    GRID,
    RADII,
    REACH,
    STRENGTH,
    FaceWarp,
    WavingField,
    warp_face,
)
from thb_dataset.errors import NoFaceError
from thb_dataset.faces.framing import GEND_POINTS
from thb_dataset.faces.values import Face

SIDE = 160
CORNER, SCALE = np.array([40.0, 30.0]), 80.0
"""The face of these tests is GenD's template, 80 pixels wide, upright, at this corner."""

POINTS = (GEND_POINTS * SCALE + CORNER).astype(np.float32)


class OneFace(Script):
    """A finder that finds the face of these tests in every picture, or none."""

    def __init__(self, *, blind: bool = False) -> None:
        super().__init__({})
        self._blind = blind

    def find(self, rgb: npt.NDArray[np.uint8], *, embed: bool = False) -> list[Face]:
        box = np.array([*CORNER, *(CORNER + SCALE)], np.float32)
        return [] if self._blind else [Face(box=box, points=POINTS, score=0.9)]


def draw_picture(seed: int = 0) -> npt.NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    spots = random.integers(0, 256, (SIDE // 8, SIDE // 8, 3), np.uint8)
    return np.asarray(cv2.resize(spots, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)


def measure_radius() -> npt.NDArray[np.float64]:
    """Return how far each pixel is from the middle of the face; 1 is the edge of the ellipse."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    across = ((x - CORNER[0]) / SCALE - CENTRE[0]) / RADII[0]
    down = ((y - CORNER[1]) / SCALE - CENTRE[1]) / RADII[1]
    radius: npt.NDArray[np.float64] = np.hypot(across, down)
    return radius


def test_no_pixel_outside_the_ellipse_changes() -> None:
    pictures = [draw_picture(number) for number in range(3)]
    warped = list(FaceWarp(draw="a").alter(make_frames(pictures), OneFace()))
    outside = measure_radius() > 1 + 2 / (SCALE * min(RADII))
    for picture, other in zip(pictures, warped, strict=True):
        assert other.shape == picture.shape
        np.testing.assert_array_equal(other[outside], picture[outside])
        changed = (other != picture).any(-1)[measure_radius() < 0.7]
        assert changed.mean() > 0.8


def test_the_same_draw_gives_the_same_pictures_and_another_draw_others() -> None:
    frames = make_frames([draw_picture()] * 3)
    first, again, other = (
        np.stack(list(FaceWarp(draw=draw).alter(frames, OneFace()))) for draw in ("a", "a", "b")
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert FaceWarp(draw="a").identity != FaceWarp(draw="b").identity


def test_the_field_is_as_strong_as_it_says_moves_slowly_and_never_folds() -> None:
    step = REACH / (GRID - 1)
    for seed in range(20):
        field = WavingField(np.random.default_rng(seed))
        now, soon, later = field.at(0.0), field.at(0.04), field.at(3.0)
        strength = np.sqrt((now**2).mean(axis=(0, 1)) / 0.3)
        assert (strength < 2 * STRENGTH[1]).all()
        assert np.abs(now).max() < 5 * STRENGTH[1]
        assert 0 < np.abs(soon - now).max() < 0.5 * np.abs(now).max()
        assert np.abs(later - now).max() > 2 * np.abs(soon - now).max()
        # Where a field folds, its derivative is below -1: a pixel overtakes its neighbour.
        assert np.abs(np.diff(now, axis=0)).max() / step < 0.5
        assert np.abs(np.diff(now, axis=1)).max() / step < 0.5
        assert not now[[0, -1]].any()
        assert not now[:, [0, -1]].any()


def test_a_constant_displacement_moves_the_face_by_as_many_pixels() -> None:
    field = np.zeros((GRID, GRID, 2), np.float32)
    field[..., 0] = 3 / SCALE
    picture = draw_picture()
    moved = warp_face(picture, POINTS, field)
    face = np.s_[60:90, 60:100]
    np.testing.assert_array_equal(moved[face], np.roll(picture, -3, axis=1)[face])


def test_a_turned_face_is_moved_along_its_own_axes() -> None:
    field = np.zeros((GRID, GRID, 2), np.float32)
    field[..., 0] = 3 / SCALE
    middle = np.array([SIDE / 2, SIDE / 2])
    turned = ((POINTS - middle)[:, ::-1] * [-1, 1] + middle).astype(np.float32)
    picture = draw_picture()
    moved = warp_face(picture, turned, field)
    face = np.s_[60:90, 60:100]
    np.testing.assert_array_equal(moved[face], np.roll(picture, -3, axis=0)[face])


def test_without_a_face_there_is_no_pseudo_fake() -> None:
    frames = make_frames([draw_picture()] * 3)
    with pytest.raises(NoFaceError):
        list(FaceWarp(draw="a").alter(replace(frames), OneFace(blind=True)))
