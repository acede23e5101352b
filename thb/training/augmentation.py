"""The augmentations of published recipes, followed as exactly as the crops allow.

An augmentation changes all pictures of a sample in the same way. Those that cannot be followed
here are listed in the recipe's ``not_followed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from detectors.recipes import Augmentation
from thb.training.cutting import CUTS

Pixels = npt.NDArray[np.uint8]
Settings = Mapping[str, Any]
Change = Callable[[Pixels, Settings, np.random.Generator], Pixels]


def find_unknown(augmentations: Iterable[Augmentation]) -> list[str]:
    """Return a message for each augmentation whose name is unknown."""
    known = {*CUTS, *_CHANGES, _CUTOUT}
    return [
        f"augmentation {augmentation.name!r} is unknown; known: {', '.join(sorted(known))}"
        for augmentation in augmentations
        if augmentation.name not in known
    ]


def change_pixels(
    pixels: Pixels, augmentations: Iterable[Augmentation], random: np.random.Generator
) -> Pixels:
    """Change the pictures of a sample by each augmentation, with the probability that it names.

    Args:
        pixels: The pictures, uint8 (T, S, S, 3), RGB.
        augmentations: The augmentations, in order; those that cut pictures are left to
            :func:`thb.training.cutting.cut_pixels`, and ``cutout`` to :func:`change_values`.
        random: The random number generator.

    Returns:
        The changed pictures, uint8 (T, S, S, 3).
    """
    for augmentation in augmentations:
        if augmentation.name in _CHANGES and random.random() < augmentation.probability:
            pixels = _CHANGES[augmentation.name](pixels, augmentation.settings, random)
    return pixels


def change_values(
    values: npt.NDArray[np.float32],
    augmentations: Iterable[Augmentation],
    random: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Cut out a square of a sample's normalised values, the same in every picture.

    Args:
        values: The normalised values, (..., S, S); they are changed in place.
        augmentations: The augmentations; all but ``cutout`` are left to :func:`change_pixels`.
        random: The random number generator.

    Returns:
        The same array.
    """
    for augmentation in augmentations:
        if augmentation.name == _CUTOUT and random.random() < augmentation.probability:
            half = augmentation.settings["side_pixels"] // 2
            row, column = (int(random.integers(side)) for side in values.shape[-2:])
            rows = slice(max(0, row - half), row + half)
            columns = slice(max(0, column - half), column + half)
            values[..., rows, columns] = augmentation.settings["value"]
    return values


