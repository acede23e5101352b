"""The limits of one visitor's request, all in one place, and the check before the queue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from space_problems import Problem, explain_error
from thb.preprocessing.clips import check_readable
from thb_dataset.errors import VideoDecodeError, VideoError, VideoTooLargeError
from thb_dataset.video.reader import Limits, VideoInfo, VideoReader

MAX_MEGABYTES: Final = 100
MAX_UPLOADS: Final = 120
"""The most uploads of one visitor within the time that uploads are kept."""
MAX_KEPT_MEGABYTES: Final = 5000
MAX_KEPT_UPLOADS: Final = 1000
"""The most that is kept of all visitors' uploads at a time."""
MAX_FETCHES: Final = 50
"""The most videos that are fetched from addresses within the time that uploads are kept."""
FETCH_SECONDS: Final = 60
"""The longest time that fetching one of them may take."""
MAX_SECONDS: Final = 60
MAX_SIDE_PIXELS: Final = 1920
MAX_FRAMES: Final = MAX_SECONDS * 120
MAX_DETECTORS: Final = 4
MAX_FAKES: Final = 20
"""The most fakes of a generator that are scored in one job."""
MAX_FAKES_MEGABYTES: Final = 400
"""The most that they have together."""
MAX_QUEUE: Final = 20
FILE_AGE_SECONDS: Final = 3600
SWEEP_SECONDS: Final = 600

VIDEO_LIMITS: Final = Limits(
    max_pixels=MAX_SIDE_PIXELS * MAX_SIDE_PIXELS,
    max_seconds=MAX_SECONDS,
    max_frames=MAX_FRAMES,
    wall_seconds=20.0,
    cpu_seconds=15,
)


class RefusedVideoError(Exception):
    """A video may not enter the queue.

    Attributes:
        problem: The reason, as the page shows it.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def check_video(path: str | os.PathLike[str]) -> VideoInfo:
    """Check a video's size, length and first frame, in a child process with limits.

    Raises:
        RefusedVideoError: The file exceeds a limit or is not a video.
    """
    file = Path(path)
    try:
        check_readable(file)
        megabytes = file.stat().st_size / 1e6
        if megabytes > MAX_MEGABYTES:
            raise VideoTooLargeError(f"is {megabytes:.1f} MB; the limit is {MAX_MEGABYTES} MB")
        if not megabytes:
            raise VideoDecodeError("the file is empty")
        with VideoReader(VIDEO_LIMITS) as reader:
            info = reader.probe(file)
        if max(info.width, info.height) > MAX_SIDE_PIXELS:
            raise VideoTooLargeError(
                f"is {info.width} x {info.height} pixels; the limit is {MAX_SIDE_PIXELS} pixels a"
                " side"
            )
    except FileNotFoundError:
        gone = Problem(
            kind="missing",
            title="The video is no longer here",
            reason=f"Files are removed after {FILE_AGE_SECONDS // 3600} hour.",
            hint="Upload it again.",
        )
        raise RefusedVideoError(gone) from None
    except VideoError as error:
        raise RefusedVideoError(explain_error(error, file)) from error
    return info


def describe_limits() -> str:
    """Return the limits of a video in one line, for the page."""
    return (
        f"up to {MAX_MEGABYTES} MB, {MAX_SECONDS} seconds and {MAX_SIDE_PIXELS} × {MAX_SIDE_PIXELS}"
        " pixels"
    )
