"""How fast videos were scored: clips per second, time spent waiting, and memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """How fast videos were scored.

    Attributes:
        videos: The number of videos, whether they got a score or not.
        clips: The number of clips that the detector scored.
        seconds: The wall time of the slowest process.
        waiting_share: The share of that time in which no clip was ready; the mean over processes.
        peak_memory_mib: The peak memory of the largest process: GPU memory on a GPU, otherwise
            main memory.
        processes: The number of processes that shared the videos.
        device: ``cuda`` or ``cpu``.
        precision: The precision of the detector: ``fp32``, ``bf16`` or ``fp16``.
    """

    videos: int
    clips: int
    seconds: float
    waiting_share: float
    peak_memory_mib: float
    processes: int
    device: str
    precision: str

    @property
    def clips_a_second(self) -> float:
        """The clips of all processes per second of wall time."""
        return self.clips / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "clips_a_second": round(self.clips_a_second, 3)}

    def __str__(self) -> str:
        return (
            f"{self.clips_a_second:.1f} clips/s ({self.clips} clips of {self.videos} videos in "
            f"{self.seconds:.1f} s), {self.waiting_share:.0%} of the time waiting for data, peak "
            f"memory {self.peak_memory_mib:,.0f} MiB ({self.device}, {self.precision}, "
            f"{self.processes} process{'' if self.processes == 1 else 'es'})"
        )

    @classmethod
    def join(cls, shares: Iterable[Self]) -> Self:
        """Return the throughput of a run from that of each of its processes.

        Args:
            shares: What each process measured; at least one.
        """
        given = list(shares)
        return cls(
            videos=sum(share.videos for share in given),
            clips=sum(share.clips for share in given),
            seconds=max(share.seconds for share in given),
            waiting_share=round(sum(share.waiting_share for share in given) / len(given), 4),
            peak_memory_mib=max(share.peak_memory_mib for share in given),
            processes=len(given),
            device=given[0].device,
            precision=given[0].precision,
        )


class Meter:
    """Measures the throughput of one process.

    Args:
        device: The device that the detector computes on.
        precision: The precision of the detector.
        clock: A function that returns seconds since an arbitrary moment.
    """

    def __init__(
        self,
        device: torch.device,
        precision: str,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._device, self._precision, self._clock = device, precision, clock
        self._videos = self._clips = 0
        self._waited, self._began = 0.0, clock()
        if device.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(device)

    def time_waiting(self, videos: Iterable[T]) -> Iterator[T]:
        """Yield the videos, and add up the time spent waiting for each."""
        self._began = asked = self._clock()
        for video in videos:
            self._waited += self._clock() - asked
            self._videos += 1
            yield video
            asked = self._clock()
        self._waited += self._clock() - asked

    def count_clips(self, clips: int) -> None:
        """Add clips that were scored."""
        self._clips += clips

    def read(self) -> Throughput:
        """Return the throughput up to now."""
        seconds = self._clock() - self._began
        return Throughput(
            videos=self._videos,
            clips=self._clips,
            seconds=round(seconds, 3),
            waiting_share=round(self._waited / seconds, 4),
            peak_memory_mib=round(measure_peak_memory(self._device) / _MIB, 1),
            processes=1,
            device=self._device.type,
            precision=self._precision,
        )


def measure_peak_memory(device: torch.device) -> int:
    """Return the peak memory of this process in bytes: GPU memory on a GPU, else main memory."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
