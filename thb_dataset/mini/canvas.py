"""The canvas on which an invented head is painted, and the place of the head's parts on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.floating[Any]]

FRAME_SIZE = 256
"""The width and height of every synthetic video, in pixels."""
MARGIN = 24
"""The width of the canvas around the frame, in pixels, so that moving it shows no border."""
CANVAS_SIZE = FRAME_SIZE + 2 * MARGIN


@dataclass(frozen=True, kw_only=True)
class Eye:
    """An eye on the canvas: its centre and half its extent, in pixels."""

    x: float
    y: float
    half_width: float
    half_height: float


@dataclass(frozen=True, kw_only=True)
class Mouth:
    """A mouth on the canvas, in pixels.

    Attributes:
        x: The x of its centre.
        corner_y: The y of its corners.
        upper_y: The lower edge of the upper lip at the centre.
        lower_y: The upper edge of the lower lip at the centre; it is drawn a little open.
        half_width: The distance from the centre to a corner.
        chin_y: The y of the tip of the chin.
    """

    x: float
    corner_y: float
    upper_y: float
    lower_y: float
    half_width: float
    chin_y: float


@dataclass(frozen=True, kw_only=True)
class Landmarks:
    """The places of the parts of a head on the canvas, in pixels (x, y).

    Attributes:
        eyes: The eye on the left of the picture, then the one on its right.
        mouth: The mouth.
        nose: The tip of the nose, which is the part of the head nearest to the viewer.
        neck: The point around which the head turns on the body.
        radii: Half the extent of the head.
    """

    eyes: tuple[Eye, Eye]
    mouth: Mouth
    nose: tuple[float, float]
    neck: tuple[float, float]
    radii: tuple[float, float]


def as_floats(values: npt.ArrayLike) -> Floats:
    """Return an array as float32."""
    return np.asarray(values, np.float32)


def blur(values: npt.ArrayLike, sigma: float) -> Floats:
    """Return a Gaussian blur of an array as float32; ``sigma`` is in pixels."""
    return as_floats(cv2.GaussianBlur(as_floats(values), (0, 0), sigma))


def fill_outline(points: npt.ArrayLike) -> Floats:
    """Return a mask: float32 (C, C), 1 inside an outline of (x, y) points and 0 outside."""
    mask = np.zeros((CANVAS_SIZE, CANVAS_SIZE), np.float32)
    corners = np.rint(np.asarray(points, np.float64) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], (1.0,), cv2.LINE_8, 4)
    return mask


def fill_ellipse(
    centre: tuple[float, float],
    radii: tuple[float, float],
    *,
    degrees: float = 0.0,
) -> Floats:
    """Return a mask: float32 (C, C), 1 inside an ellipse, given in pixels, and 0 outside."""
    mask = np.zeros((CANVAS_SIZE, CANVAS_SIZE), np.float32)
    cv2.ellipse(mask, (centre, (2 * radii[0], 2 * radii[1]), degrees), (1.0,), -1)
    return mask


def make_layer(colours: Numbers, alpha: Numbers) -> Bytes:
    """Join colours and an alpha into one layer.

    Args:
        colours: (H, W, 3), 0 to 255.
        alpha: (H, W), 0 to 1.

    Returns:
        uint8 (H, W, 4), with colours multiplied by alpha: such layers can be warped and laid over
        each other without a seam.
    """
    alpha = np.clip(alpha, 0, 1)[..., None]
    layer = np.concatenate([np.clip(colours, 0, 255) * alpha, 255 * alpha], axis=-1)
    return np.asarray(np.rint(layer), np.uint8)


def canvas_grid() -> tuple[Floats, Floats]:
    """Return the x and the y of every canvas pixel: float32 (C, C) each."""
    line = np.arange(CANVAS_SIZE, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return x, y


def draw_blobs(rng: np.random.Generator, cells: int, channels: int = 1) -> Floats:
    """Return smooth noise of about -1 to 1: float32 (C, C, channels).

    Args:
        rng: The source of all randomness.
        cells: The number of blobs across the canvas.
        channels: The number of channels.
    """
    coarse = rng.uniform(-1, 1, (cells, cells, channels)).astype(np.float32)
    size = (CANVAS_SIZE, CANVAS_SIZE)
    smooth = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return as_floats(smooth).reshape(CANVAS_SIZE, CANVAS_SIZE, channels)
