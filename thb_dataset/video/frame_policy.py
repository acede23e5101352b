"""Which frames of a video are looked at: whole numbers in, whole numbers out, no file touched."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ClipTooShortError

SAMPLINGS = ("uniform", "consecutive", "stride")


@dataclass(frozen=True, kw_only=True)
class FramePolicy:
    """Clips of frames, placed in a video of any length by one exact rule.

    A clip never holds one frame twice. A video too short for one clip is refused, never padded.

    ``uniform``
        ``clips * frames`` indices ``floor(i * (N - 1) / (clips * frames - 1))``, so the first and
        the last frame are among them, cut into consecutive runs of ``frames``. Where the video
        has fewer frames than that, as many whole clips as fit. A single frame is the middle one.
    ``consecutive``
        Neighbouring frames. The clips start at ``floor(linspace(0, N - frames, clips))``; starts
        that fall together give one clip.
    ``stride``
        As ``consecutive``, with every ``stride``-th frame: a clip spans
        ``(frames - 1) * stride + 1`` frames.

    Attributes:
        clips: Clips wanted, at most.
        frames: Frames of one clip.
        sampling: One of the three names above.
        stride: Step from one frame of a clip to the next; other than 1 only with ``stride``.
        spare_frames: Frames at the end in which no clip may end; not with ``uniform``.
        start_wrap: Starts are taken modulo this number and sorted; not with ``uniform``.
    """

    clips: int = 1
    frames: int = 8
    sampling: str = "uniform"
    stride: int = 1
    spare_frames: int = 0
    start_wrap: int | None = None

    def __post_init__(self) -> None:
        """Refuse a policy that chooses nothing or contradicts itself.

        Raises:
            ValueError: Which setting is wrong, and what it may be.
        """
        if self.sampling not in SAMPLINGS:
            raise ValueError(f"sampling={self.sampling!r} is none of {', '.join(SAMPLINGS)}")
        if min(self.clips, self.frames, self.stride) < 1:
            raise ValueError("clips, frames and stride must be 1 or more")
        if self.stride != 1 and self.sampling != "stride":
            raise ValueError(f"stride={self.stride} needs sampling='stride'")
        if self.spare_frames < 0 or (self.start_wrap is not None and self.start_wrap < 1):
            raise ValueError("spare_frames must be 0 or more, start_wrap 1 or more")
        if self.sampling == "uniform" and (self.spare_frames or self.start_wrap):
            raise ValueError("spare_frames and start_wrap do not go with sampling='uniform'")

    @property
    def span(self) -> int:
        """Frames that a video must have: those of one clip, skipped ones counted, and the spare."""
        if self.sampling == "uniform":
            return self.frames
        return (self.frames - 1) * self.stride + 1 + self.spare_frames

    def choose(self, total_frames: int) -> npt.NDArray[np.int64]:
        """Place the clips in a video of ``total_frames`` frames.

        Args:
            total_frames: Frames that the video really gives.

        Returns:
            int64 (clips, frames), indices from 0, ascending within a clip; perhaps fewer clips
            than asked for, never none.

        Raises:
            ClipTooShortError: The video is shorter than one clip; both counts are in the message.
        """
        if total_frames < self.span:
            kind = "" if self.span == self.frames else f" ({self.frames} at stride {self.stride})"
            raise ClipTooShortError(
                f"{total_frames} frames, but one clip needs {self.span}{kind};"
                " use a longer video or a detector with shorter clips"
            )
        if self.sampling == "uniform":
            return self._choose_uniform(total_frames)
        clips = np.arange(self.clips, dtype=np.int64)
        starts = clips * (total_frames - self.span) // max(self.clips - 1, 1)
        if self.start_wrap is not None:
            starts %= self.start_wrap
        steps = np.arange(self.frames, dtype=np.int64) * self.stride
        return np.unique(starts)[:, None] + steps[None, :]

    def _choose_uniform(self, total_frames: int) -> npt.NDArray[np.int64]:
        clips = min(self.clips, total_frames // self.frames)
        wanted = clips * self.frames
        if wanted == 1:
            return np.array([[(total_frames - 1) // 2]], dtype=np.int64)
        places = np.arange(wanted, dtype=np.int64) * (total_frames - 1) // (wanted - 1)
        return places.reshape(clips, self.frames)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``FramePolicy(**record)`` gives the same policy back."""
        return asdict(self)
