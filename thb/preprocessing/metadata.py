"""What the containers of many videos tell, read in threads, without decoding a frame."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from thb.preprocessing.clips import check_readable
from thb.preprocessing.settings import Preparation
from thb.runtime.processes import default_workers
from thb.runtime.progress import progress_bar
from thb_dataset.errors import VideoError
from thb_dataset.video.reader import VideoReader

if TYPE_CHECKING:
    from tqdm import tqdm

    from thb_dataset.video.values import VideoMetadata


def read_all_metadata(
    videos: Mapping[str, Path], preparation: Preparation
) -> dict[str, VideoMetadata | str]:
    """Read the metadata of videos; nothing is kept, since a video takes about 10 milliseconds.

    Args:
        videos: The video files, by name.
        preparation: The limits of a video, the number of threads, and whether a bar is shown.

    Returns:
        The metadata of each video, or the reason why it has none, sorted by name. It is the same
        for every number of threads.
    """
    names = sorted(videos)
    workers = preparation.workers or default_workers()
    found: dict[str, VideoMetadata | str] = {}
    pool = ThreadPoolExecutor(workers, thread_name_prefix="metadata")
    try:
        with progress_bar(
            total=len(names), description="metadata", shown=preparation.progress
        ) as bar:
            shares = [{name: videos[name] for name in names[at::workers]} for at in range(workers)]
            for share in pool.map(lambda share: _read_share(share, preparation, bar), shares):
                found |= share
    finally:  # after an error, drop the shares that still wait
        pool.shutdown(wait=True, cancel_futures=True)
    return {name: found[name] for name in names}


def _read_share(
    videos: Mapping[str, Path], preparation: Preparation, bar: tqdm[None]
) -> dict[str, VideoMetadata | str]:
    """Read one video after the other through one child process."""
    found: dict[str, VideoMetadata | str] = {}
    with VideoReader(preparation.limits) as reader:
        for name, path in videos.items():
            try:
                check_readable(path)
                found[name] = reader.read_metadata(path)
            except (VideoError, FileNotFoundError) as error:
                found[name] = str(error)
            bar.update()
    return found
