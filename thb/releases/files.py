"""The files of a release's videos on this machine, and the sound files beside them."""

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
    """The files of videos by ``video_id``; a video without a usable file is absent.

    Attributes:
        videos: The video files.
        sounds: The release's WAV files beside them; empty unless they were asked for.
        faults: Why a file that is there cannot be used.
    """

    videos: Mapping[str, Path]
    sounds: Mapping[str, Path]
    faults: Mapping[str, str]


def fetch_files(
    opened: OpenRelease,
    videos: Collection[Video],
    *,
    sound: bool = False,
    download: bool = True,
    progress: bool = True,
) -> VideoFiles:
    """Download the files of these videos from a Hub release, and find them on this machine.

    Args:
        opened: The release, and the folder of the real videos.
        videos: The videos.
        sound: Fetch the release's WAV files as well. A detector that listens always needs them;
            otherwise its scores would depend on earlier downloads.
        download: Whether missing files are downloaded; if not, only files on this machine count.
        progress: Show a bar while files are downloaded.

    Raises:
        ReleaseError: A file cannot be downloaded, or ``real_root`` is not a folder.
        HubUnreachableError: The Hub does not answer and files are missing.
    """
    if download:
        fetch_videos(opened.release, videos, audio=sound, progress=progress)
    located = locate_videos(opened.release, opened.real_root, videos)
    return VideoFiles(
        videos=located.files,
        sounds=find_sounds(opened.release, videos) if sound else {},
        faults=located.faults,
    )
