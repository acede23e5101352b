"""The files of a release's videos on this machine: downloaded, found, and their sound with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from thb.releases.fetching import fetch_videos
from thb.releases.opening import OpenRelease
from thb_dataset.records import Video
from thb_dataset.release.media import find_sounds, locate_videos


@dataclass(frozen=True, kw_only=True)
class VideoFiles:
    """Where the files of videos are, by ``video_id``; a video without a file is absent.

    Attributes:
        videos: The video files.
        sounds: The release's WAV files beside them; empty unless they were asked for.
    """

    videos: Mapping[str, Path]
    sounds: Mapping[str, Path]


def fetch_files(
    opened: OpenRelease,
    videos: Collection[Video],
    *,
    sound: bool = False,
    download: bool = True,
    progress: bool = True,
) -> VideoFiles:
    """Download what a Hub release has of these videos, and find their files.

    Args:
        opened: The release, and where the real videos are.
        videos: Whose files are wanted.
        sound: Whether the release's WAV files are wanted: always for a detector that listens,
            else its scores depend on what was downloaded before.
        download: False: only look at what is on this machine.
        progress: Show a bar while files are downloaded.

    Raises:
        ReleaseError: A file cannot be downloaded, or ``real_root`` is not a folder.
        HubUnreachableError: The Hub does not answer and files are missing.
    """
    if download:
        fetch_videos(opened.release, videos, audio=sound, progress=progress)
    return VideoFiles(
        videos=locate_videos(opened.release, opened.real_root, videos),
        sounds=find_sounds(opened.release, videos) if sound else {},
    )
