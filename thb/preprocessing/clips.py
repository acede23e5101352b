"""Clips made ahead of the model: threads decode videos and find faces while it computes."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from thb.preprocessing.settings import Preparation
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.store import ClipStore
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import VideoDecodeError, VideoError
from thb_dataset.faces.finder import FaceFinder, load_face_finder
from thb_dataset.video.reader import VideoReader

Made = VideoClips | VideoError | None
"""The clips of a video, or why it gives none; None where its file is missing."""


def default_workers() -> int:
    """Return one thread for each core that this process may use, shared with its siblings."""
    siblings = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, cores // siblings)


class ThreadTools:
    """A reader and a face finder for each thread that asks, made when it first does.

    Args:
        face_pack: As ``load_face_finder`` takes it.
    """

    def __init__(self, face_pack: str) -> None:
        self._face_pack = face_pack
        self._own = threading.local()
        self._lock = threading.Lock()
        self._readers = ExitStack()

    def get(self) -> tuple[VideoReader, FaceFinder]:
        """Return those of the thread that calls."""
        if not hasattr(self._own, "tools"):
            with self._lock:
                reader = self._readers.enter_context(VideoReader())
                self._own.tools = (reader, load_face_finder(self._face_pack))
        tools: tuple[VideoReader, FaceFinder] = self._own.tools
        return tools

    def close(self) -> None:
        """End the readers' child processes."""
        self._readers.close()


class ClipMaker:
    """Makes the clips of videos in threads, each with a reader and a face finder of its own.

    Use it as a context manager: leaving it ends the readers' child processes.

    Args:
        spec: The clips that the detector wants.
        preparation: The face pack, where crops are kept, and the number of threads.
        sounds: WAV file of each video that has one beside it, by the video's name; only detectors
            that listen look at it.
    """

    def __init__(
        self,
        spec: ClipSpec,
        preparation: Preparation,
        *,
        sounds: Mapping[str, Path] | None = None,
    ) -> None:
        self._spec = spec
        self._store = ClipStore(preparation.store)
        self._workers = preparation.workers or default_workers()
        self._sounds = sounds or {}
        self._tools = ThreadTools(preparation.face_pack)

    def __enter__(self) -> ClipMaker:
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="clips")
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._tools.close()

    def make(self, paths: Iterable[tuple[str, Path | None]]) -> Iterator[tuple[str, Made]]:
        """Yield the clips of each video in the order given, a few videos ahead of the caller.

        Args:
            paths: Pairs of a name and the video's file; None for a file that is not at hand.

        Raises:
            OSError: The store cannot be written (a full disk); a video's own faults are yielded.
        """
        waiting: deque[tuple[str, Future[Made]]] = deque()
        for name, path in paths:
            waiting.append((name, self._pool.submit(self._make_one, name, path)))
            if len(waiting) > 2 * self._workers:
                first, future = waiting.popleft()
                yield first, future.result()
        for name, future in waiting:
            yield name, future.result()

    def _make_one(self, name: str, path: Path | None) -> Made:
        if path is None:
            return None
        try:
            check_readable(path)
        except FileNotFoundError:
            return None
        except VideoDecodeError as error:
            return error
        try:
            reader, finder = self._tools.get()
            sound = self._sounds.get(name)
            return self._store.get(path, self._spec, finder, reader, sound_path=sound)
        except VideoError as error:
            return error


def check_readable(path: Path) -> None:
    """Refuse what no decoder should be given: a folder, a device, a file without permission.

    Raises:
        FileNotFoundError: There is nothing at the path.
        VideoDecodeError: What is there is not a file that can be read; the message says why.
    """
    if path.is_dir():
        raise VideoDecodeError("a folder, not a video")
    if not path.exists():
        raise FileNotFoundError(path)
    if not path.is_file():
        raise VideoDecodeError("not a regular file")
    try:
        with path.open("rb"):
            pass
    except PermissionError as error:
        raise VideoDecodeError("no permission to read the file") from error
