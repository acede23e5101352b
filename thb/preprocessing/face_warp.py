"""Warp a face smoothly, as generators do that move one portrait by the motion of another face.

Such generators (LivePortrait, EMOPortraits) resample the pixels of a face through a smooth field
of displacements and put the face back into the frame. Here the field is random, moves slowly, and
fades to nothing towards the edge of an ellipse around the face; outside it no pixel changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clips.following import follow_face
from thb_dataset.faces.crops import fit_similarity
from thb_dataset.faces.framing import GEND_POINTS

if TYPE_CHECKING:
    from thb_dataset.faces.finder import FaceFinder
    from thb_dataset.video.values import Frames

Field = npt.NDArray[np.float32]

GRID: Final = 96
"""The rows and columns of the field; it is smooth, so that few suffice."""

REACH: Final = 1.3
"""The side of the field's square over that of GenD's template, so that it holds the ellipse."""

CENTRE: Final = (0.5, 0.56)
RADII: Final = (0.48, 0.60)
"""The ellipse, in shares of GenD's template: from the hair to below the chin."""

SOLID: Final = 0.6
"""The share of the radii within which the displacement is whole."""

WAVES: Final = 5
CYCLES: Final = (0.3, 1.3)
"""Waves of the field, and how often one repeats over the width of the template."""

STRENGTH: Final = (0.004, 0.012)
"""The range from which the typical displacement is drawn, in shares of the template's side. The
eyes are 0.32 apart."""

HERTZ: Final = 0.6
"""The fastest change of a wave in cycles per second."""


@dataclass(frozen=True, kw_only=True)
class FaceWarp:
    """A random smooth warp of the face that is seen longest.

    Attributes:
        draw: The text that the random field depends on.
    """

    draw: str

    @property
    def identity(self) -> Mapping[str, Any]:
        """The JSON values that the changed pictures depend on."""
        return {"kind": "warp", "version": 1, "draw": self.draw}

    def alter(self, frames: Frames, finder: FaceFinder) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield each picture with its face warped.

        Args:
            frames: The pictures, uint8 (T, S, S, 3), RGB, and their times.
            finder: Finds the faces.

        Raises:
            NoFaceError: There is no face that can be followed.
        """
        face = follow_face(frames, finder)
        seed = hashlib.sha256(self.draw.encode()).digest()
        field = WavingField(np.random.default_rng(int.from_bytes(seed[:8], "big")))
        for rgb, five, seconds in zip(frames.pixels, face.points, frames.seconds, strict=True):
            yield warp_face(rgb, five, field.at(float(seconds)))


class WavingField:
    """Random waves of displacement inside a soft ellipse, which move slowly.

    Args:
        random: The random number generator.
    """

    def __init__(self, random: np.random.Generator) -> None:
        angles = random.uniform(0, 2 * np.pi, (2, WAVES))
        cycles = random.uniform(*CYCLES, (2, WAVES))
        waves = (
            np.stack([np.cos(angles), np.sin(angles)], axis=-1) * (cycles * 2 * np.pi)[..., None]
        )
        weights = random.normal(size=(2, WAVES))
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        # A wave of height 1 has a root mean square of half the root of 2.
        self._heights = weights * np.sqrt(2) * random.uniform(*STRENGTH)
        self._begin = random.uniform(0, 2 * np.pi, (2, WAVES))
        self._speed = random.uniform(-1, 1, (2, WAVES)) * HERTZ * 2 * np.pi
        self._angles = np.einsum("ijk,abk->abij", _place_grid(), waves)
        self._mask = soft_mask()

    def at(self, seconds: float) -> Field:
        """Return the displacement at a time, float32 (GRID, GRID, 2), in shares of the template.

        Args:
            seconds: The time.
        """
        phases = self._begin + self._speed * seconds
        waves = np.sin(self._angles + phases[..., None, None])
        field = np.einsum("ab,abij->ija", self._heights, waves) * self._mask[..., None]
        return np.ascontiguousarray(field, np.float32)


def soft_mask() -> npt.NDArray[np.float64]:
    """Return the soft ellipse, float64 (GRID, GRID): 1 in its middle, 0 from its edge on."""
    radius = np.linalg.norm((_place_grid() - CENTRE) / RADII, axis=-1)
    fall = np.clip((1 - radius) / (1 - SOLID), 0, 1)
    mask: npt.NDArray[np.float64] = (1 - np.cos(np.pi * fall)) / 2
    return mask


def _place_grid() -> npt.NDArray[np.float64]:
    """Return the places of the field in the template, float64 (GRID, GRID, 2), x before y."""
    line = (np.arange(GRID) / (GRID - 1) - 0.5) * REACH
    x, y = np.meshgrid(line + CENTRE[0], line + CENTRE[1])
    return np.stack([x, y], axis=-1)


def place_field(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return where the pixels of a picture lie in the field, float64 (2, 3).

    Args:
        points: float32 (5, 2), the points of the face in pixels.
    """
    step = (GRID - 1) / REACH
    corner = np.array(CENTRE) - REACH / 2
    return fit_similarity(points, (GEND_POINTS.astype(np.float64) - corner) * step)


def warp_face(
    rgb: npt.NDArray[np.uint8], points: npt.NDArray[np.float32], field: Field
) -> npt.NDArray[np.uint8]:
    """Move the pixels of a face, all by one resampling; no pixel outside the field changes.

    Args:
        rgb: The picture, uint8 (H, W, 3).
        points: float32 (5, 2), the points of the face in pixels.
        field: The displacement, in shares of the template, 0 at the edges.

    Returns:
        uint8 (H, W, 3).
    """
    import cv2

    height, width = rgb.shape[:2]
    matrix = place_field(points)
    flags = cv2.INTER_LINEAR
    inverse = cv2.invertAffineTransform(matrix)
    moved = np.asarray(cv2.warpAffine(field, inverse, (width, height), flags=flags))
    # From shares of the template to steps of the field, and from those to pixels.
    moved = moved @ (inverse[:, :2].T * ((GRID - 1) / REACH)).astype(np.float32)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    warped = cv2.remap(
        rgb, x + moved[..., 0], y + moved[..., 1], flags, borderMode=cv2.BORDER_REPLICATE
    )
    touched = (moved != 0).any(axis=-1, keepdims=True)
    return np.where(touched, warped, rgb)
