"""The face finder that needs no download: YuNet and SFace, run by OpenCV."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.faces.crops import align_for_embedding
from thb_dataset.faces.packs import (
    EMBEDDED_LICENCE,
    EMBEDDED_SAME_PERSON,
    EMBEDDED_SHA256,
    SFACE_FILE,
    YUNET_FILE,
    FacePack,
    find_embedded_weights,
)
from thb_dataset.faces.values import DETECTION_SIDES, FALLBACK_SIDE, Face, merge_sizes

if TYPE_CHECKING:
    import cv2

EMBEDDED_SCORE: Final = 0.6
EMBEDDED_OVERLAP: Final = 0.3


class EmbeddedFinder:
    """Finds faces with YuNet and embeds them with SFace.

    OpenCV works with one thread meanwhile, since many small calls run at the same time in practice.
    The previous setting is restored after every call.

    Attributes:
        pack: The weights that it uses.
    """

    def __init__(self) -> None:
        """Verify the weights and load the detector; the first embedding loads the recogniser.

        Raises:
            FacePackError: A weights file is missing or altered.
        """
        import cv2

        self._weights = find_embedded_weights()
        self.pack = FacePack(
            name="embedded",
            backend=f"opencv {cv2.__version__}",
            licence=EMBEDDED_LICENCE,
            embedding_dim=128,
            same_person=EMBEDDED_SAME_PERSON,
            sha256s=EMBEDDED_SHA256,
        )
        self._detectors = {side: self._load_detector(side) for side in DETECTION_SIDES}
        self._recogniser: cv2.FaceRecognizerSF | None = None

    def find(self, rgb: npt.NDArray[np.uint8], *, embed: bool = False) -> list[Face]:
        """Return the faces of a frame, the largest first; see ``FaceFinder.find``."""
        with one_opencv_thread():
            found = [self._detect(rgb, side) for side in DETECTION_SIDES]
            if not any(found) and max(rgb.shape[:2]) > DETECTION_SIDES[-1]:
                found = [self._detect(rgb, FALLBACK_SIDE)]
        faces = merge_sizes(found)
        if embed:
            faces = [replace(face, embedding=self.embed(rgb, face)) for face in faces]
        return faces

    def embed(self, rgb: npt.NDArray[np.uint8], face: Face) -> npt.NDArray[np.float32]:
        """Return the embedding of a face; see ``FaceFinder.embed``."""
        import cv2

        with one_opencv_thread():
            if self._recogniser is None:
                self._recogniser = cv2.FaceRecognizerSF.create(str(self._weights[SFACE_FILE]), "")
            crop = align_for_embedding(rgb, face.points)
            vector = np.asarray(
                self._recogniser.feature(np.ascontiguousarray(crop[..., ::-1])), np.float32
            ).reshape(-1)
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    def _load_detector(self, side: int) -> cv2.FaceDetectorYN:
        import cv2

        return cv2.FaceDetectorYN.create(
            str(self._weights[YUNET_FILE]), "", (side, side), EMBEDDED_SCORE, EMBEDDED_OVERLAP
        )

    def _detect(self, rgb: npt.NDArray[np.uint8], side: int) -> list[Face]:
        import cv2

        if side not in self._detectors:
            self._detectors[side] = self._load_detector(side)
        canvas, scale = fit_inside(rgb, side)
        _, rows = self._detectors[side].detect(cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
        if rows is None:
            return []
        return [_read_row(row, scale) for row in np.asarray(rows, np.float32)]


def fit_inside(rgb: npt.NDArray[np.uint8], side: int) -> tuple[npt.NDArray[np.uint8], float]:
    """Scale a frame down into the top left of a black square; a smaller frame is not enlarged.

    Args:
        rgb: uint8 (H, W, 3).
        side: The side of the square in pixels.

    Returns:
        uint8 (side, side, 3) in the same order of channels, and the scale: pixels of the square
        per pixel of the frame.
    """
    import cv2

    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    canvas = np.zeros((side, side, 3), np.uint8)
    if scale == 1.0:
        canvas[:height, :width] = rgb
        return canvas, scale
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Averaging matters only if pixels would be skipped; otherwise it only takes time.
    method = cv2.INTER_AREA if scale <= 0.5 else cv2.INTER_LINEAR
    canvas[: target[1], : target[0]] = cv2.resize(rgb, target, interpolation=method)
    return canvas, scale


class _OneThread:
    """Counts the users that need OpenCV at one thread, a setting of the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = 1

    def enter(self) -> None:
        """Count one more user; the first sets one thread."""
        import cv2

        with self._lock:
            if self._users == 0:
                self._before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._users += 1

    def leave(self) -> None:
        """Count one user less; the last restores the previous setting."""
        import cv2

        with self._lock:
            self._users -= 1
            if self._users == 0:
                cv2.setNumThreads(self._before)


_ONE_THREAD = _OneThread()


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Hold OpenCV at one thread; the last of several users restores the previous setting."""
    _ONE_THREAD.enter()
    try:
        yield
    finally:
        _ONE_THREAD.leave()


def _read_row(row: npt.NDArray[np.float32], scale: float) -> Face:
    """Read a row of ``FaceDetectorYN``: x, y, width, height, five points and the score."""
    place = row[:14] / np.float32(scale)
    box = np.array([place[0], place[1], place[0] + place[2], place[1] + place[3]], np.float32)
    return Face(box=box, points=place[4:].reshape(5, 2).copy(), score=float(row[14]))
