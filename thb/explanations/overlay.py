"""The heat of an explanation painted over the video that it is of, as H.264."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb.explanations.explanation import put_back
from thb.explanations.heat import paint_heat
from thb.runtime.progress import progress_bar
from thb_dataset.files import write_whole
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.reader import VideoReader

if TYPE_CHECKING:
    from thb.explanations.explanation import Explanation
    from thb_dataset.video.values import Frames

Picture = npt.NDArray[np.uint8]

MAX_SIDE: Final = 512
"""Longer side of the overlay in pixels: it is to be looked at, and sent to a browser."""

MAX_FRAMES: Final = 512
"""Frames of the overlay at most, evenly over the video: 20 s at 25 a second, 400 MiB."""

STRIP_HEIGHT: Final = 24
"""Rows below the picture that say which frames the detector saw, and which is shown."""

_STRIP, _SEEN, _NOW = (24, 24, 24), (150, 150, 150), (255, 255, 255)


@dataclass(frozen=True, kw_only=True)
class HeatTrack:
    """Heat at the moments that the detector saw, to be read at any moment between them.

    Attributes:
        seconds: float64 (M,), ascending.
        heat: float32 (M, h, w).
        placements: float64 (M, 2, 3), from the frame to the crop.
    """

    seconds: npt.NDArray[np.float64]
    heat: npt.NDArray[np.float32]
    placements: npt.NDArray[np.float64]

    def read(self, at: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return heat and placement at a moment: in a straight line between two seen moments."""
        after = int(np.searchsorted(self.seconds, at))
        if after == 0 or after == len(self.seconds):
            end = min(after, len(self.seconds) - 1)
            return self.heat[end], self.placements[end]
        before = after - 1
        share = (at - self.seconds[before]) / (self.seconds[after] - self.seconds[before])
        heat = (1 - share) * self.heat[before] + share * self.heat[after]
        placement = (1 - share) * self.placements[before] + share * self.placements[after]
        return heat.astype(np.float32), placement


def follow_heat(explanation: Explanation) -> HeatTrack:
    """Put the heat of all clips in the order of time; a frame seen twice has the mean."""
    index, first, place = np.unique(
        explanation.frame_index.ravel(), return_index=True, return_inverse=True
    )
    heat = explanation.heat.reshape(-1, *explanation.heat.shape[2:])
    total = np.zeros((len(index), *heat.shape[1:]), np.float64)
    np.add.at(total, place, heat)
    total /= np.bincount(place)[:, None, None]
    return HeatTrack(
        seconds=explanation.seconds.ravel()[first],
        heat=total.astype(np.float32),
        placements=explanation.placements.reshape(-1, 2, 3)[first],
    )


def write_overlay(
    explanation: Explanation,
    path: Path,
    *,
    reader: VideoReader | None = None,
    progress: bool = False,
) -> Path:
    """Write the whole video with the heat over it.

    Between two frames that the detector saw the heat goes over from one to the other; the strip
    below marks those that it saw. There is no sound.

    Args:
        explanation: Of the video, whose file must still be there.
        path: An MP4 file (H.264, yuv420p), written whole or not at all.
        reader: Reads the video; None for one of its own.
        progress: Show a bar on stderr.

    Raises:
        VideoError: The video cannot be read.
        OSError: The file cannot be written.
    """
    everywhere = FramePolicy(clips=MAX_FRAMES, frames=1)
    if reader is None:
        with VideoReader() as own:
            frames = own.read_frames(explanation.path, everywhere, max_side=MAX_SIDE)
    else:
        frames = reader.read_frames(explanation.path, everywhere, max_side=MAX_SIDE)
    track = follow_heat(explanation)
    bar = progress_bar(
        total=len(frames.pixels), description="painting", unit="frame", shown=progress
    )
    size = frames.pixels.shape[1:3]
    with bar, write_whole(path) as draft, _Encoder(draft, _find_rate(frames), size) as encoder:
        for picture, at in zip(frames.pixels, frames.seconds, strict=True):
            encoder.add(_paint(picture, float(at), track, explanation, frames))
            bar.update()
        encoder.finish()
    return path


def _paint(
    picture: Picture, at: float, track: HeatTrack, explanation: Explanation, frames: Frames
) -> Picture:
    """Return one frame of the overlay: heat over the picture, and the strip below it."""
    height, width = picture.shape[:2]
    heat, placement = track.read(at)
    whole_height, whole_width = explanation.clips.frame_size
    # Pixels are counted from the edges when a frame is made smaller, and between centres here.
    grow = np.array([whole_width / width, whole_height / height])
    small = np.column_stack(
        [placement[:, :2] * grow, placement[:, 2] + placement[:, :2] @ ((grow - 1) / 2)]
    )
    over = put_back(heat, small, crop_size=explanation.spec.size, frame_size=(height, width))
    painted = paint_heat(picture, over, explanation.scale)
    strip = _draw_strip(width, at, track.seconds, float(frames.seconds[-1]))
    return np.concatenate([painted, strip])


def _draw_strip(width: int, at: float, seen: npt.NDArray[np.float64], end: float) -> Picture:
    strip = np.full((STRIP_HEIGHT, width, 3), _STRIP, np.uint8)
    last = max(end, float(seen[-1]), 1e-9)
    for column in np.round(seen / last * (width - 2)).astype(int):
        strip[8:-8, column : column + 2] = _SEEN
    now = round(at / last * (width - 2))
    strip[3:-3, now : now + 2] = _NOW
    return strip


def _find_rate(frames: Frames) -> Fraction:
    """Return frames a second, so that the overlay lasts as long as the video."""
    lasts = float(frames.seconds[-1] - frames.seconds[0])
    if len(frames.seconds) < 2 or lasts <= 0:
        return Fraction(1)
    rate = (len(frames.seconds) - 1) / lasts
    return Fraction(min(max(rate, 0.1), 120.0)).limit_denominator(1001)


class _Encoder:
    """An MP4 file that browsers play; sides are made even by repeating the last row or column."""

    def __init__(self, path: Path, rate: Fraction, size: tuple[int, int]) -> None:
        import av

        self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
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
