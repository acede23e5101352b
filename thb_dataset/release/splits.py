"""Find the split of a video, in either of two readings of the release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from thb_dataset.records import EXTRA_GENERATORS, Label, RealDataset, Split, Video


class SplitReading(StrEnum):
    """What decides the split of a fake: its folder in the release, or the block of its driver."""

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

    A fake of the six training generators is in the block of its driver. If no block lists the
    driver, the fake stays in the split of its folder. Fakes of the extra generators stay test
    videos, and real videos are in the block that lists them.

    Args:
        video: Any video of the release.
        blocks: The block of each clip, from :func:`driver_blocks`.
    """
    if video.label is Label.REAL or video.generator in EXTRA_GENERATORS or video.driver is None:
        return video.release_split
    return blocks.get(video.driver, video.release_split)
