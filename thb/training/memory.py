"""Where the crops of a training stay: in memory, or mapped from a file beside the store."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from thb.runtime.processes import default_memory_bytes
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips


class ClipMemory:
    """Keeps the clips of a training.

    If the clips may need more memory than they are allowed, their pixels are written to a file
    without a name. The operating system reads from it on demand, and removes it when the process
    ends. LipFD's clips are 75 MB per video, and some hundred GB for the whole release.

    Args:
        videos: The largest number of videos to keep.
        spec: The clips of each video.
        folder: The folder of the file; one that cannot be written is replaced by the system's
            temporary folder.
        memory_bytes: The memory that the clips may take; None for ``default_memory_bytes()``.

    Raises:
        OSError: The file cannot be created.
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
            self._file = _open_nameless(folder)
            self._file.truncate(most)
            self._mapped = np.memmap(self._file, np.uint8, mode="r", shape=(most,))
            self._file.seek(0)  # NumPy leaves it at its end

    @property
    def is_on_disk(self) -> bool:
        """True if the pixels are mapped from a file."""
        return self._mapped is not None

    def keep(self, clips: VideoClips) -> VideoClips:
        """Return the same clips, with their pixels in the place where they stay.

        Raises:
            OSError: The disk is full.
        """
        if self._file is None or self._mapped is None:
            return clips
        # Written, not assigned to the map: on a full disk an assignment would kill the process.
        view = memoryview(clips.pixels.tobytes())
        begin = self._end
        while self._end < begin + len(view):
            self._end += self._file.write(view[self._end - begin :])
        kept = np.asarray(self._mapped[begin : self._end]).reshape(clips.pixels.shape)
        return replace(clips, pixels=kept)

    def close(self) -> None:
        """Stop writing; the clips that were kept stay for as long as they are used."""
        if self._file is not None:
            self._file.close()


def _open_nameless(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError:
        return tempfile.TemporaryFile(buffering=0)
