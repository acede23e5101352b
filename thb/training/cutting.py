"""From the larger pictures that a training keeps to the detector's input, by one change of size.

A crop that is moved, turned or cut out of a picture at the detector's own size becomes blurred, and
the pictures of a test would then be sharper than those of the training. So the pictures are kept
larger, and the changes of a recipe that cut them end at the detector's size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from detectors.recipes import Augmentation, Recipe
from thb.training.face_jitter import jitter_faces
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import DetectorError
from thb_dataset.faces.crops import fit_similarity, place_box
from thb_dataset.faces.framing import place_template
from thb_dataset.video.frame_policy import WHOLE_VIDEO

Pixels = npt.NDArray[np.uint8]

HALVE: Final = "halve"
ALIGN: Final = "align"
CORNER_CROP: Final = "corner_crop"
CUTS: Final = (HALVE, ALIGN, CORNER_CROP)
"""The augmentations that :func:`cut_pixels` follows; all others come after it."""

PLACES: Final = tuple(
    (across, down) for steps in ((0, 2, 4), (1, 3)) for across in steps for down in steps
)
"""The 13 places of a corner crop, in quarters of the pixels that are left over."""


def widen(clip: ClipSpec, settings: Recipe) -> ClipSpec:
    """Return the clips to keep of a training video.

    If clips are spread uniformly over a video, their places are fixed, so fewer of them can be
    kept, but no more. If the recipe cuts crops again at every step, larger or wider ones are kept.

    Raises:
        DetectorError: The recipe aligns crops again, but the detector's crops are not aligned.
    """
    if settings.clips_cut is not None:
        fixed = clip.sampling in WHOLE_VIDEO
        clips = min(clip.clips, settings.clips_cut) if fixed else settings.clips_cut
        clip = replace(clip, clips=clips)
    for augmentation in settings.augmentations:
        reach = 1.0
        if augmentation.name == ALIGN:
            if clip.crop != "aligned" or clip.template != "caddm":
                raise DetectorError(
                    "the augmentation 'align' needs crops that are aligned as CADDM's are: leave it"
                    " out, or choose the clip settings crop='aligned', template='caddm'"
                )
            reach = augmentation.settings["reach"]
        if augmentation.name in (ALIGN, CORNER_CROP):
            detail = augmentation.settings.get("detail", 1)
            first = None if clip.cut_size is None else round(clip.cut_size * detail)
            size = round(clip.size * reach * detail)
            clip = replace(clip, margin=clip.margin * reach, size=size, cut_size=first)
    return clip


def measure_scale(clips: VideoClips, kept: ClipSpec) -> float:
    """Return how many pixels of the kept pictures show one pixel of the frame, by the median.

    Args:
        clips: The kept clips of a video.
        kept: The settings that they were cut by.
    """
    if kept.crop == "aligned":
        target = place_template(kept.template, margin=kept.margin, size=kept.size)
        points = clips.points.reshape(-1, 5, 2)
        matrices = np.stack([fit_similarity(five, target) for five in points])
    elif kept.crop == "box":
        boxes = clips.boxes.reshape(-1, 4)
        matrices = np.stack([place_box(box, margin=kept.margin, size=kept.size) for box in boxes])
    else:
        return kept.size / clips.frame_size[1]
    return float(np.median(np.hypot(matrices[:, 0, 0], matrices[:, 1, 0])))


def cut_pixels(
    pixels: Pixels,
    augmentations: Iterable[Augmentation],
    random: np.random.Generator,
    *,
    size: int,
    scale: float = 1.0,
) -> Pixels:
    """Cut the detector's input out of kept pictures, all of them in the same way.

    Args:
        pixels: The kept pictures, uint8 (T, W, W, 3), RGB.
        augmentations: The augmentations, in order; those that do not cut are left out.
        random: The random number generator; nothing is drawn from it for those.
        size: The side of the detector's input in pixels.
        scale: The kept pixels that show one pixel of the frame, as :func:`measure_scale` says.

    Returns:
        The pictures, uint8 (T, size, size, 3).
    """
    for augmentation in augmentations:
        if augmentation.name not in CUTS:
            continue
        drawn = random.random() < augmentation.probability
        if augmentation.name == ALIGN:
            pixels = jitter_faces(pixels, augmentation.settings, random, size=size, still=not drawn)
        elif augmentation.name == HALVE and drawn:
            pixels = _halve(pixels, scale)
        elif drawn:
            pixels = _corner_crop(pixels, augmentation.settings, random)
    if pixels.shape[1:3] == (size, size):
        return pixels
    return _map(pixels, lambda picture: _resize(picture, size))


def _halve(pixels: Pixels, scale: float) -> Pixels:
    """Shrink the pictures to half the detail of the frame that they were cut out of."""
    side = round(pixels.shape[1] / (2 * scale))
    if side >= pixels.shape[1]:
        return pixels

    # At twice the side the pixels are those of the frame, which are then averaged by fours.
    grid, flags = pixels.shape[1] / (2 * side), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = np.array([[grid, 0, 0], [0, grid, 0]])

    def halve(picture: Pixels) -> cv2.typing.MatLike:
        as_in_frame = cv2.warpAffine(picture, matrix, (2 * side, 2 * side), flags=flags)
        return cv2.resize(as_in_frame, (side, side))

    return _map(pixels, halve)


def _corner_crop(
    pixels: Pixels, settings: Mapping[str, Any], random: np.random.Generator
) -> Pixels:
    """Cut a part out at one of 13 places; its width and height are at most one scale apart."""
    side, scales = pixels.shape[1], settings["scales"]
    steps = range(len(scales))
    pairs = [(first, other) for first in steps for other in steps if abs(first - other) <= 1]
    width, height = (int(side * scales[step]) for step in pairs[random.integers(len(pairs))])
    across, down = PLACES[random.integers(len(PLACES))]
    left, top = across * ((side - width) // 4), down * ((side - height) // 4)
    return pixels[:, top : top + height, left : left + width]


def _map(pixels: Pixels, change: Callable[[Pixels], Any]) -> Pixels:
    pictures = [change(np.ascontiguousarray(picture)) for picture in pixels]
    return np.stack(pictures).astype(np.uint8, copy=False)


def _resize(picture: Pixels, size: int) -> Pixels:
    """Resize a picture by Pillow's linear filter, which averages where it shrinks."""
    resized = Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8)
