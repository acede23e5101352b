"""CADDM's random alignment: crops in which the face is randomly off its template."""

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
"""The side of the crops, in pixels, to which the published shift refers."""
EYES_FROM_TOP: Final = 1 / 2.42
"""The height of the left eye below the top, as a share of the side, at every scale."""
LEAST_SCALE: Final = 0.5
"""Four deviations below the published mean; a smaller scale would turn the face inside out."""


def jitter_faces(
    pixels: npt.NDArray[np.uint8],
    settings: Mapping[str, Any],
    random: np.random.Generator,
    *,
    size: int,
    still: bool = False,
) -> npt.NDArray[np.uint8]:
    """Cut crops out of wider ones, all in the same way: scaled, turned, moved and slightly bent.

    Args:
        pixels: Aligned crops that show ``reach`` times the width of the result, in any number of
            pixels, uint8 (T, W, W, 3).
        settings: The settings of the augmentation ``align``.
        random: The random number generator.
        size: The side of the result in pixels.
        still: Leave the faces where they are; nothing is drawn.

    Returns:
        The crops, uint8 (T, size, size, 3); black beyond the edge of the wide crops.
    """
    shown = size * settings["reach"]
    spare, scale = (shown - size) / 2, shown / pixels.shape[1]
    matrix = np.array([[scale, 0, -spare], [0, scale, -spare], [0, 0, 1]])
    if not still:
        matrix = draw_placement(size, settings, random) @ matrix
    return np.stack([cv2.warpPerspective(picture, matrix, (size, size)) for picture in pixels])


def draw_placement(size: int, settings: Mapping[str, Any], random: np.random.Generator) -> Matrix:
    """Draw the perspective that moves the pixels of an aligned crop to their new places.

    Source: the face cropping in the official code of CADDM; its numbers are in the recipe.

    Args:
        size: The side of the crop in pixels.
        settings: The settings of the augmentation ``align``.
        random: The random number generator.

    Returns:
        The matrix of the perspective, float64 (3, 3).
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
    for first, second, factor in (
        (0, 1, across),
        (2, 3, 1 / across),
        (0, 2, down),
        (1, 3, 1 / down),
    ):
        middle, half = (bent[first] + bent[second]) / 2, (bent[first] - bent[second]) / 2
        bent[first], bent[second] = middle + half * factor, middle - half * factor
    bending = cv2.getPerspectiveTransform(corners, (bent + shift).astype(np.float32))
    matrix: Matrix = bending @ turning @ scaling
    return matrix


def scale_template(points: Matrix, size: int, factor: float, *, eyes: float) -> Matrix:
    """Scale the template of a face; the left eye keeps its height.

    Args:
        points: The template in pixels, float64 (5, 2).
        size: The side of the crop in pixels.
        factor: The scale, above zero.
        eyes: The height of the left eye over the middle of the mean face, in sides of the crop.

    Returns:
        The scaled template in pixels, float64 (5, 2).
    """
    x, y = (points / size).T
    # Published heights are relative to the left eye, so that it stays in place at every scale.
    height = y / EYES_FROM_TOP * (eyes + 0.5) - 0.5
    scaled = (height * factor + 0.5) * EYES_FROM_TOP / (eyes * factor + 0.5)
    return np.stack([(x - 0.5) * factor + 0.5, scaled], axis=1) * size
