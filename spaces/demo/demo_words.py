"""Errors, videos and protocol runs in words: what a visitor reads instead of a traceback."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

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
from thb_dataset.protocols import Protocol, parse_held_out, split_fold_name
from thb_dataset.records import Family

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoInfo


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


def describe_video(name: str, info: VideoInfo) -> str:
    """Return a line about an uploaded video."""
    length = "unknown length" if info.seconds is None else f"{info.seconds:.1f} s"
    sound = "with sound" if info.has_audio else "without sound"
    return f"{name}: {length}, {info.width} × {info.height} pixels, {sound}"


def warn_of_drawings(names: Sequence[str]) -> str:
    """Return the warning about detectors on offer that were trained on a synthetic release."""
    return (
        f"Trained on drawings only (the synthetic release): {', '.join(names)}. Scores of videos of"
        " people mean nothing; only the example drawings get a verdict."
    )


def describe_run(fold: str | None) -> str:
    """Return in words what the detectors of a protocol run were trained on.

    Args:
        fold: ``p1``, ``p3-hallo``, …; None for weights that belong to no protocol.
    """
    if fold is None:
        return "Other weights: trained outside the benchmark's protocols"
    protocol, held_out = split_fold_name(fold)
    if protocol is None or not held_out:
        return {"p1": "P1: all generators, unseen people"}.get(fold, fold)
    unseen = parse_held_out(held_out, protocol)
    if isinstance(unseen, Family):
        return f"P3-FAMILY: without {' and '.join(unseen.generators)}, unseen people"
    people = ", unseen people" if protocol is Protocol.P3 else ""
    return f"{protocol.upper()}: without {unseen}{people}"
