"""What the containers of many videos tell, read in threads, without decoding a frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from thb.preprocessing.settings import Preparation
from thb.preprocessing.sharing import read_each
from thb_dataset.video.reader import VideoReader
from thb_dataset.video.values import VideoMetadata


def read_all_metadata(
    videos: Mapping[str, Path], preparation: Preparation
) -> dict[str, VideoMetadata | str]:
    """Read the metadata of videos; nothing is kept, since a video takes about 10 milliseconds.

    Args:
        videos: The video files, by name.
        preparation: The limits of a video, the number of threads, and whether a bar is shown.

    Returns:
        The metadata of each video, or the reason why it has none, sorted by name.
    """
    return read_each(videos, VideoReader.read_metadata, preparation, description="metadata")
