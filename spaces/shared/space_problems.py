"""Errors in words: what a visitor reads instead of a traceback."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from thb.prediction.inference import describe_error
from thb_dataset.errors import (
    ClipTooShortError,
    DetectorError,
    NoAudioError,
    NoFaceError,
    THBError,
    VideoDecodeError,
    VideoTimeoutError,
    VideoTooLargeError,
)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The reason why there is no score.

    Attributes:
        kind: A word for programs: ``no_face``, ``decode``, ``too_large``, …
        title: The problem in a few words.
        reason: The cause, in a sentence.
        hint: What the visitor can do about it.
    """

    kind: str
    title: str
    reason: str
    hint: str


_KINDS: Final[tuple[tuple[type[THBError], str, str, str], ...]] = (
    (
        NoFaceError,
        "no_face",
        "No face could be followed",
        "The detectors look at a face. Use a part of the video that shows one face from the front,"
        " upright, in at least half of the pictures and not too small.",
    ),
    (
        NoAudioError,
        "no_audio",
        "This detector needs sound",
        "It compares the lips with the voice. Use a video with sound, or another detector.",
    ),
    (
        ClipTooShortError,
        "too_short",
        "The video is too short",
        "Use a longer part of it: one or two seconds are enough for every detector.",
    ),
    (
        VideoTooLargeError,
        "too_large",
        "The video exceeds the limits of this page",
        "Cut it to the part with the face, or export it at a smaller size. On your own machine,"
        " `thb predict` accepts longer and larger videos.",
    ),
    (
        VideoTimeoutError,
        "timeout",
        "The video took too long to read",
        "It may be damaged. Export it again as MP4 (H.264), or cut it.",
    ),
    (
        VideoDecodeError,
        "decode",
        "This file cannot be read as a video",
        "Export or download it again, preferably as MP4 (H.264), and check that it plays.",
    ),
    (
        DetectorError,
        "detector",
        "The detector could not be run",
        "Try another detector. The maintainers can find the cause in the Space's log.",
    ),
)

BROKEN: Final = Problem(
    kind="broken",
    title="Something went wrong on this page, not with your video",
    reason="The video was not scored.",
    hint="Try again. The maintainers can find the cause in the Space's log.",
)


def explain_error(error: THBError, file: str | os.PathLike[str] | None = None) -> Problem:
    """Return why there is no score, in words for a visitor.

    Args:
        error: The error that was raised.
        file: The video; its path on this machine is left out of the text.
    """
    for error_class, kind, title, hint in _KINDS:
        if isinstance(error, error_class):
            return Problem(kind=kind, title=title, reason=_write_reason(error, file), hint=hint)
    return Problem(
        kind="error",
        title="The video could not be scored",
        reason=_write_reason(error, file),
        hint="Try another video or another detector.",
    )


def _write_reason(error: THBError, file: str | os.PathLike[str] | None) -> str:
    reason = describe_error(error, None if file is None else Path(file))
    if isinstance(error, (VideoDecodeError, VideoTimeoutError, VideoTooLargeError)):
        reason = reason.partition(";")[0]  # the rest is advice for programmers
    if isinstance(error, NoFaceError) and not reason.lower().startswith(("no ", "the ")):
        reason = f"Found {reason}"
    return f"{reason[:1].upper()}{reason[1:]}".rstrip(".") + "."