def _flip(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    return pixels[:, :, ::-1]


def _jpeg(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    low, high = settings["quality"]
    quality = int(random.integers(low, high + 1))

    def compress(picture: Pixels) -> Pixels:
        # OpenCV expects BGR. The order matters, since JPEG does not treat the channels alike.
        written, data = cv2.imencode(
            ".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        if not written:
            raise RuntimeError("OpenCV could not encode a picture as JPEG")
        read: Pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return read[..., ::-1]

    return _map(pixels, compress)


def _stretch_range(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Stretch the values of each picture over the whole range."""

    def stretch(picture: Pixels) -> Pixels:
        low, high = int(picture.min()), int(picture.max())
        # The original divides by one more, so that pure white is never reached.
        table = np.clip((np.arange(256) - low) * 255 / (high - low + 1), 0, 255)
        stretched: Pixels = np.rint(table).astype(np.uint8)[picture]
        return stretched

    return _map(pixels, stretch)


def _gamma(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Raise the values to the power of 1 / gamma."""
    exponent = 1 / random.uniform(*settings["gamma"])
    changed: Pixels = _cut(255 * (np.arange(256) / 255) ** exponent)[pixels]
    return changed


def _blur(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Blur with a Gaussian of a fixed size; for a deviation of 0, OpenCV chooses it by the size.

    The deviation is one of ``sigmas``, or any number in the range ``sigma``.
    """
    size = (int(settings["kernel"]),) * 2
    if "sigma" in settings:
        sigma = float(random.uniform(*settings["sigma"]))
    else:
        sigma = float(random.choice(settings["sigmas"]))
    return _map(pixels, lambda picture: cv2.GaussianBlur(picture, size, sigma))


def _noise(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Add Gaussian noise; its deviation is an integer from one of the ranges."""
    low, high = settings["sigma"][random.integers(len(settings["sigma"]))]
    sigma = random.integers(low, high + 1)
    return _cut(pixels + random.normal(0, sigma, pixels.shape))


def _coarse_noise(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Add grey noise that is drawn at a fraction of the size and enlarged, so it forms spots."""
    size = pixels.shape[1]
    small = max(1, size // int(settings["shrink"]))
    spots = cv2.resize(random.normal(0, settings["sigma"], (small, small)), (size, size))
    spotted: Pixels = np.clip(np.rint(pixels + spots[..., None]), 0, 255).astype(np.uint8)
    return spotted


def _hue_saturation(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Scale saturation and value in HSV, each with probability 1/2, down or up."""
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
    """Smear the pictures along a line of random direction and length."""
    angle, (shortest, longest) = np.deg2rad(random.integers(360)), settings["length_pixels"]
    length = int(random.integers(shortest, longest + 1))
    across, down = np.cos(angle), np.sin(angle)
    # The kernel is as large as the line's longer part, twice; the line begins in its middle.
    side = int(2 * length * max(abs(across), abs(down)))
    middle = side // 2
    kernel = np.zeros((side, side))
    cv2.line(
        kernel,
        (middle, middle),
        (int(across * length + middle), int(down * length + middle)),
        1.0,
    )
    kernel /= kernel.sum()
    return _map(pixels, lambda picture: cv2.filter2D(picture, -1, kernel))


def _tone(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Blend the pictures with one random colour."""
    (darkest, brightest), (least, most) = settings["colour"], settings["share"]
    colour, share = random.uniform(darkest, brightest, 3), random.uniform(least, most)
    return _cut((1 - share) * pixels + share * colour)


def _affine(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Turn, move and scale about the middle, as torchvision does: nearest pixels, black outside.

    Of a thousand pixels up to five that lie between two of the picture fall to the other one.
    """
    turn = np.deg2rad(random.uniform(-settings["degrees"], settings["degrees"]))
    scale = random.uniform(*settings["scale"])
    side, reach = pixels.shape[1], settings["translate"] * pixels.shape[1]
    across, down = (round(shift) for shift in random.uniform(-reach, reach, size=2))
    cosine, sine, middle = np.cos(turn) * scale, np.sin(turn) * scale, (side - 1) / 2
    matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    matrix[:, 2] = (middle + across, middle + down) - matrix[:, :2] @ (middle, middle)
    size = (side, side)
    return _map(
        pixels, lambda picture: cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_NEAREST)
    )


def _jitter(pixels: Pixels, settings: Settings, random: np.random.Generator) -> Pixels:
    """Scale the brightness, and the contrast about the mean grey of each picture, in any order.

    The factors mean what they mean in torchvision; its mean is that of whole greys, cut off, so
    that a pixel may differ by one.
    """
    factors = {
        name: random.uniform(1 - settings[name], 1 + settings[name])
        for name in ("brightness", "contrast")
    }
    names = sorted(factors, reverse=random.random() < 0.5)

    def jitter(picture: Pixels) -> Pixels:
        for name in names:
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).mean() if name == "contrast" else 0.0
            picture = _cut(factors[name] * picture + (1 - factors[name]) * grey)
        return picture

    return _map(pixels, jitter)


def _map(pixels: Pixels, change: Callable[[Pixels], Any]) -> Pixels:
    pictures = [change(np.ascontiguousarray(picture)) for picture in pixels]
    return np.stack(pictures).astype(np.uint8, copy=False)


def _cut(values: npt.NDArray[np.float64]) -> Pixels:
    """Return values as whole numbers, cut off and not rounded, as the original does."""
    whole: Pixels = np.clip(np.floor(values + 1e-6), 0, 255).astype(np.uint8)
    return whole


_CUTOUT = "cutout"
"""The one augmentation of normalised values; all others change pixels."""

_CHANGES: dict[str, Change] = {
    "flip": _flip,
    "jpeg": _jpeg,
    "stretch_range": _stretch_range,
    "gamma": _gamma,
    "blur": _blur,
    "noise": _noise,
    "coarse_noise": _coarse_noise,
    "hue_saturation": _hue_saturation,
    "motion_blur": _motion_blur,
    "tone": _tone,
    "affine": _affine,
    "jitter": _jitter,
}
