"""CADDM's random alignment: the face is put elsewhere than on its template, as it is cut out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from thb_dataset.faces.crops import fit_similarity
from thb_dataset.faces.framing import place_template

Matrix = npt.NDArray[np.float64]

PUBLISHED_SIDE: Final = 224
"""Pixels of the crops that the published shift is told for."""
EYES_FROM_TOP: Final = 1 / 2.42
"""Of the side: where the left eye lies at any scale."""
LEAST_SCALE: Final = 0.5
"""Four deviations below the published mean; smaller ones turn faces inside out."""


def jitter_faces(
    pixels: npt.NDArray[np.uint8], settings: Mapping[str, Any], random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Cut crops out of wider ones, all alike: scaled, turned, moved and slightly bent.

    Args:
        pixels: uint8 (T, W, W, 3), aligned crops that are ``reach`` times as wide as wanted.
        settings: Of the augmentation ``align``.
        random: Where the chances come from.

    Returns:
        uint8 (T, W / reach, W / reach, 3); black where the wide crops end.
    """
    wide = pixels.shape[1]
    size = round(wide / settings["reach"])
    spare = (wide - size) / 2
    inner = np.array([[1, 0, -spare], [0, 1, -spare], [0, 0, 1]])
    matrix = draw_placement(size, settings, random) @ inner
    return np.stack([cv2.warpPerspective(picture, matrix, (size, size)) for picture in pixels])


def draw_placement(size: int, settings: Mapping[str, Any], random: np.random.Generator) -> Matrix:
    """Draw where the pixels of an aligned crop come to lie: float64 (3, 3), a perspective.

    Source: official code of CADDM, its face cropping; the figures are in the recipe.

    Args:
        size: Side of the crop.
        settings: Of the augmentation ``align``.
        random: Where the chances come from.
    """
    mean = settings["scale_mean"]
    scale = max(LEAST_SCALE, random.normal(mean, settings["scale_std"]))
    turn = settings["turn_degrees"] * random.uniform(-1, 1) ** 3
    low, high = settings["shift_pixels"]
    shift = random.uniform(low, high, size=2) * size / PUBLISHED_SIDE
    across, down = (
        random.uniform(*settings["stretch"])
        if random.random() < settings["stretch_probability"]
        else 1.0
        for _ in range(2)
    )
    still = place_template("caddm", margin=1.0, size=size)
    moved = scale_template(still, size, scale / mean, eyes=settings["eye_height"] * mean)
    scaling = np.vstack([fit_similarity(still, moved), [0, 0, 1]])
    turning = np.vstack([cv2.getRotationMatrix2D((size / 2, size / 2), turn, 1), [0, 0, 1]])
    corners = moved[[0, 1, 3, 4]].astype(np.float32)
    bent = corners.copy()
    for one, other, factor in (
        (0, 1, across),
        (2, 3, 1 / across),
        (0, 2, down),
        (1, 3, 1 / down),
    ):
        middle, half = (bent[one] + bent[other]) / 2, (bent[one] - bent[other]) / 2
        bent[one], bent[other] = middle + half * factor, middle - half * factor
    bending = cv2.getPerspectiveTransform(corners, (bent + shift).astype(np.float32))
    matrix: Matrix = bending @ turning @ scaling
    return matrix


def scale_template(points: Matrix, size: int, factor: float, *, eyes: float) -> Matrix:
    """Return the template of faces that are larger by a factor; the left eye keeps its height.

    Args:
        points: float64 (5, 2), the template in pixels.
        size: Side of the crop in pixels.
        factor: Above zero.
        eyes: Height of the left eye over the middle of the mean face, in sides of the crop.
    """
    x, y = (points / size).T
    # The published heights are over the left eye's, which so lies in one place at any scale.
    height = y / EYES_FROM_TOP * (eyes + 0.5) - 0.5
    scaled = (height * factor + 0.5) * EYES_FROM_TOP / (eyes * factor + 0.5)
    return np.stack([(x - 0.5) * factor + 0.5, scaled], axis=1) * size
