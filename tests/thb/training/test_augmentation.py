"""Augmentations of training clips do what they are documented to do."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from detectors.caddm.recipe import PUBLISHED as CADDM
from detectors.gend.recipe import PUBLISHED as GEND
from detectors.recipes import Augmentation
from detectors.tall.recipe import PUBLISHED as TALL
from thb.training.augmentation import change_pixels, change_values
from thb.training.cutting import CUTS


def draw(shape: tuple[int, ...] = (3, 32, 32, 3)) -> npt.NDArray[np.uint8]:
    """Return a clip that shows the same smooth picture in every frame."""
    y, x = np.mgrid[: shape[1], : shape[2]]
    picture = np.stack([x * 7, y * 7, (x + y) * 3], axis=-1).astype(np.uint8)
    return np.stack([picture] * shape[0])


def change(name: str, pixels: npt.NDArray[np.uint8], **settings: object) -> npt.NDArray[np.uint8]:
    augmentation = Augmentation(name=name, settings=settings)
    return change_pixels(pixels, [augmentation], np.random.default_rng(0))


FOLLOWED = [
    augmentation
    for recipe in (CADDM, TALL, GEND)
    for augmentation in recipe.augmentations
    if augmentation.name not in {*recipe.not_followed, *CUTS}
]


@pytest.mark.parametrize("followed", FOLLOWED, ids=lambda followed: followed.name)
def test_all_frames_change_alike_and_reproducibly(followed: Augmentation) -> None:
    always = Augmentation(name=followed.name, settings=followed.settings)
    first, again = (change_pixels(draw(), [always], np.random.default_rng(5)) for _ in range(2))
    assert first.shape == (3, 32, 32, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    if followed.name != "noise":
        np.testing.assert_array_equal(first[0], first[2])


def test_an_augmentation_happens_with_its_probability() -> None:
    random = np.random.default_rng(0)
    flip = Augmentation(name="flip", probability=0.3)
    flips = [
        not np.array_equal(change_pixels(draw((1, 4, 4, 3)), [flip], random), draw((1, 4, 4, 3)))
        for _ in range(1000)
    ]
    assert 0.25 < np.mean(flips) < 0.35


def test_jpeg_comes_close_to_pillows() -> None:
    picture = draw((1, 32, 32, 3))
    coded = change("jpeg", picture, quality=(60, 60))
    stream = io.BytesIO()
    Image.fromarray(picture[0]).save(stream, "JPEG", quality=60, subsampling="4:2:0")
    pillows = np.asarray(Image.open(stream))
    assert np.abs(coded[0].astype(int) - pillows.astype(int)).mean() < 2
    assert np.abs(coded[0].astype(int) - picture[0].astype(int)).mean() > 0.5


def test_gamma_range_and_flip_match_results_by_hand() -> None:
    pixels = np.array([[[[50, 100, 150]], [[150, 100, 50]]]], np.uint8)
    darker = change("gamma", pixels, gamma=(0.5, 0.5))
    np.testing.assert_array_equal(darker, np.floor(255 * (pixels / 255) ** 2))
    stretched = change("stretch_range", pixels)
    np.testing.assert_array_equal(np.unique(stretched), [0, 126, 252])
    wide = draw((1, 4, 4, 3))
    np.testing.assert_array_equal(change("flip", wide)[0, :, 0], wide[0, :, 3])


def test_blur_is_one_of_the_published_gaussians() -> None:
    point = np.zeros((1, 9, 9, 3), np.uint8)
    point[:, 4, 4] = 255

    def blur(seed: int, *sigmas: int) -> npt.NDArray[np.uint8]:
        augmentation = Augmentation(name="blur", settings={"kernel": 3, "sigmas": sigmas})
        return change_pixels(point, [augmentation], np.random.default_rng(seed))[0, 3:6, 3:6, 0]

    def weights(sigma: float) -> npt.NDArray[np.float64]:
        side = np.exp(-1 / (2 * sigma**2))
        line = np.array([side, 1, side]) / (1 + 2 * side)
        return 255 * np.outer(line, line)

    # For a kernel of three and a deviation of 0, OpenCV uses the weights 1 2 1.
    wanted = {0: 255 * np.outer([1, 2, 1], [1, 2, 1]) / 16, 1: weights(1), 2: weights(2)}
    for sigma, kernel in wanted.items():
        np.testing.assert_allclose(blur(0, sigma), kernel, atol=1.5)
    assert len({int(blur(seed, 0, 1, 2)[1, 1]) for seed in range(30)}) == 3


def test_noise_has_the_requested_deviation() -> None:
    grey = np.full((4, 64, 64, 3), 128, np.uint8)
    noisy = change("noise", grey, sigma=((20, 20),))
    assert noisy.astype(float).std() == pytest.approx(20, rel=0.03)


def test_cutout_is_the_same_square_in_every_picture() -> None:
    values = np.ones((2, 4, 3, 64, 64), np.float32)
    cutout = Augmentation(name="cutout", settings={"side_pixels": 16, "value": 0.0})
    cut = change_values(values.copy(), [cutout], np.random.default_rng(1))
    assert (cut == cut[0, 0, 0]).all()
    hole = np.argwhere(cut[0, 0, 0] == 0)
    assert (np.ptp(hole, axis=0) < 16).all()
    assert 0 < len(hole) <= 256
    untouched = change_pixels(draw(), [cutout], np.random.default_rng(1))
    np.testing.assert_array_equal(untouched, draw())


def test_the_four_augmentations_of_caddm_go_as_far_as_published() -> None:
    grey = np.full((2, 32, 32, 3), 100, np.uint8)
    point = np.zeros((1, 33, 33, 3), np.uint8)
    point[0, 16, 16] = 255
    names = ("coarse_noise", "hue_saturation", "motion_blur", "tone")
    ours = {change.name: change for change in CADDM.augmentations if change.name in names}
    assert set(ours) == set(names)
    assert not set(names) & set(CADDM.not_followed)
    for seed in range(40):
        made = {
            name: change_pixels(
                point if name == "motion_blur" else grey,
                [replace(augmentation, probability=1.0)],
                np.random.default_rng(seed),
            )
            for name, augmentation in ours.items()
        }
        toned = made["tone"].astype(int)
        assert (toned >= 100 - 12).all()
        assert (toned <= 100 + 47).all()
        assert len(np.unique(toned.reshape(-1, 3), axis=0)) == 1
        spots = made["coarse_noise"].astype(int) - 100
        assert 0 < np.abs(spots).max() <= 12
        assert (spots[0] == spots[1]).all()
        assert (spots[..., 0] == spots[..., 2]).all()
        valued = made["hue_saturation"].astype(int)
        assert valued.min() == valued.max()
        assert 50 <= valued.max() <= 200
        rows, columns = np.nonzero(made["motion_blur"][0, ..., 0])
        assert max(np.abs(rows - 16).max(), np.abs(columns - 16).max()) <= 10
        assert abs(int(made["motion_blur"][0, ..., 0].sum()) - 255) <= len(rows)


class Fixed(np.random.Generator):
    """Draws every number at the same share of its range, and so in any order."""

    def __init__(self, share: float) -> None:
        super().__init__(np.random.PCG64(0))
        self._share = share

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Return the number at the share between two others."""
        value = low + self._share * (high - low)
        return value if size is None else np.full(size, value)

    def random(self, *_: Any, **__: Any) -> Any:
        """Return the share itself."""
        return self._share


