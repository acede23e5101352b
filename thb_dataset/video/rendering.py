"""Render a video anew, alike for every video: one rate, size and encoder, no sound, no tags.

It happens inside the child process and in its memory, frame by frame, so that the limits of
reading hold for it as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from thb_dataset.errors import VideoDecodeError
from thb_dataset.video.clock import tell_seconds
from thb_dataset.video.decoder import VideoFile, tell_time
from thb_dataset.video.deinterlace import deinterlace
from thb_dataset.video.encoding import encode_pictures
from thb_dataset.video.painter import Painter
from thb_dataset.video.values import Limits, Render, VideoInfo

STAMP_SECONDS: Final = 0.001
"""The rounding of time stamps in containers that count milliseconds."""


def render(path: str, how: Render, limits: Limits) -> bytes:
    """Return a video rendered anew, as an MP4 file of H.264.

    Each frame of the new video is the one that the old video shows at its time. Pictures are
    scaled to fit the new size, and what is left is black.

    Args:
        path: The file.
        how: The rate, size and quality of the new video.
        limits: The cost that the old video may cause.

    Raises:
        VideoError: The video cannot be read.
    """
    repeats = plan_frames(path, how, limits)
    shown = filter(None, repeats)
    return encode_pictures(zip(paint_pictures(path, how, limits, repeats), shown, strict=True), how)


def paint_pictures(
    path: str, how: Render, limits: Limits, repeats: Iterable[int]
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the pictures of the new video before they are encoded, uint8 (side, side, 3), RGB.

    Args:
        path: The file.
        how: The size of the new video.
        limits: The cost that the old video may cause.
        repeats: How often each frame of the old video is shown; those that are not are left out.

    Raises:
        VideoError: The video cannot be read.
    """
    with VideoFile(path, limits) as video:
        painter = None
        for frame, times in zip(deinterlace(video.frames(), []), repeats, strict=False):
            painter = painter or Painter(video, frame)
            if times:
                yield _fit_into(painter.paint(frame), how.side)


def plan_frames(path: str, how: Render, limits: Limits) -> list[int]:
    """Return how often each frame is shown at the new rate: 0 for one that falls out.

    Args:
        path: The file.
        how: The rate of the new video.
        limits: The cost that the old video may cause.

    Raises:
        VideoError: The video cannot be read.
    """
    with VideoFile(path, limits) as video:
        stamps = [tell_time(frame) for frame in deinterlace(video.frames(), [])]
        period = video.declared_period
    if not stamps:
        raise VideoDecodeError("has no frame that decodes; the file is damaged, fetch it again")
    seconds, _ = tell_seconds(stamps, period)
    last = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1 / how.fps
    count = max(1, round((seconds[-1] + last) * how.fps))
    times = np.arange(count) / how.fps + STAMP_SECONDS
    shown = np.searchsorted(seconds, times, side="right") - 1
    return [int(shows) for shows in np.bincount(shown, minlength=len(seconds))]


def describe_pictures(how: Render, frames: int) -> VideoInfo:
    """Return what a file with the new video declares.

    Args:
        how: The rate and size of the new video.
        frames: The number of its frames.
    """
    return VideoInfo(
        width=how.side,
        height=how.side,
        rotation_degrees=0,
        mirrored=False,
        stored_width=how.side,
        stored_height=how.side,
        sample_aspect_ratio=1.0,
        codec="h264",
        pixel_format="yuv420p",
        fps=float(how.fps),
        seconds=frames / how.fps,
        declared_frames=frames,
        has_audio=False,
    )


def _fit_into(pixels: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Return uint8 (side, side, 3): a picture scaled to fit, in the middle of a black square."""
    height, width, _ = pixels.shape
    scale = side / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    if (rows, columns) != (height, width):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        scaled = frame.reformat(columns, rows, interpolation="BICUBIC")
        pixels = np.asarray(scaled.to_ndarray(format="rgb24"), np.uint8)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - rows) // 2, (side - columns) // 2
    square[top : top + rows, left : left + columns] = pixels
    return square
