"""Cut a frame as a ClipSpec says, also in the ways of other projects."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec, Template
from thb_dataset.faces.crops import (
    ARCFACE_POINTS,
    ARCFACE_SIDE,
    align_face,
    crop_box,
    fit_similarity,
    place_box,
    place_face,
)

Picture = npt.NDArray[np.uint8]

CADDM_SIDE: Final = 224
CADDM_POINTS: Final[npt.NDArray[np.float32]] = np.array(
    [
        [75.7457, 92.5620],
        [147.7457, 92.3834],
        [111.6252, 144.5842],
        [81.9024, 186.0237],
        [141.8485, 185.4200],
    ],
    np.float32,
)
"""Eyes, nose and mouth corners in CADDM's 224-pixel crop (face width 80, scale 0.9)."""

GEND_POINTS: Final[npt.NDArray[np.float32]] = np.array(
    [[0.34, 0.46], [0.66, 0.46], [0.50, 0.64], [0.37, 0.82], [0.63, 0.82]], np.float32
)
"""Eyes, nose and mouth corners in GenD's crop, as shares of its side."""

_TEMPLATES: Final[dict[Template, tuple[npt.NDArray[np.float32], int]]] = {
    "arcface": (ARCFACE_POINTS, ARCFACE_SIDE),
    "caddm": (CADDM_POINTS, CADDM_SIDE),
    "gend": (GEND_POINTS, 1),
}


def cut_frame(
    rgb: Picture,
    spec: ClipSpec,
    *,
    box: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
) -> Picture:
    """Cut one frame.

    Args:
        rgb: uint8 (H, W, 3).
        spec: The settings of the crop.
        box: x0, y0, x1, y1 in pixels; not used for ``full``.
        points: float32 (5, 2) in pixels; used only for ``aligned``.

    Returns:
        uint8 (size, size, 3).
    """
    if spec.crop == "full":
        return stretch_frame(rgb, spec.size)
    if spec.crop == "box":
        cut = crop_whole_pixels if spec.resample == "pillow" else crop_box
        return cut(rgb, _shift_box(box, spec.shift), margin=spec.margin, size=spec.size)
    if spec.resample == "fine":
        return align_face(rgb, points, margin=spec.margin, size=spec.size)
    if spec.template == "gend":
        return _align_at_own_size(rgb, spec, points)
    return _align(rgb, spec, points)


