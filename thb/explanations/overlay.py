"""The overlay: a video with the heat of its explanation painted over it, as H.264."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb.explanations.heat import HeatTrack, Picture, paint_heat
from thb.explanations.lettering import Legend
from thb.runtime.progress import progress_bar
from thb_dataset.errors import THBError
from thb_dataset.files import write_whole
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.reader import VideoReader

if TYPE_CHECKING:
    from thb_dataset.video.values import Frames, Limits

ENDING: Final = ".mp4"

MAX_SIDE: Final = 512
"""The longer side of the overlay in pixels, enough to look at it in a browser."""

MAX_FRAMES: Final = 512
"""The most frames of an overlay, evenly over the video: 20 s at 25 frames/s, 400 MiB in memory."""

MAX_RATE: Final = 120
"""The most frames per second; of a faster video every second, third … frame is shown."""

SLOWEST: Final = 0.001
"""The fewest frames per second, for videos whose time stamps leave hours between frames."""

STRIP_HEIGHT: Final = 24
"""Rows of pixels below the picture that mark the frames the detector saw, and the current one."""

_STRIP, _SEEN, _NOW = (24, 24, 24), (150, 150, 150), (255, 255, 255)


def write_overlay(
    path: Path,
    video: Path,
    track: HeatTrack,
    *,
    legend: Legend,
    limits: Limits | None = None,
    progress: bool = False,
) -> Path:
    """Write the whole video, without sound, with the heat painted over it.

    Between two frames that the detector saw the heat is interpolated. The strip below the picture
    marks the frames that the detector saw. Below it stands the legend, which must not part from
    the picture when the file is passed on.

    Args:
        path: An MP4 file (H.264, yuv420p), written whole or not at all.
        video: The video that was explained.
        track: Its heat.
        legend: What the colours mean, and what else must be known.
        limits: The cost that the video may cause; None for the usual ones.
        progress: Show a bar on stderr.

    Raises:
        THBError: The file does not end in .mp4.
        VideoError: The video cannot be read.
        OSError: The file cannot be written.
    """
    if path.suffix.lower() != ENDING:
        raise THBError(f"{path} does not end in {ENDING}: an overlay can be no other file")
    everywhere = FramePolicy(clips=MAX_FRAMES, frames=1)
    with VideoReader(limits) as reader:
        frames = reader.read_frames(video, everywhere, max_side=MAX_SIDE)
    rate = _find_rate(frames)
    step = math.ceil(rate / MAX_RATE)
    pictures, seconds = frames.pixels[::step], frames.seconds[::step].tolist()
    bar = progress_bar(total=len(pictures), description="painting", unit="frame", shown=progress)
    height, width = frames.pixels.shape[1:3]
    below = legend.draw(width)
    end = float(frames.seconds[-1])
    with (
        bar,
        write_whole(path) as draft,
        _Encoder(draft, rate / step, (height + len(below), width)) as encoder,
    ):
        for picture, at in zip(pictures, seconds, strict=True):
            heat = track.read_on_frame(at, (height, width))
            painted = paint_heat(picture, heat, track.scale)
            strip = _draw_strip(width, at, track.seconds, end)
            encoder.add(np.concatenate([painted, strip, below]))
            bar.update()
        encoder.finish()
    return path


def _draw_strip(width: int, at: float, seen: npt.NDArray[np.float64], end: float) -> Picture:
    """Draw the strip below the picture at a time; all times are in seconds."""
    strip = np.full((STRIP_HEIGHT, width, 3), _STRIP, np.uint8)
    last = max(end, float(seen[-1]), 1e-9)
    for column in np.round(seen / last * (width - 2)).astype(int):
        strip[8:-8, column : column + 2] = _SEEN
    now = round(at / last * (width - 2))
    strip[3:-3, now : now + 2] = _NOW
    return strip


def _find_rate(frames: Frames) -> Fraction:
    """Return the frames per second with which the overlay lasts as long as the video."""
    lasts = float(frames.seconds[-1] - frames.seconds[0])
    if len(frames.seconds) < 2 or lasts <= 0:
        return Fraction(1)
    rate = (len(frames.seconds) - 1) / lasts
    return Fraction(max(rate, SLOWEST)).limit_denominator(1001)


class _Encoder:
    """An MP4 file that browsers play; odd sides become even by repeating the last row or column."""

    def __init__(self, path: Path, rate: Fraction, size: tuple[int, int]) -> None:
        import av

        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream("libx264", rate=rate)
        height, width = size
        self._stream.width = width + width % 2
        self._stream.height = height + STRIP_HEIGHT + height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "20", "preset": "veryfast"}

    def __enter__(self) -> _Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def add(self, picture: Picture) -> None:
        """Encode one picture, uint8 (H, W, 3)."""
        import av

        even = np.pad(picture, ((0, len(picture) % 2), (0, picture.shape[1] % 2), (0, 0)), "edge")
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))
