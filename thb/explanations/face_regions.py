"""Regions of a face, and the share of the heat in each: eyes, mouth, face, hair, background.

The regions are drawn from the face's box and five points, in axes that turn and grow with the face,
and then sampled at the pixels of the crop. They need no segmentation network: they are the same for
every detector, cost nothing, and are as exact as five points allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb.explanations.heat import enlarge

if TYPE_CHECKING:
    from thb.explanations.explanation import Explanation

Values = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

REGIONS: Final = ("eyes", "mouth", "face", "hair_neck", "background")
"""A partition: each pixel is in exactly one region. ``face`` is the face without eyes and mouth."""

GRID: Final = 112
"""The side of the grid on which heat and regions are compared, whatever the detector's sizes."""

EYES_TO_MOUTH: Final = 1.15
"""The way from the eyes to the mouth over the distance between the eyes, for a face seen from the
front (ArcFace's mean face). A turned head shortens the distance, a nodding head the way, so the
longer of the two gives the size of the face."""

EYE_HALF: Final = (0.42, 0.25)
"""The half axes of an eye in units of the face: lids and lashes, up to the brow."""

SLIMMEST_EYE: Final = 0.5
"""A turned head brings its eyes together and makes them slimmer, but not below this share."""

MOUTH_HALF: Final = (0.62, 0.36)
"""The half axes of the mouth: the lips, even when they are open. The first is a minimum in half
units of the face, because a turned head narrows its mouth; the second is in units of the face."""

MOUTH_OVERHANG: Final = 1.3
"""The half width of the mouth's ellipse over half the distance between its corners."""

FACE_GROWTH: Final = 1.06
"""The face's ellipse over the one that fits into the box: boxes end at the top of the brow."""

FACE_TALLNESS: Final = 1.3
"""The height over the width of a face that is tilted too far for its box to tell."""

TALLNESS_RANGE: Final = (1.0, 1.6)
"""The least and the greatest height over width that is read from a box."""

UPRIGHT: Final = 0.5
"""The cosine of twice the tilt above which the box tells how tall the face is: tilts up to 30°."""

HEAD_HALF: Final = (1.36, 1.45)
"""The half axes of the head with its hair over those of the face."""

HEAD_RAISED: Final = 0.15
"""How far the centre of the head lies above that of the face, in half heights of the face."""

NECK: Final = (0.8, 1.9)
"""The half width and the lower end of the neck from the centre of the face, over its half axes."""


@dataclass(frozen=True, kw_only=True)
class RegionShares:
    """How the heat of one video is shared between the regions; each set of shares sums to 1.

    Attributes:
        energy: The share of the heat above zero in each region; None where nothing speaks for the
            target class.
        area: The share of the crops' pixels in each region.
        against: The share of the heat below zero in each region; None where nothing speaks against
            the target class.
    """

    energy: dict[str, float] | None
    area: dict[str, float]
    against: dict[str, float] | None


def measure_regions(explanation: Explanation) -> RegionShares | None:
    """Measure the share of one video's heat in each region.

    The cells (h, w) of each frame are resized to ``GRID`` x ``GRID`` points as they are for showing
    them: bilinearly between the centres of the cells, and constant beyond the outermost centres.
    Then the heat above zero and the heat below zero are summed per region over all frames of all
    clips. A frame with twice the heat counts twice, and so does a frame seen by two clips. It is
    the heat before the rest of the score is shared out evenly, which would prefer no region.

    Returns:
        None where no face can be followed, which is only possible for detectors of whole frames.
    """
    if explanation.boxes is None or explanation.points is None:
        return None
    grow = GRID / explanation.spec.size
    area, energy, against = (np.zeros(len(REGIONS)) for _ in range(3))
    for at in np.ndindex(*explanation.evidence.shape[:2]):
        placement = explanation.placements[at] * grow
        placement[:, 2] += grow / 2 - 0.5
        masks = region_masks(
            explanation.boxes[at],
            explanation.points[at],
            placement,
            GRID,
            frame_size=explanation.clips.frame_size,
        )
        heat = enlarge(explanation.evidence[at], GRID).astype(np.float64)
        area += masks.sum(axis=(1, 2))
        energy += (masks * np.maximum(heat, 0)).sum(axis=(1, 2))
        against += (masks * np.maximum(-heat, 0)).sum(axis=(1, 2))
    return RegionShares(
        energy=_share(energy),
        area=_share(area) or {},
        against=_share(against),
    )


def _share(amounts: Values) -> dict[str, float] | None:
    total = float(amounts.sum())
    if not total > 0:
        return None
    return dict(zip(REGIONS, (amounts / total).tolist(), strict=True))


