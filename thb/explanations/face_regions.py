"""Where on a face the heat lies: eyes, mouth, the rest of the face, hair and neck, background.

The regions are drawn from the face's box and five points, in axes that turn and grow with the
face, and are then read at the pixels of the crop. No segmentation network is asked: the regions are
the same for every detector and cost nothing, and are as exact as five points allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb.explanations.explanation import enlarge

if TYPE_CHECKING:
    from thb.explanations.explanation import Explanation

Values = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

REGIONS: Final = ("eyes", "mouth", "face", "hair_neck", "background")
"""A partition: each pixel is in exactly one. ``face`` is what eyes and mouth leave of it."""

GRID: Final = 112
"""Side of the grid on which heat and regions are compared, whatever the detector's own sizes."""

EYES_TO_MOUTH: Final = 1.15
"""From the eyes to the mouth, in distances between the eyes, of a face seen from the front (that of
ArcFace's mean face). A turned head shortens the one, a nodding one the other: the longer counts."""

EYE_HALF: Final = (0.42, 0.25)
"""Half axes of an eye, in units of the face: lids and lashes, up to the brow."""

SLIMMEST_EYE: Final = 0.5
"""A turned head makes its eyes slimmer as it brings them together, but not below this share."""

MOUTH_HALF: Final = (0.62, 0.36)
"""Half axes of the mouth, over half its width and over units of the face: lips, also when they are
open. The first is of a mouth as wide as the eyes are apart."""

MOUTH_OVERHANG: Final = 1.3
"""How far the mouth's ellipse reaches sideways, in halves of the way between its corners."""

FACE_GROWTH: Final = 1.06
"""The face's ellipse over the one that the box encloses: boxes end at the brow's upper edge."""

FACE_TALLNESS: Final = 1.3
"""Height over width of a face whose box cannot tell, because it lies aslant in the frame."""

TALLNESS_RANGE: Final = (1.0, 1.6)
UPRIGHT: Final = 0.5
"""Cosine of twice the tilt above which the box tells how tall the face is (tilts up to 30°)."""

HEAD_HALF: Final = (1.36, 1.45)
"""Half axes of the head with its hair, in those of the face."""

HEAD_RAISED: Final = 0.15
"""How far the middle of the head lies above that of the face, in half heights of it."""

NECK: Final = (0.8, 1.9)
"""Half width and lower end of the neck, in half axes of the face, from its middle."""


@dataclass(frozen=True, kw_only=True)
class RegionShares:
    """Where the heat of one video lies.

    Attributes:
        energy: Share of the heat above zero that lies in each region, 1 together; None where
            nothing spoke for the class asked for.
        area: Share of the crops' pixels in each region, 1 together.
        against: Share of the heat below zero, likewise; None where nothing spoke against it.
    """

    energy: dict[str, float] | None
    area: dict[str, float]
    against: dict[str, float] | None


def measure_regions(explanation: Explanation) -> RegionShares | None:
    """Measure the shares of one video's heat.

    The cells (h, w) of each frame are brought to ``GRID`` x ``GRID`` points bilinearly between the
    middles of the cells, as for showing them; beyond the outermost middles a cell keeps its value.
    Then the parts above and below zero are added up per region over all frames of all clips: a
    frame with twice the heat counts twice, and a frame seen by two clips is there twice.

    Returns:
        None where no face can be followed (only possible where whole frames are taken).
    """
    if explanation.boxes is None or explanation.points is None:
        return None
    grow = GRID / explanation.spec.size
    area, energy, against = (np.zeros(len(REGIONS)) for _ in range(3))
    for at in np.ndindex(*explanation.heat.shape[:2]):
        placement = explanation.placements[at] * grow
        placement[:, 2] += grow / 2 - 0.5
        masks = region_masks(
            explanation.boxes[at],
            explanation.points[at],
            placement,
            GRID,
            frame_size=explanation.clips.frame_size,
        )
        heat = enlarge(explanation.heat[at], GRID).astype(np.float64)
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
        box: x0, y0, x1, y1 of the face, in pixels of the frame.
        points: (5, 2), likewise: the eye on the picture's left, that on its right, nose, and the
            corners of the mouth in the same order.
        placement: (2, 3), from the frame's pixels to the crop's, between centres.
        size: Side of the crop in pixels.
        frame_size: Height and width of the frame; pixels outside of it are background. None for a
            frame without end.

    Returns:
        bool (5, size, size), in the order of ``REGIONS``; every pixel is in exactly one.
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
    eyes, mouth = eyes & face, mouth & face  # the far eye of a turned head would reach beyond it
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
    """Return where in the frame each pixel of the crop lies: (size, size, 2), x and y."""
    rows, columns = np.mgrid[:size, :size].astype(np.float64)
    crop = np.stack([columns, rows], axis=-1) - placement[:, 2]
    places: Values = crop @ np.linalg.inv(placement[:, :2]).T
    return places


def _find_axes(points: Values) -> tuple[Values, float]:
    """Return the direction across the face, to the picture's right of it, and the face's unit.

    The unit is the distance between the eyes that the face has from the front. A direction is told
    by eyes and mouth and, turned by a right angle, by the way from the one to the other, which
    a face in profile still has.
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
    """Draw the face, as an ellipse that the box encloses, and the head and neck around it."""
    middle, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 1e-6)
    # An ellipse's box has half sides whose squares add up to those of its half axes.
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
    """Return height over width of the tilted ellipse whose box has these squared half sides."""
    cos2, sin2 = float(across[0] ** 2), float(across[1] ** 2)
    if cos2 - sin2 < UPRIGHT:
        return FACE_TALLNESS
    wide = max((squares[0] * cos2 - squares[1] * sin2) / (cos2 - sin2), 1e-9)
    tall = max((squares[1] * cos2 - squares[0] * sin2) / (cos2 - sin2), 1e-9)
    return float(np.clip(np.sqrt(tall / wide), *TALLNESS_RANGE))


def _turn(at: Values, middle: Values, across: Values) -> tuple[Values, Values]:
    """Return places along the axis across the face and along the one down it."""
    away = at - middle
    return away @ across, away @ np.array([-across[1], across[0]])


def _in_ellipse(at: Values, middle: Values, across: Values, half: tuple[float, float]) -> Masks:
    x, y = _turn(at, middle, across)
    inside: Masks = (x / half[0]) ** 2 + (y / half[1]) ** 2 <= 1
    return inside
