"""CADDM's random alignment against numbers that follow from its published description."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from detectors.caddm.recipe import PUBLISHED
from thb.training.face_jitter import draw_placement, jitter_faces, scale_template
from thb_dataset.faces.framing import place_template

SIDE = 224
SETTINGS = next(change.settings for change in PUBLISHED.augmentations if change.name == "align")
STILL = MappingProxyType(
    {**SETTINGS, "scale_std": 0.0, "turn_degrees": 0.0, "shift_pixels": (0, 0), "stretch": (1, 1)}
)
TEMPLATE = place_template("caddm", margin=1.0, size=SIDE)


def place(points: Any, seed: int = 0, **changes: Any) -> Any:
    matrix = draw_placement(SIDE, {**STILL, **changes}, np.random.default_rng(seed))
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return moved[:, :2] / moved[:, 2:]


def test_without_chance_a_face_stays_where_it_is() -> None:
    np.testing.assert_allclose(place(TEMPLATE), TEMPLATE, atol=1e-3)


def test_the_left_eye_keeps_its_height_at_any_scale() -> None:
    for factor in (0.7, 1.0, 1.3):
        points = scale_template(TEMPLATE, SIDE, factor, eyes=SETTINGS["eye_height"] * 0.9)
        assert points[0, 1] == pytest.approx(SIDE / 2.42, abs=1e-3)
        np.testing.assert_allclose(
            points[:, 0] - SIDE / 2, factor * (TEMPLATE[:, 0] - SIDE / 2), atol=1e-9
        )
    # The published formula: (y ratio s + 1/2) side over ((left eye's y) ratio s + 1/2) 2.42.
    ratio, nose = 80 / (SIDE * 0.34967), 0.0357164
    for scale in (0.7, 1.1):
        points = scale_template(TEMPLATE, SIDE, scale / 0.9, eyes=SETTINGS["eye_height"] * 0.9)
        wanted = (nose * ratio * scale + 0.5) * SIDE / ((-0.172844 * ratio * scale + 0.5) * 2.42)
        assert points[2, 1] == pytest.approx(wanted, abs=1e-3)


def test_shift_turn_and_scale_go_as_far_as_published() -> None:
    shifts = np.array([place(TEMPLATE, seed, shift_pixels=(-25, 25)) for seed in range(300)])
    shifts = (shifts - TEMPLATE)[:, 0]
    assert np.abs(shifts).max() <= 25.001
    assert shifts.std(axis=0) == pytest.approx([50 / 12**0.5] * 2, rel=0.1)
    turned = np.array([place(TEMPLATE, seed, turn_degrees=30) for seed in range(300)])
    (x, y) = (turned[:, 1] - turned[:, 0]).T
    angles = np.degrees(np.arctan2(y, x))
    assert np.abs(angles).max() <= 30.2
    assert np.mean(np.abs(angles) < 30 / 8) == pytest.approx(0.5, abs=0.07), (
        "angles follow the cube of a uniform draw"
    )
    scaled = np.array([place(TEMPLATE, seed, scale_std=0.1) for seed in range(300)])
    widths = np.linalg.norm(scaled[:, 1] - scaled[:, 0], axis=1)
    assert np.median(widths) == pytest.approx(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]), rel=0.03)
    assert widths.std() > 0.1 * np.median(widths), "heights grow faster than widths"


def test_a_crop_is_cut_out_of_the_middle_of_a_wider_one() -> None:
    wide = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8)
    cut = jitter_faces(wide, STILL, np.random.default_rng(0), size=64)
    inner = wide[:, 24:88, 24:88].astype(int)
    assert cut.shape == (2, 64, 64, 3)
    assert np.abs(cut.astype(int) - inner)[:, 1:-1, 1:-1].max() <= 8, "except for rounding"
    still = jitter_faces(wide, SETTINGS, np.random.default_rng(0), size=64, still=True)
    np.testing.assert_array_equal(still, inner)
