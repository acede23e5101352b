"""What a face finder gives, and what it must be able to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from thb_dataset.face_packs import FacePack

DETECTION_SIDES: Final = (320, 640)
"""Frames are fitted into a square of the first side, in pixels, and of the second where no face
was found in the first: the cost of a frame is bounded whatever its size."""


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    Attributes:
        box: float32 (4,): x0, y0, x1, y1 in pixels of the frame; may reach beyond its edge.
        points: float32 (5, 2): the eye on the picture's left, the eye on its right, the tip of
            the nose, the mouth's left and right corner, in pixels.
        score: The detector's confidence, 0 to 1.
        embedding: float32 (D,) of unit length; None where it was not asked for.
    """

    box: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]
    score: float
    embedding: npt.NDArray[np.float32] | None = None

    @property
    def side(self) -> float:
        """Longer side of the box, in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


class FaceFinder(Protocol):
    """What finds faces; not to be shared between processes."""

    @property
    def pack(self) -> FacePack:
        """The weights behind it."""
        ...

    def find(self, rgb: npt.NDArray[np.uint8], *, embed: bool = False) -> list[Face]:
        """Return the faces of an upright RGB frame (H, W, 3), the largest first."""
        ...

    def embed(self, rgb: npt.NDArray[np.uint8], face: Face) -> npt.NDArray[np.float32]:
        """Return the embedding of one face found in this frame: float32 (D,), unit length."""
        ...