def place_frame(
    spec: ClipSpec,
    *,
    box: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
    frame_size: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Return the place to which :func:`cut_frame` moves the pixels of a frame.

    Args:
        spec: The settings of the crop.
        box: x0, y0, x1, y1 in pixels; not used for ``full``.
        points: float32 (5, 2) in pixels; used only for ``aligned``.
        frame_size: The height and width of the frame.

    Returns:
        float64 (2, 3), from the frame to the crop and between centres of pixels:
        ``matrix @ [x, y, 1]``.
    """
    if spec.crop == "full":
        height, width = frame_size
        return _scale_edges(spec.size / width, spec.size / height)
    if spec.crop == "box":
        box = _shift_box(box, spec.shift)
        if spec.resample != "pillow":
            return place_box(box, margin=spec.margin, size=spec.size)
        x, y, side = _find_square(box, spec.margin, frame_size)
        scale = spec.size / side
        return _scale_edges(scale, scale, x, y)
    if spec.resample == "fine":
        return place_face(points, margin=spec.margin, size=spec.size)
    cut = spec.cut_size or spec.size
    if spec.template == "gend":
        cut = find_own_side(points, spec.margin)
        matrix = fit_median(points, place_template("gend", margin=spec.margin, size=cut))
    else:
        matrix = _place_on_template(spec, points)
    scale = spec.size / cut
    resize = _scale_edges(scale, scale)
    return np.column_stack([resize[:, :2] @ matrix[:, :2], resize @ [*matrix[:, 2], 1.0]])


def place_template(template: Template, *, margin: float, size: int) -> npt.NDArray[np.float64]:
    """Return the place of the five points in an aligned crop.

    Args:
        template: The name of the template.
        margin: 1.0 is the template itself; 1.3 shows a square 1.3 times as wide.
        size: The side of the crop in pixels.

    Returns:
        float64 (5, 2), pixels.
    """
    points, side = _TEMPLATES[template]
    middle = side / 2
    target: npt.NDArray[np.float64] = (points.astype(np.float64) - middle) / margin + middle
    return target * (size / side)


def stretch_frame(rgb: Picture, size: int) -> Picture:
    """Stretch a whole frame to a square, linearly between the nearest pixels.

    Args:
        rgb: uint8 (H, W, 3).
        size: The side of the square in pixels.

    Returns:
        uint8 (size, size, 3).
    """
    import cv2

    return np.asarray(cv2.resize(rgb, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def crop_whole_pixels(
    rgb: Picture, box: npt.NDArray[np.float32], *, margin: float, size: int
) -> Picture:
    """Cut a square at whole pixels, within the frame, as the FaceForensics++ recipe does.

    The square around the middle of the box is moved so that it begins within the frame and cut
    off where it ends outside. Pillow's linear filter, which averages, brings it to its size.

    Args:
        rgb: uint8 (H, W, 3).
        box: x0, y0, x1, y1 in pixels.
        margin: The side of the square over the longer side of the box.
        size: The side of the crop in pixels.

    Returns:
        uint8 (size, size, 3).
    """
    from PIL import Image

    height, width = rgb.shape[:2]
    x, y, side = _find_square(box, margin, (height, width))
    square = Image.fromarray(rgb[y : y + side, x : x + side])
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR), np.uint8)


def find_own_side(points: npt.NDArray[np.float32], margin: float) -> int:
    """Return the side of GenD's crop at which the face keeps the size that it has in the frame.

    It is ``margin`` times the side that all ten distances between the points have on average, over
    those of the template.

    Args:
        points: float32 (5, 2) in pixels.
        margin: The authors' scale, 1.3.

    Returns:
        The side in whole pixels, 1 or more.
    """
    first, second = np.triu_indices(len(points), k=1)
    ours = np.linalg.norm(points[first] - points[second], axis=1)
    theirs = np.linalg.norm(GEND_POINTS[first] - GEND_POINTS[second], axis=1)
    return max(1, int(np.round(np.mean(ours / theirs) * margin)))


def fit_median(
    source: npt.NDArray[np.float32], target: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Find the rotation, scale and shift with the least median of squared errors.

    OpenCV tries pairs of points in an order that is always the same. Points that lie in one place
    have no such fit; :func:`~thb_dataset.faces.crops.fit_similarity` gives them one.

    Args:
        source: float32 (5, 2), the points to move.
        target: (5, 2), the points to reach.

    Returns:
        float64 (2, 3), with ``target = matrix @ [x, y, 1]``.
    """
    import cv2

    places = np.asarray(target, np.float32)
    matrix = cv2.estimateAffinePartial2D(np.asarray(source, np.float32), places, method=cv2.LMEDS)[
        0
    ]
    return fit_similarity(source, target) if matrix is None else np.asarray(matrix, np.float64)


def _align_at_own_size(rgb: Picture, spec: ClipSpec, points: npt.NDArray[np.float32]) -> Picture:
    """Cut an aligned face at its own size, as GenD's authors do, and resize it by Pillow."""
    import cv2
    from PIL import Image

    side = find_own_side(points, spec.margin)
    matrix = fit_median(points, place_template("gend", margin=spec.margin, size=side))
    cut = np.asarray(cv2.warpAffine(rgb, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)
    cubic = spec.resample == "pillow_cubic"
    how = Image.Resampling.BICUBIC if cubic else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(cut).resize((spec.size, spec.size), how), np.uint8)


def _shift_box(box: npt.NDArray[np.float32], shift: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Move a box to the right and down by shares of its longer side."""
    if shift == (0, 0):
        return box
    longer = max(box[2] - box[0], box[3] - box[1])
    moved: npt.NDArray[np.float32] = box + np.array([*shift, *shift], np.float32) * longer
    return moved


def _find_square(
    box: npt.NDArray[np.float32], margin: float, frame_size: tuple[int, int]
) -> tuple[int, int, int]:
    """Return the left edge, the upper edge and the side that the FaceForensics++ recipe cuts."""
    left, top, right, bottom = (int(value) for value in box)
    side = int(max(right - left, bottom - top) * margin)
    height, width = frame_size
    x = min(max((left + right) // 2 - side // 2, 0), width - 1)
    y = min(max((top + bottom) // 2 - side // 2, 0), height - 1)
    return x, y, max(1, min(side, width - x, height - y))


def _scale_edges(
    across: float, down: float, left: float = 0.0, top: float = 0.0
) -> npt.NDArray[np.float64]:
    """Return a scaling that counts from edges as float64 (2, 3) between centres of pixels."""
    return np.array(
        [
            [across, 0.0, (0.5 - left) * across - 0.5],
            [0.0, down, (0.5 - top) * down - 0.5],
        ]
    )


def _place_on_template(spec: ClipSpec, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the place of the pixels at the size at which an aligned crop is cut first."""
    cut = spec.cut_size or spec.size
    return fit_similarity(points, place_template(spec.template, margin=spec.margin, size=cut))


def _align(rgb: Picture, spec: ClipSpec, points: npt.NDArray[np.float32]) -> Picture:
    """Warp once, linearly between the nearest pixels, with black outside the frame."""
    import cv2

    cut = spec.cut_size or spec.size
    matrix = _place_on_template(spec, points)
    crop = cv2.warpAffine(rgb, matrix, (cut, cut), flags=cv2.INTER_LINEAR)
    if cut != spec.size:
        crop = cv2.resize(crop, (spec.size, spec.size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(crop, np.uint8)
