"""The contents of a release's videos on this machine, so that a training knows its data."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from thb.releases.opening import OpenRelease
from thb.runtime.progress import progress_bar
from thb_dataset.clips.store import ClipStore
from thb_dataset.records import Label, Video
from thb_dataset.release.media import find_sounds, locate_videos


def digest_contents(
    opened: OpenRelease,
    videos: Collection[Video],
    *,
    store: Path,
    sound: bool = False,
    progress: bool = True,
) -> dict[str, str]:
    """Return the digest of each video's file, and of the sound beside it, by ``video_id``.

    A file that was read before is not read again unless something has touched it. The files of a
    Hub release are not read, since its commit decides their content; they may not be here yet.

    Args:
        opened: The release, and the folder of the real videos.
        videos: The videos.
        store: The folder of the crops, which remembers digests.
        sound: Whether the sound beside a video matters.
        progress: Show a bar.

    Returns:
        The digests of the videos whose files are here and can be read.
    """
    release = opened.release
    local = [video for video in videos if video.label is Label.REAL or release.hub_repo is None]
    places = [locate_videos(release, opened.real_root, local).files]
    if sound and release.hub_repo is None:
        places.append(find_sounds(release, local))
    known, digests = ClipStore(store), {}
    with progress_bar(total=len(local), description="comparing files", shown=progress) as bar:
        for video in local:
            paths = [files[video.video_id] for files in places if video.video_id in files]
            with suppress(OSError):  # unreadable, or gone since
                if found := [known.digest(path) for path in paths]:
                    digests[video.video_id] = ":".join(found)
            bar.update()
    return digests
