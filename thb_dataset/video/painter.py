"""Turn decoded frames into upright RGB pictures, all of one size in one video."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData
from av.video.reformatter import VideoReformatter

from thb_dataset.errors import VideoDecodeError
from thb_dataset.video.decoder import VideoFile, find_audio_stream
from thb_dataset.video.tone import Transfer, convert_picture
from thb_dataset.video.values import VideoInfo

STRETCH_FROM = 1.3
"""The ratio of a pixel's sides from which it is made square; nearer to 1 it stays as stored.

Many CelebV-HQ clips declare 1.02 to 1.13, a trace of how they were scaled, and no fake made from
them does. Resampling these clips would leave a mark on the real videos only, and no other tool
resamples them.
"""
STRETCH_TO = 8
"""The largest ratio that is believed: no camera or tool writes longer pixels."""

FULL_HD_PIXELS = 1920 * 1080
"""The size up to which pictures are never made smaller, however many there are."""
MANY_BYTES = 192 << 20
"""The memory of 32 pictures of Full HD; more and larger ones are made smaller to fit."""

_UNKNOWN, _BT2020 = 2, 9
_TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}
_MATRICES = {0: 9, 1: 1, 2: 9, 5: 5, 6: 5, 9: 9}
"""The matrix in which HDR is read for the one that it declares, as numbers of ITU-T H.273: an
unknown one is BT.2020's (9), and RGB needs none."""


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


@dataclass(frozen=True)
class Colours:
    """How colours are coded, where that differs from SDR with BT.709 primaries.

    Attributes:
        transfer: How light is coded.
        wide: Whether the primaries are those of BT.2020.
        matrix: The matrix from luma and chroma to RGB; None for the frame's own.
    """

    transfer: Transfer = "sdr"
    wide: bool = False
    matrix: int | None = None

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Self:
        """Read the colours of a decoded frame.

        Raises:
            VideoDecodeError: It is HDR in a matrix that cannot be read.
        """
        transfer, primaries = _TRANSFERS.get(int(frame.color_trc)), int(frame.color_primaries)
        if transfer is None:
            return cls(wide=primaries == _BT2020)
        if (matrix := _MATRICES.get(int(frame.colorspace))) is None:
            raise VideoDecodeError(
                f"is HDR ({transfer.upper()}) in a colour matrix that is not supported (number"
                f" {int(frame.colorspace)} of H.273); convert it to SDR"
            )
        return cls(transfer, primaries in {_UNKNOWN, _BT2020}, matrix)

    @property
    def differ(self) -> bool:
        """Whether pictures must be converted."""
        return self != Colours()

    @property
    def note(self) -> str:
        """The warning about the conversion; empty without one."""
        if self.transfer != "sdr":
            return (
                f"is HDR ({self.transfer.upper()}) and was tone-mapped to SDR (BT.2390): its score"
                " may differ from that of an SDR copy"
            )
        return "has BT.2020 colours, which were converted to BT.709" if self.wide else ""

    def convert(self, picture: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
        """Turn a coded picture, uint16 (H, W, 3), into SDR, uint8 (H, W, 3)."""
        return convert_picture(picture, self.transfer, wide=self.wide)


class Painter:
    """Makes upright RGB pictures of one size out of decoded frames of any size.

    Args:
        video: The open video.
        first: Its first frame, which decides the turn and the size.

        count: The number of pictures that will be kept together.

    Raises:
        VideoTooLargeError: The pictures would be larger than the limit.
        VideoDecodeError: The colours cannot be read.
    """

    def __init__(self, video: VideoFile, first: av.VideoFrame, count: int = 1) -> None:
        self._video = video
        self.colours = Colours.of(first)
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
        most = max(FULL_HD_PIXELS, MANY_BYTES // (3 * max(count, 1)))
        if width * height > most:
            shrink = math.sqrt(most / (width * height))
            self.size = (max(1, int(width * shrink)), max(1, int(height * shrink)))
        self._whole = (width, height)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (H, W, 3) of every picture that is painted."""
        return self._turn_size(self.size)

    @property
    def warnings(self) -> list[str]:
        """What a reader of the scores should know of the pictures."""
        found = list(self._video.describe_tracks())
        if self.colours.note:
            found.append(self.colours.note)
        if self.size != self._whole:
            (height, width, _), (low, narrow, _) = self._turn_size(self._whole), self.shape
            found.append(f"the pictures of {width} x {height} were made smaller ({narrow} x {low})")
        return found

    def _turn_size(self, size: tuple[int, int]) -> tuple[int, int, int]:
        width, height = size
        return (width, height, 3) if self.turn.transpose else (height, width, 3)

    def paint(self, frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
        """Convert one frame to uint8 (H, W, 3), scaled to the size of the first frame.

        Raises:
            VideoTooLargeError: The frame is larger than the limit.
        """
        self._video.check_size(frame.width, frame.height)
        width, height = self.size
        interpolation = "BILINEAR" if (frame.width, frame.height) == self.size else "BICUBIC"
        if self.size != self._whole:
            interpolation = "AREA"
        rgb = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgb48le" if self.colours.differ else "rgb24",
            src_colorspace=self.colours.matrix,
            interpolation=interpolation,
            threads=1,
        ).to_ndarray()
        if self.colours.differ:
            rgb = self.colours.convert(rgb.astype(np.uint16, copy=False))
        return self.turn.apply(rgb.astype(np.uint8, copy=False))

    def describe(self) -> VideoInfo:
        """Return what the file declares and what its first frame showed."""
        video, stream = self._video, self._video.stream
        rate = stream.average_rate or stream.guessed_rate
        height, width, _ = self._turn_size(self._whole)
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