def load_torchvision() -> Any:
    """Return torchvision's functions; ``detectors.base`` has made the import possible."""
    return pytest.importorskip("torchvision.transforms.v2.functional")


def draw_noise(side: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(side).integers(0, 256, (1, side, side, 3), np.uint8)


def change_at(share: float, name: str, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    (published,) = [
        augmentation for augmentation in GEND.augmentations if augmentation.name == name
    ]
    changed: npt.NDArray[np.uint8] = change_pixels(pixels, [published], Fixed(share))[0]
    return changed


@pytest.mark.parametrize("side", [56, 57])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.85, 0.999])
def test_affine_is_torchvisions(share: float, side: int) -> None:
    functions, pixels = load_torchvision(), draw_noise(side)
    move = round(-0.1 * side + share * 0.2 * side)
    wanted = functions.affine(
        torch.from_numpy(pixels[0]).permute(2, 0, 1),
        angle=-10 + 20 * share,
        translate=[move, move],
        scale=0.9 + 0.2 * share,
        shear=[0.0, 0.0],
    )
    made = change_at(share, "affine", pixels)
    differs = (made != wanted.permute(1, 2, 0).numpy()).any(axis=-1)
    assert differs.mean() < 0.005, "only pixels between two others fall to the other one"
    assert (made != pixels[0]).any() == (share != 0.5)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.85, 0.999])
def test_jitter_is_torchvisions(share: float) -> None:
    functions, pixels = load_torchvision(), draw_noise(56)
    steps = [functions.adjust_brightness, functions.adjust_contrast]
    orders = []
    for order in (steps, steps[::-1]):
        wanted = torch.from_numpy(pixels[0]).permute(2, 0, 1)
        for step in order:
            wanted = step(wanted, 0.9 + 0.2 * share)
        orders.append(wanted.permute(1, 2, 0).numpy().astype(int))
    made = change_at(share, "jitter", pixels).astype(int)
    assert min(np.abs(made - each).max() for each in orders) <= 1
    assert (made != pixels[0]).any() == (share != 0.5)
