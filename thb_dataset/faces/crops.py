"""Cut square crops of a face, around its box or turned upright by its five points.

Both kinds repeat the nearest pixel outside the frame: a black edge would tell a model how near to
the border the face was.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

ARCFACE_SIDE: Final = 112
ARCFACE_POINTS: Final[npt.NDArray[np.float32]] = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)
"""Eyes, nose and mouth corners in ArcFace's 112-pixel crop (Deng et al., 2019)."""


def crop_box(
    rgb: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], *, margin: float, size: int
) -> npt.NDArray[np.uint8]:
    """Cut out a square centred on the box.

    Args:
        rgb: uint8 (H, W, 3).
        box: x0, y0, x1, y1 in pixels.
        margin: The side of the square over the longer side of the box.
        size: The side of the crop in pixels.

    Returns:
        uint8 (size, size, 3).
    """
    return _warp(rgb, place_box(box, margin=margin, size=size), size)


def place_box(box: npt.NDArray[np.float32], *, margin: float, size: int) -> npt.NDArray[np.float64]:
    """Return the place to which :func:`crop_box` moves the frame's pixels.

    Args:
        box: x0, y0, x1, y1 in pixels.
        margin: The side of the square over the longer side of the box.
        size: The side of the crop in pixels.

    Returns:
        float64 (2, 3), between centres of pixels.
    """
    x0, y0, x1, y1 = (float(value) for value in box)
    scale = size / (max(x1 - x0, y1 - y0) * margin)
    # A box counts from the edge of the first pixel, but the warp from its centre.
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) - 0.5
    shift = (size / 2 - 0.5) - scale * centre
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])


def align_face(
    rgb: npt.NDArray[np.uint8],
    points: npt.NDArray[np.float32],
    *,
    size: int = ARCFACE_SIDE,
    margin: float = 1.0,
) -> npt.NDArray[np.uint8]:
    """Turn, scale and move the face so that its points lie on ArcFace's template.

    Args:
        rgb: uint8 (H, W, 3).
        points: float32 (5, 2) in pixels.
        size: The side of the crop in pixels; the template grows with it.
        margin: 1.0 is the template itself; 1.3 shows a square 1.3 times as wide.

    Returns:
        uint8 (size, size, 3).
    """
    return _warp(rgb, place_face(points, margin=margin, size=size), size)


def place_face(
    points: npt.NDArray[np.float32], *, margin: float, size: int
) -> npt.NDArray[np.float64]:
    """Return the place to which :func:`align_face` moves the frame's pixels.

    Args:
        points: float32 (5, 2) in pixels.
        margin: 1.0 is the template itself; 1.3 shows a square 1.3 times as wide.
        size: The side of the crop in pixels.

    Returns:
        float64 (2, 3), between centres of pixels.
    """
    middle = ARCFACE_SIDE / 2
    target = ((ARCFACE_POINTS - middle) / margin + middle) * (size / ARCFACE_SIDE)
    return fit_similarity(points, target)


def align_for_embedding(
    rgb: npt.NDArray[np.uint8], points: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """Align a face exactly as face recognisers do, without averaging and with black outside.

    InsightFace's ``norm_crop`` and OpenCV's ``alignCrop`` give the same.

    Args:
        rgb: uint8 (H, W, 3).
        points: float32 (5, 2) in pixels.

    Returns:
        uint8 (112, 112, 3).
    """
    import cv2

    matrix = fit_similarity(points, ARCFACE_POINTS)
    crop = cv2.warpAffine(rgb, matrix, (ARCFACE_SIDE, ARCFACE_SIDE), flags=cv2.INTER_LINEAR)
    return np.asarray(crop, np.uint8)


def fit_similarity(
    source: npt.NDArray[np.floating], target: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Find the rotation, scale and shift that bring one set of points nearest to another.

    The fit solves least squares in closed form over z -> a z + b of complex numbers, so it cannot
    mirror.

    Args:
        source: (K, 2), the points to move.
        target: (K, 2), the points to reach.

    Returns:
        float64 (2, 3), with ``target = matrix @ [x, y, 1]``.
    """
    z = source[:, 0].astype(np.float64) + 1j * source[:, 1].astype(np.float64)
    w = target[:, 0].astype(np.float64) + 1j * target[:, 1].astype(np.float64)
    centred = z - z.mean()
    spread = float(np.sum(np.abs(centred) ** 2))
    turn = np.sum(np.conj(centred) * (w - w.mean())) / spread if spread > 0 else 1.0 + 0j
    shift = w.mean() - turn * z.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _warp(
    rgb: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64], size: int
) -> npt.NDArray[np.uint8]:
    """Apply a similarity between centres of pixels.

    If it shrinks by two or more, whole pixels are averaged first: linear interpolation alone would
    skip some of them and cause aliasing.
    """
    import cv2

    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    factor = max(1, int(1 / max(scale, 1e-6)))
    if factor > 1:
        rgb, corner = _shrink_region(rgb, matrix, size, factor)
        # The first averaged pixel is centred half a block, less half a pixel, from the corner.
        first = corner + (factor - 1) / 2
        shift = matrix[:, 2] + matrix[:, :2] @ first
        matrix = np.column_stack([matrix[:, :2] * factor, shift])
    return np.asarray(
        cv2.warpAffine(
            rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _shrink_region(
    rgb: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64], size: int, factor: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Average blocks of factor x factor pixels over the part of the frame that the crop shows.

    Returns:
        The smaller picture, and the place of its corner in the frame (x, y).
    """
    import cv2

    inverse = np.linalg.inv(matrix[:, :2])
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) - 0.5
    edges = (corners - matrix[:, 2]) @ inverse.T + 0.5
    # The interpolation needs one block more on every side; blocks begin where the crop begins.
    low = np.floor(edges.min(axis=0) + 1e-6).astype(int) - factor
    high = np.ceil(edges.max(axis=0) - 1e-6).astype(int) + factor
    height, width = rgb.shape[:2]
    bounds = np.array([width, height])
    low = np.clip(low, 0, np.maximum(bounds - factor, 0))
    high = np.clip(high, low + 1, bounds)
    count = np.maximum(1, (high - low) // factor)
    high = np.minimum(low + count * factor, bounds)
    part = rgb[low[1] : high[1], low[0] : high[0]]
    shrunk = cv2.resize(part, (int(count[0]), int(count[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8), low.astype(np.float64)
