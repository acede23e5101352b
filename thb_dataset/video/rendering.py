"""Render a video anew, alike for every video: one rate, size and encoder, no sound, no tags.

It happens inside the child process and in its memory, frame by frame, so that the limits of
reading hold for it as well.
"""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from thb_dataset.errors import VideoDecodeError
from thb_dataset.video.clock import tell_seconds
from thb_dataset.video.decoder import VideoFile, tell_time
from thb_dataset.video.deinterlace import deinterlace
from thb_dataset.video.painter import Painter
from thb_dataset.video.values import Limits, Render

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
    repeats = _plan_frames(path, how, limits)
    memory = BytesIO()
    # Without "bitexact" the writer names itself in the file.
    with av.open(memory, "w", format="mp4", container_options={"fflags": "+bitexact"}) as target:
        options = {"crf": str(how.crf), "preset": how.preset, "threads": "1"}
        stream = target.add_stream("libx264", rate=how.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = how.side, how.side, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, how.fps)
        with VideoFile(path, limits) as video:
            painter, place = None, 0
            frames = deinterlace(video.frames(), [])
            for frame, times in zip(frames, repeats, strict=False):
                painter = painter or Painter(video, frame)
                if not times:
                    continue
                picture = av.VideoFrame.from_ndarray(
                    _fit_into(painter.paint(frame), how.side), format="rgb24"
                )
                for _ in range(times):
                    picture.pts = place
                    picture.time_base = stream.codec_context.time_base
                    target.mux(stream.encode(picture))
                    place += 1
        target.mux(stream.encode(None))
    return memory.getvalue()


def _plan_frames(path: str, how: Render, limits: Limits) -> list[int]:
    """Return how often each frame is shown at the new rate: 0 for one that falls out."""
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
