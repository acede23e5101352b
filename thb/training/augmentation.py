"""Changes of training clips that published recipes name, as exact as the crops allow.

Each is done to all pictures of a sample alike. What cannot be done here is named in the recipe's
``not_followed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from detectors.recipes import Augmentation
from thb.training.face_jitter import jitter_faces

Pixels = npt.NDArray[np.uint8]
Settings = Mapping[str, Any]
Change = Callable[[Pixels, Settings, np.random.Generator], Pixels]


def find_unknown(augmentations: Iterable[Augmentation]) -> list[str]:
    """List what nobody here can do, in words."""
    return [
        f"augmentation {one.name!r} is none of {', '.join(sorted({*_CHANGES, 'cutout'}))}"
        for one in augmentations
        if one.name not in _CHANGES and one.name != "cutout"
    ]


def change_pixels(
    pixels: Pixels, augmentations: Iterable[Augmentation], random: np.random.Generator
) -> Pixels:
    """Change the pictures of a sample, each augmentation as often as it says.

    Args:
        pixels: uint8 (T, S, S, 3), RGB.
        augmentations: In order; those of normalised values are left to :func:`change_values`.
        random: Where the chances come from.

    Returns:
        uint8 (T, S, S, 3); of another side after ``align``, which cuts crops out of wider ones.
    """
    for one in augmentations:
        if one.name in _CHANGES and random.random() < one.probability:
            pixels = _CHANGES[one.name](pixels, one.settings, random)
    return pixels


def change_values(
    values: npt.NDArray[np.float32],
    augmentations: Iterable[Augmentation],
    random: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Change what is done after normalisation: the cutout, one square at one place everywhere.

    Args:
        values: (..., S, S); changed in place.
        augmentations: Those of pixels are passed over.
        random: Where the chances come from.
    """
    for one in augmentations:
        if one.name == "cutout" and random.random() < one.probability:
            half = one.settings["side_pixels"] // 2
            row, column = (int(random.integers(side)) for side in values.shape[-2:])
            rows = slice(max(0, row - half), row + half)
            values[..., rows, max(0, column - half) : column + half] = one.settings["value"]
    return values


def _flip(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    return pixels[:, :, ::-1]


def _corner_crop(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Cut a smaller square out of a corner or the middle, and bring it back to the size."""
    size = pixels.shape[1]
    side = int(size * random.choice(settings["scales"]))
    spare = size - side
    places = ((0, 0), (0, spare), (spare, 0), (spare, spare), (spare // 2, spare // 2))
    top, left = places[random.integers(len(places))]
    cut = pixels[:, top : top + side, left : left + side]
    return cut if spare == 0 else _map(cut, lambda picture: _resize(picture, size))


def _halve(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Make the pictures half as large, and large again."""
    size = pixels.shape[1]
    return _map(pixels, lambda picture: _resize(_resize(picture, size // 2), size))


def _jpeg(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    low, high = settings["quality"]
    quality = int(random.integers(low, high + 1))

    def code(picture: Pixels) -> Pixels:
        # OpenCV codes BGR: the channels must be told apart, since JPEG keeps less of colour.
        written, data = cv2.imencode(
            ".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        if not written:
            raise RuntimeError("OpenCV could not code a picture as JPEG")
        read: Pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return read[..., ::-1]

    return _map(pixels, code)


def _stretch_range(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Stretch each picture's values over the whole range."""

    def stretch(picture: Pixels) -> Pixels:
        low, high = int(picture.min()), int(picture.max())
        if low == high:
            return picture
        table = np.clip((np.arange(256) - low) * 255 / (high - low), 0, 255)
        stretched: Pixels = np.rint(table).astype(np.uint8)[picture]
        return stretched

    return _map(pixels, stretch)


def _gamma(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    exponent = random.uniform(*settings["gamma"])
    table = np.rint(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    changed: Pixels = table[pixels]
    return changed


def _blur(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Blur by a Gaussian of a fixed size; a deviation of 0 is OpenCV's own for that size."""
    size, sigma = (int(settings["kernel"]),) * 2, float(random.choice(settings["sigmas"]))
    return _map(pixels, lambda picture: cv2.GaussianBlur(picture, size, sigma))


def _noise(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Add Gaussian noise; its deviation is a whole number from one of the ranges."""
    low, high = settings["sigma"][random.integers(len(settings["sigma"]))]
    sigma = random.integers(low, high + 1)
    noisy = pixels + random.normal(0, sigma, pixels.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _coarse_noise(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Add grey noise made at a part of the size and enlarged, so that it comes in spots."""
    size = pixels.shape[1]
    small = max(1, size // int(settings["shrink"]))
    spots = cv2.resize(random.normal(0, settings["sigma"], (small, small)), (size, size))
    spotted: Pixels = np.clip(np.rint(pixels + spots[..., None]), 0, 255).astype(np.uint8)
    return spotted


def _hue_saturation(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Scale saturation and value in HSV, each every second time, down or up."""
    factors = {}
    for channel, name in ((1, "saturation"), (2, "value")):
        if random.random() < 0.5:
            low, high = settings[name]
            factors[channel] = random.uniform(*((low, 1) if random.random() < 0.5 else (1, high)))

    def scale(picture: Pixels) -> Pixels:
        hsv = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), np.uint8)
        for channel, factor in factors.items():
            hsv[..., channel] = np.clip(hsv[..., channel] * factor, 0, 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)

    return _map(pixels, scale) if factors else pixels


def _motion_blur(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Smear the pictures along a line of any direction, its length drawn in pixels."""
    angle, (shortest, longest) = np.deg2rad(random.integers(360)), settings["length_pixels"]
    length = int(random.integers(shortest, longest + 1))
    kernel = np.zeros((2 * length + 1, 2 * length + 1))
    end = (length + round(np.cos(angle) * length), length + round(np.sin(angle) * length))
    cv2.line(kernel, (length, length), end, 1.0)
    kernel /= kernel.sum()
    return _map(pixels, lambda picture: cv2.filter2D(picture, -1, kernel))


def _tone(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Mix the pictures with one colour."""
    (darkest, brightest), (least, most) = settings["colour"], settings["share"]
    colour, share = random.uniform(darkest, brightest, 3), random.uniform(least, most)
    mixed: Pixels = np.clip(np.rint((1 - share) * pixels + share * colour), 0, 255).astype(np.uint8)
    return mixed


def _map(pixels: Pixels, change: Callable[[Pixels], Any]) -> Pixels:
    pictures = [change(np.ascontiguousarray(picture)) for picture in pixels]
    return np.stack(pictures).astype(np.uint8, copy=False)


def _resize(picture: Pixels, size: int) -> Pixels:
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


_CHANGES: dict[str, Change] = {
    "align": jitter_faces,
    "flip": _flip,
    "corner_crop": _corner_crop,
    "halve": _halve,
    "jpeg": _jpeg,
    "stretch_range": _stretch_range,
    "gamma": _gamma,
    "blur": _blur,
    "noise": _noise,
    "coarse_noise": _coarse_noise,
    "hue_saturation": _hue_saturation,
    "motion_blur": _motion_blur,
    "tone": _tone,
}
