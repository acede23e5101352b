"""Turn decoded frames into upright RGB pictures, all of one size in one video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData
from av.video.reformatter import VideoReformatter

from thb_dataset.video.decoder import VideoFile, find_audio_stream
from thb_dataset.video.values import VideoInfo

STRETCH_FROM = 1.3
"""The ratio of a pixel's sides from which it is made square; nearer to 1 it stays as stored.

Many CelebV-HQ clips declare 1.02 to 1.13, a trace of how they were scaled, and no fake made from
them does. Resampling these clips would leave a mark on the real videos only, and no other tool
resamples them.
"""
STRETCH_TO = 8
"""The largest ratio that is believed: no camera or tool writes longer pixels."""


@dataclass(frozen=True)
class Turn:
    """How a display matrix moves stored pixels: transpose first, then the flips."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Self:
        """Read the display matrix of a decoded frame; a frame without one is shown as stored.

        The matrix is nine int32 in rows. A stored point (x, y) is shown at
        (a x + c y, b x + d y).
        """
        side = frame.side_data.get("DISPLAYMATRIX")
        if not isinstance(side, SideData):
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(side), np.int32)[:5].astype(np.int64).tolist()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transpose=True, flip_rows=b < 0, flip_columns=c < 0)
        return cls(flip_rows=d < 0, flip_columns=a < 0)

    @property
    def rotation_degrees(self) -> int:
        """The clockwise turn, without the mirroring."""
        if self.transpose:
            return 270 if self.flip_rows else 90
        return 180 if self.flip_rows else 0

    @property
    def mirrored(self) -> bool:
        """Whether a left-right flip remains after the turn.

        The transpose and each of the two flips mirror the picture once.
        """
        return self.transpose ^ self.flip_rows ^ self.flip_columns

    def apply(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Turn (H, W, 3) pixels upright."""
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        if self.flip_rows:
            pixels = pixels[::-1]
        if self.flip_columns:
            pixels = pixels[:, ::-1]
        return np.ascontiguousarray(pixels)


class Painter:
    """Makes upright RGB pictures of one size out of decoded frames of any size.

    Args:
        video: The open video.
        first: Its first frame, which decides the turn and the size.

    Raises:
        VideoTooLargeError: The pictures would be larger than the limit.
    """

    def __init__(self, video: VideoFile, first: av.VideoFrame) -> None:
        self._video = video
        self._reformatter = VideoReformatter()
        self._pixel_format = first.format.name
        self.turn = Turn.of(first)
        self.stored = (first.width, first.height)
        self.aspect = float(video.stream.sample_aspect_ratio or 1)
        width, height = self.stored
        if STRETCH_FROM < max(self.aspect, 1 / self.aspect) <= STRETCH_TO:
            # Stretch, never shrink: no pixel is lost.
            width = round(width * max(self.aspect, 1))
            height = round(height / min(self.aspect, 1))
        video.check_size(width, height)
        self.size = (width, height)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (H, W, 3) of every picture."""
        width, height = self.size
        return (width, height, 3) if self.turn.transpose else (height, width, 3)

    def paint(self, frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
        """Convert one frame to uint8 (H, W, 3), scaled to the size of the first frame.

        Raises:
            VideoTooLargeError: The frame is larger than the limit.
        """
        self._video.check_size(frame.width, frame.height)
        width, height = self.size
        same = (frame.width, frame.height) == self.size
        rgb = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgb24",
            interpolation="BILINEAR" if same else "BICUBIC",
            threads=1,
        )
        return self.turn.apply(rgb.to_ndarray().astype(np.uint8, copy=False))

    def describe(self) -> VideoInfo:
        """Return what the file declares and what its first frame showed."""
        video, stream = self._video, self._video.stream
        rate = stream.average_rate or stream.guessed_rate
        height, width, _ = self.shape
        return VideoInfo(
            width=width,
            height=height,
            rotation_degrees=self.turn.rotation_degrees,
            mirrored=self.turn.mirrored,
            stored_width=self.stored[0],
            stored_height=self.stored[1],
            sample_aspect_ratio=self.aspect,
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=self._pixel_format,
            fps=float(rate) if rate else None,
            seconds=video.declared_seconds,
            declared_frames=stream.frames or None,
            has_audio=find_audio_stream(video.container) is not None,
        )
