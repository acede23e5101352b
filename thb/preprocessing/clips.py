"""Clips of many videos: threads decode and find faces while the model computes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from thb.preprocessing.settings import Preparation
from thb.runtime.processes import default_workers
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.all_faces import make_clips_of_all
from thb_dataset.clips.store import ClipStore, Rendition
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import VideoDecodeError, VideoError
from thb_dataset.faces.finder import FaceFinder, load_face_finder
from thb_dataset.files import find_fault
from thb_dataset.video.reader import VideoReader

ClipResult = VideoClips | VideoError | None
"""The clips of a video, or the reason why it has none; None if its file is missing."""


class ClipMaker:
    """Makes the clips of videos in threads, each with its own reader and face finder.

    Use it as a context manager: leaving it ends the readers' child processes.

    Args:
        spec: The clips that the detector takes.
        preparation: The face pack, the folder in which crops are kept, and the number of threads.
        sounds: The WAV files beside videos, by the name of the video; only detectors that listen
            use them.
        renditions: Ways to make new videos, by the name of the video; the clips are then those of
            the new video.
        all_faces: Make the clips of every face, which are not stored, and not of the main face.
    """

    def __init__(
        self,
        spec: ClipSpec,
        preparation: Preparation,
        *,
        sounds: Mapping[str, Path] | None = None,
        renditions: Mapping[str, Rendition] | None = None,
        all_faces: bool = False,
    ) -> None:
        self._spec = spec
        self._store = ClipStore(preparation.store)
        self._workers = preparation.workers or default_workers()
        self._sounds = sounds or {}
        self._renditions = renditions or {}
        self._all_faces = all_faces
        self._tools = ThreadTools(preparation)

    def __enter__(self) -> ClipMaker:
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="clips")
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._tools.close()

    def make(self, paths: Iterable[tuple[str, Path | None]]) -> Iterator[tuple[str, ClipResult]]:
        """Yield the clips of each video in the given order, and work a few videos ahead.

        With ``all_faces``, a video comes once for each face.

        Args:
            paths: Pairs of a name and the video's file; None for a file that is missing.

        Raises:
            OSError: The store cannot be written (a full disk); a video's own faults are yielded.
        """
        waiting: deque[tuple[str, Future[list[ClipResult]]]] = deque()
        for name, path in paths:
            waiting.append((name, self._pool.submit(self._make_clips, name, path)))
            if len(waiting) > 2 * self._workers:
                first, future = waiting.popleft()
                for result in future.result():
                    yield first, result
        for name, future in waiting:
            for result in future.result():
                yield name, result

    def _make_clips(self, name: str, path: Path | None) -> list[ClipResult]:
        if path is None:
            return [None]
        try:
            check_readable(path)
        except FileNotFoundError:
            return [None]
        except VideoDecodeError as error:
            return [error]
        try:
            reader, finder = self._tools.get()
            sound = self._sounds.get(name)
            if self._all_faces:
                return [*make_clips_of_all(path, self._spec, finder, reader, sound_path=sound)]
            rendition = self._renditions.get(name)
            return [
                self._store.get(
                    path, self._spec, finder, reader, sound_path=sound, rendition=rendition
                )
            ]
        except VideoError as error:
            return [error]


class ThreadTools:
    """A video reader and a face finder for each thread, created when the thread first asks.

    Args:
        preparation: The face pack and the limits of a video.
    """

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation
        self._own = threading.local()
        self._lock = threading.Lock()
        self._readers = ExitStack()

    def get(self) -> tuple[VideoReader, FaceFinder]:
        """Return the reader and the face finder of the calling thread."""
        if not hasattr(self._own, "tools"):
            with self._lock:
                reader = self._readers.enter_context(VideoReader(self._preparation.limits))
                self._own.tools = (reader, load_face_finder(self._preparation.face_pack))
        tools: tuple[VideoReader, FaceFinder] = self._own.tools
        return tools

    def close(self) -> None:
        """End the readers' child processes."""
        self._readers.close()


def check_readable(path: Path) -> None:
    """Refuse a path that no decoder should open: a folder, an empty file, a Git LFS pointer.

    Raises:
        FileNotFoundError: Nothing exists at the path, or at the end of a link.
        VideoDecodeError: There is no content at the path; the message says why.
    """
    if not path.exists():
        raise FileNotFoundError(find_fault(path))
    if (fault := find_fault(path)) is not None:
        raise VideoDecodeError(fault)
