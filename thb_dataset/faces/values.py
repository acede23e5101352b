"""The face as a value, and the interface of a face finder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from thb_dataset.faces.packs import FacePack

DETECTION_SIDES: Final = (128, 320)
"""The sides in pixels of the two squares into which a frame is fitted and searched.

They bound the cost of a frame of any size. A face that fills the frame gets its best box in the
small square. A smaller face is found in the large one, where points are placed best too.
"""

FALLBACK_SIDE: Final = 640
"""The side of a larger square, which is searched for small faces if neither shows a face."""

SAME_FACE_OVERLAP: Final = 0.3
"""The intersection over union from which boxes found in two squares are one face."""


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    Attributes:
        box: float32 (4,): x0, y0, x1, y1 in pixels of the frame; it may reach beyond the edge.
        points: float32 (5, 2), in pixels: the eye on the picture's left, the eye on its right,
            the tip of the nose, the left and the right corner of the mouth.
        score: The confidence of the face detector, 0 to 1.
        embedding: float32 (D,) of unit length; None if it was not asked for.
    """

    box: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]
    score: float
    embedding: npt.NDArray[np.float32] | None = None

    @property
    def side(self) -> float:
        """The longer side of the box, in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


class FaceFinder(Protocol):
    """Finds faces and compares them; it must not be shared between processes."""

    @property
    def pack(self) -> FacePack:
        """The weights that it uses."""
        ...

    def find(self, rgb: npt.NDArray[np.uint8], *, embed: bool = False) -> list[Face]:
        """Return the faces of a frame, the largest first.

        Args:
            rgb: uint8 (H, W, 3), upright.
            embed: Whether to add the embedding of each face.
        """
        ...

    def embed(self, rgb: npt.NDArray[np.uint8], face: Face) -> npt.NDArray[np.float32]:
        """Return the embedding of a face: float32 (D,), unit length.

        Args:
            rgb: uint8 (H, W, 3), upright.
            face: A face found in this frame.
        """
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
    """Merge the faces found in several sizes of one frame.

    Detections that overlap are one face. It gets the mean of their boxes, which moves less from
    frame to frame than each of them, the highest score, and the points of the largest size.

    Args:
        found: The faces of each size, the smallest size first.

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
