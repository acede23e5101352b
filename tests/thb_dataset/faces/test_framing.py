"""Crops in the way of other projects, against numbers computed from theirs."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.faces.crops import align_face, crop_box
from thb_dataset.faces.framing import (
    crop_whole_pixels,
    cut_frame,
    find_own_side,
    fit_median,
    place_frame,
    place_template,
    stretch_frame,
)

Picture = npt.NDArray[np.uint8]
NOWHERE = np.zeros((5, 2), np.float32)


@pytest.fixture
def noise() -> Picture:
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def test_templates_are_where_the_originals_have_them() -> None:
    # CADDM at 224 pixels with its published test settings, to three digits
    np.testing.assert_allclose(
        place_template("caddm", margin=1.0, size=224),
        [[75.746, 92.562], [147.746, 92.383], [111.625, 144.584],
         [81.902, 186.024], [141.848, 185.420]],
        atol=5.1e-4,
    )  # fmt: skip
    # DeepfakeBench: ArcFace's template widened by 1.3 at 256 pixels
    np.testing.assert_allclose(
        place_template("arcface", margin=1.3, size=256),
        [[96.870, 120.433], [158.825, 120.090], [128.044, 155.669],
         [102.592, 191.939], [153.899, 191.656]],
        atol=1e-3,
    )  # fmt: skip


@pytest.mark.parametrize("template", ["arcface", "caddm"])
def test_points_on_the_template_leave_the_picture_as_it_is(template: str, noise: Picture) -> None:
    spec = ClipSpec(crop="aligned", resample="opencv", template=template, margin=1.0, size=96)  # type: ignore[arg-type]
    points = place_template(spec.template, margin=1.0, size=96).astype(np.float32)
    crop = cut_frame(noise, spec, box=np.zeros(4, np.float32), points=points)
    assert np.abs(crop.astype(int) - noise[:96, :96]).max() <= 1
    # moved by 10 to the right and 20 down; beyond the frame it is black and not repeated
    crop = cut_frame(noise, spec, box=np.zeros(4, np.float32), points=np.add(points, (70, 30)))
    assert np.abs(crop[:88, :88].astype(int) - noise[30:118, 70:158]).max() <= 1
    assert (crop[91:] == 0).all()
    assert (crop[:, 91:] == 0).all()


def test_turned_face_is_turned_back(noise: Picture) -> None:
    spec = ClipSpec(crop="aligned", resample="opencv", template="caddm", margin=1.0, size=64)
    upright = place_template("caddm", margin=1.0, size=64)
    turn = cv2.getRotationMatrix2D((80, 60), 30, 0.8)
    points = np.add(upright, (48, 28)) @ turn[:, :2].T + turn[:, 2]
    turned = np.asarray(cv2.warpAffine(noise, turn, (160, 120), flags=cv2.INTER_LINEAR), np.uint8)
    crop = cut_frame(turned, spec, box=np.zeros(4, np.float32), points=points.astype(np.float32))
    back = cv2.warpAffine(
        turned, cv2.invertAffineTransform(turn) - np.array([[0, 0, 48], [0, 0, 28]]), (64, 64)
    )
    assert np.abs(crop.astype(int) - back).mean() < 0.5


def test_cut_size_is_brought_down_cubically(noise: Picture) -> None:
    wide = ClipSpec(crop="aligned", resample="opencv", margin=1.3, size=64)
    spec = ClipSpec(crop="aligned", resample="opencv", margin=1.3, size=56, cut_size=64)
    points = place_template("arcface", margin=1.3, size=64).astype(np.float32) + 5
    large = cut_frame(noise, wide, box=np.zeros(4, np.float32), points=points)
    small = cut_frame(noise, spec, box=np.zeros(4, np.float32), points=points)
    assert (small == cv2.resize(large, (56, 56), interpolation=cv2.INTER_CUBIC)).all()


@pytest.mark.parametrize(
    ("box", "margin", "square"),
    [
        # int(40 * 1.3) = 52 around (70, 50)
        ((50, 30, 90, 70), 1.3, (44, 24, 52)),
        # the longer side counts, and fractions are cut off: int(31 * 1.3) = 40, middle (55, 45)
        ((50, 30, 60, 61), 1.3, (35, 25, 40)),
        # a square that begins outside is moved in and keeps its size
        ((-5, 10, 35, 50), 1.3, (0, 4, 52)),
        # a square that ends outside is made smaller
        ((100, 60, 150, 110), 1.3, (93, 53, 65)),
        ((130, 60, 170, 100), 1.3, (124, 54, 36)),
    ],
)
def test_box_is_cut_as_faceforensics_does(
    box: tuple[int, ...], margin: float, square: tuple[int, int, int], noise: Picture
) -> None:
    x, y, side = square
    crop = crop_whole_pixels(noise, np.array(box, np.float32), margin=margin, size=24)
    wanted = Image.fromarray(noise[y : y + side, x : x + side]).resize(
        (24, 24), Image.Resampling.BILINEAR
    )
    assert (crop == np.asarray(wanted)).all()


@pytest.mark.parametrize("resample", ["fine", "pillow"])
def test_the_square_is_moved_by_shares_of_the_longer_side(resample: str, noise: Picture) -> None:
    spec = ClipSpec(resample=resample, margin=1.0, shift=(0.25, -0.5), size=24)  # type: ignore[arg-type]
    box = np.array([50, 50, 70, 90], np.float32)
    moved = cut_frame(noise, spec, box=box, points=NOWHERE)
    by_hand = box + np.array([10, -20, 10, -20], np.float32)
    there = cut_frame(noise, replace(spec, shift=(0.0, 0.0)), box=by_hand, points=NOWHERE)
    assert (moved == there).all()


def test_a_face_keeps_its_size_and_one_wrong_point_moves_nothing(noise: Picture) -> None:
    points = place_template("gend", margin=1.3, size=90).astype(np.float32)
    points += np.array([20, 10], np.float32)
    assert find_own_side(points, 1.3) == 90
    spec = ClipSpec(crop="aligned", template="gend", resample="pillow", margin=1.3, size=90)
    crop = cut_frame(noise, spec, box=np.zeros(4, np.float32), points=points)
    assert (crop == noise[10:100, 20:110]).all()
    target = place_template("gend", margin=1.3, size=90)
    wrong = points.copy()
    wrong[2] += (25, -9)
    np.testing.assert_allclose(fit_median(wrong, target), fit_median(points, target), atol=1e-3)
    # A face without any extent has a place all the same.
    nowhere = cut_frame(noise, spec, box=np.zeros(4, np.float32), points=NOWHERE + 30)
    assert nowhere.shape == (90, 90, 3)


def test_box_outside_of_the_frame_still_gives_a_crop(noise: Picture) -> None:
    for box in ((-90, -90, -50, -50), (200, 200, 240, 240)):
        crop = crop_whole_pixels(noise, np.array(box, np.float32), margin=1.3, size=16)
        assert crop.shape == (16, 16, 3)


def test_whole_frame_is_stretched(noise: Picture) -> None:
    assert (stretch_frame(noise, 50) == cv2.resize(noise, (50, 50))).all()
    spec = ClipSpec(crop="full", resample="opencv", size=50)
    crop = cut_frame(noise, spec, box=np.zeros(4, np.float32), points=NOWHERE)
    assert (crop == stretch_frame(noise, 50)).all()


def test_the_projects_own_crops_are_as_before(noise: Picture) -> None:
    box, points = np.array([40, 30, 90, 90], np.float32), NOWHERE + np.arange(10).reshape(5, 2) * 7
    boxed = cut_frame(noise, ClipSpec(margin=1.2, size=32), box=box, points=points)
    assert (boxed == crop_box(noise, box, margin=1.2, size=32)).all()
    aligned = cut_frame(noise, ClipSpec(crop="aligned", size=32), box=box, points=points)
    assert (aligned == align_face(noise, points, margin=1.3, size=32)).all()


@pytest.mark.parametrize(
    "spec",
    [
        ClipSpec(crop="box", margin=1.3, size=40),
        ClipSpec(crop="box", margin=1.3, size=17),
        ClipSpec(crop="box", resample="pillow", margin=1.3, size=40),
        ClipSpec(crop="box", margin=1.1, shift=(0.1, -0.2), size=40),
        ClipSpec(crop="box", resample="pillow", margin=1.05, shift=(-0.024, 0.042), size=40),
        ClipSpec(crop="aligned", margin=1.4, size=48),
        ClipSpec(crop="aligned", resample="opencv", template="caddm", size=64),
        ClipSpec(crop="aligned", resample="opencv", cut_size=96, margin=1.2, size=40),
        ClipSpec(crop="aligned", template="gend", resample="pillow_cubic", size=64),
        ClipSpec(crop="aligned", template="gend", resample="pillow", margin=1.0, size=200),
        ClipSpec(crop="full", resample="opencv", size=56),
    ],
    ids=lambda spec: f"{spec.crop}-{spec.resample}-{spec.cut_size or spec.size}",
)
def test_what_is_at_a_place_of_the_frame_is_found_in_the_crop(spec: ClipSpec) -> None:
    """The middle of a soft white spot moves to the place that the matrix gives."""
    height, width = 240, 320
    rows, columns = np.mgrid[:height, :width]
    box = np.array([100, 60, 220, 196], np.float32)
    points = np.array([[132, 110], [188, 102], [162, 136], [144, 168], [190, 160]], np.float32)
    matrix = place_frame(spec, box=box, points=points, frame_size=(height, width))
    y, x = np.mgrid[: spec.size, : spec.size]
    for at in ((140.0, 110.0), (170.3, 150.6)):
        spot = 255 * np.exp(-((columns - at[0]) ** 2 + (rows - at[1]) ** 2) / (2 * 8**2))
        frame = np.repeat(np.rint(spot).astype(np.uint8)[..., None], 3, axis=2)
        crop = cut_frame(frame, spec, box=box, points=points)[..., 0].astype(float)
        weight = np.where(crop > 20, crop, 0)
        middle = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        np.testing.assert_allclose(matrix @ [*at, 1.0], middle, atol=0.12)
