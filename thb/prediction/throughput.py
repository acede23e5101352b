"""How fast videos were scored, and what held it up: clips a second, waiting, memory."""

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
        videos: Videos, in whatever state they were.
        clips: Clips that the detector scored.
        seconds: Wall time, of the slowest process.
        waiting_share: Part of that time in which no clip was ready; the mean over processes.
        peak_memory_mib: Largest memory of a process: the device's on a GPU, else all it held.
        processes: That shared the videos.
        device: ``cuda`` or ``cpu``.
        precision: Of the detector's products.
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
        """Clips of all processes over the wall time."""
        return self.clips / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
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
        """Bring together what the processes of one run measured; one or more."""
        given = list(shares)
        return cls(
            videos=sum(one.videos for one in given),
            clips=sum(one.clips for one in given),
            seconds=max(one.seconds for one in given),
            waiting_share=round(sum(one.waiting_share for one in given) / len(given), 4),
            peak_memory_mib=max(one.peak_memory_mib for one in given),
            processes=len(given),
            device=given[0].device,
            precision=given[0].precision,
        )


class Meter:
    """Measures one process while it scores.

    Args:
        device: Where the detector computes.
        precision: Of its products.
        clock: The seconds since some moment.
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

    def time_waiting(self, made: Iterable[T]) -> Iterator[T]:
        """Hand on what is made, and count the time until each is there."""
        self._began = asked = self._clock()
        for one in made:
            self._waited += self._clock() - asked
            self._videos += 1
            yield one
            asked = self._clock()
        self._waited += self._clock() - asked

    def count_clips(self, clips: int) -> None:
        """Count clips that were scored."""
        self._clips += clips

    def read(self) -> Throughput:
        """Return what was measured so far."""
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
    """Return the largest memory so far, in bytes: the device's, or all that the process held."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
