"""What a face finder gives, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from thb_dataset.faces.packs import FacePack

DETECTION_SIDES: Final = (128, 320)
"""A frame is searched twice, fitted into squares of these sides in pixels, so that its cost is
bounded whatever its size: a face that fills the frame is boxed best when small, one that does not
is found when large, and points are placed best then."""

FALLBACK_SIDE: Final = 640
"""Where neither shows a face, a larger square is searched, for small faces in large frames."""

SAME_FACE_OVERLAP: Final = 0.3
"""Intersection over union from which boxes of two sizes are one face."""


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


def overlap(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Return the intersection of two boxes over their union, 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = float(width * height)
    areas = float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]))
    return both / (areas - both)


def merge_sizes(found: Sequence[Sequence[Face]]) -> list[Face]:
    """Make one list of the faces found at several sizes of the same frame, the smallest first.

    Detections that overlap are one face: it has the mean of their boxes (which moves less from
    frame to frame than either), the highest score, and the points of the largest size.

    Returns:
        The faces, the largest first.
    """
    groups: list[list[tuple[int, Face]]] = []
    ranked = sorted(
        ((size, face) for size, faces in enumerate(found) for face in faces),
        key=lambda item: -item[1].score,
    )
    for size, face in ranked:
        for group in groups:
            if overlap(face.box, group[0][1].box) >= SAME_FACE_OVERLAP:
                group.append((size, face))
                break
        else:
            groups.append([(size, face)])
    merged = [
        Face(
            box=np.mean([face.box for _, face in group], axis=0, dtype=np.float32),
            points=max(group, key=lambda item: item[0])[1].points,
            score=group[0][1].score,
        )
        for group in groups
    ]
    return sorted(merged, key=lambda face: -face.side)
