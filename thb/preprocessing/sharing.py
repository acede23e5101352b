"""One pass over many video files: threads share them, each with its own reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from thb.preprocessing.clips import check_readable
from thb.preprocessing.settings import Preparation
from thb.runtime.processes import default_workers
from thb.runtime.progress import progress_bar
from thb_dataset.errors import VideoError
from thb_dataset.video.reader import VideoReader

Value = TypeVar("Value")


def read_each(
    videos: Mapping[str, Path],
    read: Callable[[VideoReader, Path], Value],
    preparation: Preparation,
    *,
    description: str,
) -> dict[str, Value | str]:
    """Read every video once.

    Args:
        videos: The video files, by name.
        read: Reads one of them with the reader given, in any thread.
        preparation: The limits of a video, the number of threads, and whether a bar is shown.
        description: The text before the bar.

    Returns:
        What each video gave, or the reason why it could not be read, sorted by name. It is the
        same for every number of threads.

    Raises:
        OSError: ``read`` raised it.
    """
    names = sorted(videos)
    workers = preparation.workers or default_workers()
    found: dict[str, Value | str] = {}

    def read_share(share: list[str]) -> dict[str, Value | str]:
        given: dict[str, Value | str] = {}
        with VideoReader(preparation.limits) as reader:
            for name in share:
                try:
                    check_readable(videos[name])
                    given[name] = read(reader, videos[name])
                except (VideoError, FileNotFoundError) as error:
                    given[name] = str(error)
                bar.update()
        return given

    pool = ThreadPoolExecutor(workers, thread_name_prefix=description)
    try:
        with progress_bar(
            total=len(names), description=description, shown=preparation.progress
        ) as bar:
            for given in pool.map(read_share, [names[at::workers] for at in range(workers)]):
                found |= given
    finally:  # after an error, drop the shares that still wait
        pool.shutdown(wait=True, cancel_futures=True)
    return {name: found[name] for name in names}
