"""The test sets of folds on this machine: fetched, and what is missing said once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from thb.releases.files import VideoFiles, fetch_files
from thb.releases.opening import OpenRelease
from thb_dataset.errors import ReleaseError
from thb_dataset.protocols import Fold
from thb_dataset.records import Label
from thb_dataset.release.media import explain_missing_fakes, explain_missing_reals, locate_videos

_log = logging.getLogger(__name__)


def fetch_test_sets(
    folds: Sequence[Fold], opened: OpenRelease, *, strict: bool = False, progress: bool = True
) -> VideoFiles:
    """Download the files of all test sets, and say once which are missing.

    Args:
        folds: The folds to test on.
        opened: The release that they belong to, and the folder of its real videos.
        strict: Refuse to start if a video is missing.
        progress: Show a bar while files are downloaded.

    Returns:
        The files of the test videos.

    Raises:
        ReleaseError: No real video or no fake is available, or ``strict`` is set and a video is
            missing.
    """
    tested = {video.video_id: video for fold in folds for video in (*fold.test, *fold.extra)}
    reals = [video for video in tested.values() if video.label is Label.REAL]
    located = locate_videos(opened.release, opened.real_root, reals)
    missing_reals = [video for video in reals if video.video_id not in located.files]
    complaints = []
    if missing_reals:
        explained = explain_missing_reals(missing_reals, opened.real_root, faults=located.faults)
        advice = "" if opened.real_root else "; pass that folder as --real-root"
        complaints.append(f"{len(missing_reals)} of {len(reals)} {explained}{advice}")
    if not located.files or (strict and complaints):  # before anything is downloaded
        raise ReleaseError("; ".join(complaints) or "the release names no real video to test on")
    videos = tuple(tested.values())
    files = fetch_files(opened, videos, progress=progress)
    fakes = [video for video in videos if video.label is Label.FAKE]
    missing_fakes = [video for video in fakes if video.video_id not in files.videos]
    if missing_fakes:
        complaints.append(explain_missing_fakes(missing_fakes, files.faults))
        if strict or len(missing_fakes) == len(fakes):  # nothing could be measured
            raise ReleaseError("; ".join(complaints))
    for complaint in complaints:
        _log.warning("%s", complaint)
    return files