def region_masks(
    box: npt.NDArray[np.floating],
    points: npt.NDArray[np.floating],
    placement: Values,
    size: int,
    *,
    frame_size: tuple[int, int] | None = None,
) -> Masks:
    """Draw the regions of one face into its crop.

    Args:
        box: (4,), x0, y0, x1, y1 of the face in pixels of the frame.
        points: (5, 2), x and y in pixels of the frame: the eye on the picture's left, the eye on
            its right, the nose, and the corners of the mouth, left before right.
        placement: (2, 3), from pixels of the frame to those of the crop, between centres.
        size: The side of the crop in pixels.
        frame_size: The height and width of the frame; pixels outside it are background. None for a
            frame without bounds.

    Returns:
        bool (5, size, size), in the order of ``REGIONS``; every pixel is in exactly one region.
    """
    at = _find_places(placement, size)
    landmarks: Values = np.asarray(points, np.float64)
    left, right, _, mouth_left, mouth_right = landmarks
    across, unit = _find_axes(landmarks)
    apart = max(float(np.hypot(*(right - left))), SLIMMEST_EYE * unit)
    eye_half = (EYE_HALF[0] * apart, EYE_HALF[1] * unit)
    eyes = _in_ellipse(at, left, across, eye_half) | _in_ellipse(at, right, across, eye_half)
    mouth = _find_mouth(at, mouth_left, mouth_right, across, unit)
    face, head = _find_head(at, np.asarray(box, np.float64), across)
    eyes, mouth = eyes & face, mouth & face  # a turned head's far eye would reach beyond the face
    inside = np.ones((size, size), bool)
    if frame_size is not None:
        height, width = frame_size
        inside = (np.abs(at[..., 0] - (width - 1) / 2) <= width / 2) & (
            np.abs(at[..., 1] - (height - 1) / 2) <= height / 2
        )
    masks, free = [], inside
    for region in (eyes, mouth, face, head):
        masks.append(region & free)
        free = free & ~region
    return np.stack([*masks, ~np.any(masks, axis=0)])


def _find_places(placement: Values, size: int) -> Values:
    """Return the place of each pixel of the crop in the frame: (size, size, 2), x and y."""
    rows, columns = np.mgrid[:size, :size].astype(np.float64)
    crop = np.stack([columns, rows], axis=-1) - placement[:, 2]
    places: Values = crop @ np.linalg.inv(placement[:, :2]).T
    return places


def _find_axes(points: Values) -> tuple[Values, float]:
    """Return the direction across the face, towards the picture's right, and the unit of the face.

    The unit is the distance between the eyes of the face seen from the front. The direction is that
    of the eyes, of the mouth, and of the way from the eyes to the mouth turned by a right angle,
    which even a face in profile shows.
    """
    left, right, _, mouth_left, mouth_right = points
    down = (mouth_left + mouth_right - left - right) / 2
    across = (right - left) + (mouth_right - mouth_left) + np.array([down[1], -down[0]])
    length = float(np.hypot(*across))
    unit = max(float(np.hypot(*(right - left))), float(np.hypot(*down)) / EYES_TO_MOUTH, 1e-6)
    return (across / length if length > 0 else np.array([1.0, 0.0])), unit


def _find_mouth(at: Values, left: Values, right: Values, across: Values, unit: float) -> Masks:
    """Draw the mouth along the line between its corners."""
    way = right - left
    width = float(np.hypot(*way))
    line = way / width if width > 0.3 * unit else across  # too short a line has no direction
    half = max(MOUTH_OVERHANG * width / 2, MOUTH_HALF[0] * unit / 2)
    return _in_ellipse(at, (left + right) / 2, line, (half, MOUTH_HALF[1] * unit))


def _find_head(at: Values, box: Values, across: Values) -> tuple[Masks, Masks]:
    """Draw the face as the ellipse that fits into the box, and around it the head with its neck."""
    middle, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 1e-6)
    # The squared half sides of an ellipse's box have the same sum as its squared half axes.
    squares = half**2
    tallness = _find_tallness(squares, across)
    wide = FACE_GROWTH * float(np.sqrt(squares.sum() / (1 + tallness**2)))
    tall = wide * tallness
    x, y = _turn(at, middle, across)
    x, y = x / wide, y / tall
    head = (x / HEAD_HALF[0]) ** 2 + ((y + HEAD_RAISED) / HEAD_HALF[1]) ** 2 <= 1
    neck = (np.abs(x) <= NECK[0]) & (y >= 0) & (y <= NECK[1])
    return x**2 + y**2 <= 1, head | neck


def _find_tallness(squares: Values, across: Values) -> float:
    """Return the height over the width of a tilted ellipse, given its box's half sides squared."""
    cos2, sin2 = float(across[0] ** 2), float(across[1] ** 2)
    if cos2 - sin2 < UPRIGHT:
        return FACE_TALLNESS
    wide = max((squares[0] * cos2 - squares[1] * sin2) / (cos2 - sin2), 1e-9)
    tall = max((squares[1] * cos2 - squares[0] * sin2) / (cos2 - sin2), 1e-9)
    return float(np.clip(np.sqrt(tall / wide), *TALLNESS_RANGE))


def _turn(at: Values, middle: Values, across: Values) -> tuple[Values, Values]:
    """Return places in the axes of the face: across it, and down it."""
    away = at - middle
    return away @ across, away @ np.array([-across[1], across[0]])


def _in_ellipse(at: Values, middle: Values, across: Values, half: tuple[float, float]) -> Masks:
    x, y = _turn(at, middle, across)
    inside: Masks = (x / half[0]) ** 2 + (y / half[1]) ** 2 <= 1
    return inside
