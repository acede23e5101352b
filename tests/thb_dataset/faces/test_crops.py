"""The geometry of crops, against closed forms and against InsightFace's crops."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.faces.crops import (
    ARCFACE_POINTS,
    align_face,
    align_for_embedding,
    crop_box,
    fit_similarity,
)


def draw_ramp(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return a picture in which red gives the column and green the row."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.arange(width)[None, :]
    picture[..., 1] = np.arange(height)[:, None]
    return picture


def test_a_box_of_the_crops_own_size_is_copied() -> None:
    picture = draw_ramp(200, 220)
    crop = crop_box(picture, np.array([40, 30, 104, 94], np.float32), margin=1.0, size=64)
    np.testing.assert_array_equal(crop, picture[30:94, 40:104])


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_shrinking_averages_whole_pixels(factor: int) -> None:
    rng = np.random.default_rng(factor)
    picture = rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    side = 16 * factor
    box = np.array([35, 20, 35 + side, 20 + side], np.float32)
    crop = crop_box(picture, box, margin=1.0, size=16)
    part = picture[20 : 20 + side, 35 : 35 + side].astype(float)
    mean = part.reshape(16, factor, 16, factor, 3).mean(axis=(1, 3))
    assert np.abs(crop - mean).max() <= 1


def test_shrinking_keeps_the_place() -> None:
    picture = draw_ramp(250, 250)
    box = np.array([20, 40, 220, 240], np.float32)
    crop = crop_box(picture, box, margin=1.0, size=20).astype(float)
    centres = 10 * np.arange(20) + 4.5
    np.testing.assert_allclose(crop[10, :, 0], 20 + centres, atol=1.0)
    np.testing.assert_allclose(crop[:, 10, 1], 40 + centres, atol=1.0)


def test_outside_the_frame_the_edge_is_repeated() -> None:
    picture = draw_ramp(100, 100) + 50
    crop = crop_box(picture, np.array([-20, 10, 20, 50], np.float32), margin=1.0, size=40)
    assert (crop[:, :20, 0] == 50).all()
    np.testing.assert_array_equal(crop[0, 20:, 0], np.arange(50, 70))


@pytest.mark.parametrize("box", [[300, 300, 340, 340], [-90, -90, -50, -50], [0, 0, 4000, 4000]])
def test_a_box_outside_or_beyond_the_frame_still_gives_a_crop(box: list[float]) -> None:
    crop = crop_box(draw_ramp(60, 80), np.array(box, np.float32), margin=1.3, size=32)
    assert crop.shape == (32, 32, 3)


def test_fit_similarity_finds_a_known_turn() -> None:
    rng = np.random.default_rng(0)
    source = rng.uniform(0, 100, (5, 2))
    angle, scale, shift = 0.7, 1.8, np.array([12.0, -5.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = fit_similarity(source, source @ turn.T + shift)
    np.testing.assert_allclose(matrix, np.column_stack([turn, shift]), atol=1e-9)


def test_fit_similarity_of_one_point_repeated_only_moves() -> None:
    matrix = fit_similarity(np.full((5, 2), 7.0), np.full((5, 2), 9.0))
    np.testing.assert_allclose(matrix, [[1, 0, 2], [0, 1, 2]])


def test_alignment_equals_insightface() -> None:
    face_align = pytest.importorskip("insightface.utils.face_align")
    rng = np.random.default_rng(1)
    picture = draw_ramp(160, 160)
    for _ in range(10):
        points = (ARCFACE_POINTS * 1.2 + rng.normal(10, 4, (5, 2))).astype(np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            expected = face_align.norm_crop(picture, points)
        crop = align_for_embedding(picture, points)
        assert np.abs(crop.astype(int) - expected).max() <= 1


def test_aligned_crop_is_the_template_at_margin_one() -> None:
    picture = draw_ramp(112, 112)
    np.testing.assert_array_equal(align_face(picture, ARCFACE_POINTS, size=112), picture)
    wider = align_face(picture, ARCFACE_POINTS, size=112, margin=2.0)
    assert abs(int(wider[56, 56, 0]) - 56) <= 1
    assert wider[56, 0, 0] == 0
