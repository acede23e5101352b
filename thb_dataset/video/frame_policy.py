"""The rule that chooses the frames of a video: integers in, integers out, no file access."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ClipTooShortError

SAMPLINGS = ("uniform", "consecutive", "stride", "spread")
WHOLE_VIDEO = ("uniform", "spread")
"""The samplings whose every frame depends on the number of frames of the video."""


@dataclass(frozen=True, kw_only=True)
class FramePolicy:
    """A rule that places clips of frames in a video of any length.

    A clip never holds one frame twice. A video that is too short for one clip is refused and never
    padded.

    ``uniform``
        The clips take the ``clips * frames`` indices
        ``floor(i * (N - 1) / (clips * frames - 1))``, cut into consecutive runs of ``frames``.
        The first and the last frame are among them. A shorter video gives as many whole clips as
        fit. A single frame is the middle one.
    ``consecutive``
        The clips hold neighbouring frames and start at
        ``floor(linspace(0, N - frames, clips))``. Equal starts give one clip.
    ``stride``
        The clips hold every ``stride``-th frame and are otherwise placed like ``consecutive``
        ones: a clip spans ``(frames - 1) * stride + 1`` frames.
    ``spread``
        The ``clips * frames`` indices begin with ``N // 2``. Each further one is as far as possible
        from all before it, and the lowest of those that are equally far. They are sorted and cut
        into runs of ``frames``. A shorter video gives as many whole clips as fit.

    Attributes:
        clips: The largest number of clips.
        frames: The number of frames of one clip.
        sampling: One of the names above.
        stride: The step from one frame of a clip to the next; other than 1 only with ``stride``.
        spare_frames: The number of frames at the end in which no clip may end; 0 with
            ``uniform`` and ``spread``.
        start_wrap: The starts are taken modulo this number and sorted; None with those two.
        first: The clips are placed as if the video began with this frame, counted from 0.
        last: The clips are placed as if it ended with this frame; None stands for its end.
    """

    clips: int = 1
    frames: int = 8
    sampling: str = "uniform"
    stride: int = 1
    spare_frames: int = 0
    start_wrap: int | None = None
    first: int = 0
    last: int | None = None

    def __post_init__(self) -> None:
        """Refuse a policy that chooses nothing or contradicts itself.

        Raises:
            ValueError: A setting is wrong; the message says which and what it may be.
        """
        if self.sampling not in SAMPLINGS:
            raise ValueError(f"sampling={self.sampling!r} is not one of {', '.join(SAMPLINGS)}")
        if min(self.clips, self.frames, self.stride) < 1:
            raise ValueError("clips, frames and stride must be 1 or more")
        if self.stride != 1 and self.sampling != "stride":
            raise ValueError(f"stride={self.stride} needs sampling='stride'")
        if self.spare_frames < 0 or (self.start_wrap is not None and self.start_wrap < 1):
            raise ValueError("spare_frames must be 0 or more, and start_wrap 1 or more")
        if self.sampling in WHOLE_VIDEO and (self.spare_frames or self.start_wrap):
            raise ValueError(f"spare_frames and start_wrap do not go with sampling={self.sampling}")

    @property
    def span(self) -> int:
        """The number of frames that a video needs: the span of one clip and the spare frames."""
        if self.sampling in WHOLE_VIDEO:
            return self.frames
        return (self.frames - 1) * self.stride + 1 + self.spare_frames

    def choose(self, total_frames: int) -> npt.NDArray[np.int64]:
        """Place the clips in a video of ``total_frames`` frames.

        Args:
            total_frames: The number of frames that decode.

        Returns:
            int64 (clips, frames), indices from 0, ascending within a clip; at least one clip,
            and perhaps fewer clips than asked for.

        Raises:
            ClipTooShortError: The video is shorter than one clip; the message gives both counts.
        """
        end = total_frames if self.last is None else min(self.last + 1, total_frames)
        return self.first + self._place(end - self.first)

    def _place(self, total_frames: int) -> npt.NDArray[np.int64]:
        """Place the clips in the frames between the first and the last."""
        if total_frames < self.span:
            kind = "" if self.span == self.frames else f" ({self.frames} at stride {self.stride})"
            raise ClipTooShortError(
                f"{total_frames} frames, but one clip needs {self.span}{kind};"
                " use a longer video or a detector with shorter clips"
            )
        if self.sampling == "uniform":
            return self._choose_uniform(total_frames)
        if self.sampling == "spread":
            return self._choose_spread(total_frames)
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

    def _choose_spread(self, total_frames: int) -> npt.NDArray[np.int64]:
        clips = min(self.clips, total_frames // self.frames)
        every = np.arange(total_frames, dtype=np.int64)
        chosen = [total_frames // 2]
        distance = np.abs(every - chosen[0])
        while len(chosen) < clips * self.frames:
            chosen.append(int(distance.argmax()))  # the lowest of several
            distance = np.minimum(distance, np.abs(every - chosen[-1]))
        return np.sort(np.array(chosen, np.int64)).reshape(clips, self.frames)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, from which ``FramePolicy(**record)`` makes the same policy."""
        return asdict(self)
