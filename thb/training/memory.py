"""Crops of a training at hand for every step: in memory, or mapped from a file beside the store."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips


def default_memory_bytes() -> int:
    """Return half of the machine's memory, shared by the processes that train on it."""
    siblings = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // siblings


class ClipMemory:
    """Keeps the clips of a training.

    Where they would take more memory than they may, their pixels are written to a file without a
    name, which the system reads from as it is asked and removes with the process. LipFD's clips
    are 75 MB a video, and the whole release's some hundred GB.

    Args:
        videos: How many there will be at most.
        spec: The clips of each.
        folder: Where the file goes.
        memory_bytes: What they may take; None for :func:`default_memory_bytes`.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(
        self, videos: int, spec: ClipSpec, folder: Path, *, memory_bytes: int | None = None
    ) -> None:
        most = videos * spec.clips * spec.pictures * spec.size**2 * 3
        allowed = default_memory_bytes() if memory_bytes is None else memory_bytes
        self._file: IO[bytes] | None = None
        self._mapped: npt.NDArray[np.uint8] | None = None
        self._end = 0
        if most > allowed:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 — closed below
            self._file.truncate(most)
            self._mapped = np.memmap(self._file, np.uint8, mode="r", shape=(most,))
            self._file.seek(0)  # NumPy has gone to its end

    @property
    def is_on_disk(self) -> bool:
        """Whether pixels are mapped from a file."""
        return self._mapped is not None

    def keep(self, clips: VideoClips) -> VideoClips:
        """Return the same clips, their pixels where they are to stay.

        Raises:
            OSError: The disk is full.
        """
        if self._file is None or self._mapped is None:
            return clips
        # Written and not assigned to the map: on a full disk that would end the process at once.
        view = memoryview(clips.pixels.tobytes())
        begin = self._end
        while self._end < begin + len(view):
            self._end += self._file.write(view[self._end - begin :])
        kept = np.asarray(self._mapped[begin : self._end]).reshape(clips.pixels.shape)
        return replace(clips, pixels=kept)

    def close(self) -> None:
        """Write no more; what was kept stays for as long as it is used."""
        if self._file is not None:
            self._file.close()
