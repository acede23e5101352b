"""In which split a video is, by either reading of the release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from thb_dataset.records import EXTRA_GENERATORS, Label, RealDataset, Split, Video


class SplitReading(StrEnum):
    """What decides a fake's split: its folder in the release, or its driver's block."""

    RELEASE = "release"
    DRIVER = "driver"


def driver_blocks(videos: Iterable[Video]) -> dict[str, Split]:
    """Return the block of each CelebV-HQ clip that the split list names."""
    return {
        video.video_id.partition("/")[2]: video.release_split
        for video in videos
        if video.real_dataset is RealDataset.CELEBV_HQ
    }


def read_split(video: Video, blocks: Mapping[str, Split]) -> Split:
    """Return the split of a video in the driver reading.

    A fake of the six follows its driver's block. One whose driver no block lists stays where its
    folder puts it, the extra generators stay test videos, real videos are where they are listed.

    Args:
        video: Any video of the release.
        blocks: As :func:`driver_blocks` returns them.
    """
    if video.label is Label.REAL or video.generator in EXTRA_GENERATORS or video.driver is None:
        return video.release_split
    return blocks.get(video.driver, video.release_split)
