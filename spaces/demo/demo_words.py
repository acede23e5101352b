"""Errors and verdicts in words: what a visitor reads instead of a traceback."""

from __future__ import annotations

import os
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
from thb_dataset.records import Generator

if TYPE_CHECKING:
    from thb.prediction.calibration import Calibration
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


def describe_run(fold: str | None) -> str:
    """Return in words what the detectors of a protocol run were trained on.

    Args:
        fold: ``p1``, ``p3-hallo``, …; None for weights that belong to no protocol.
    """
    if fold is None:
        return "Other weights: trained outside the benchmark's protocols"
    protocol, _, held_out = fold.partition("-")
    generator = Generator.parse(held_out).value if held_out else ""
    return {
        "p1": "P1: all generators, unseen people",
        "p2": f"P2: without {generator}",
        "p3": f"P3: without {generator}, unseen people",
    }.get(protocol, fold)


@dataclass(frozen=True, kw_only=True)
class ShownVerdict:
    """The verdict that the page shows: a score compared with the detector's own threshold.

    Attributes:
        kind: ``fake``, ``not_fake`` or ``none``.
        title: The verdict in a few words.
        text: The numbers that it is based on.
    """

    kind: str
    title: str
    text: str


def give_verdict(score: float, calibration: Calibration | None) -> ShownVerdict:
    """Compare a score with the detector's own threshold.

    Args:
        score: The probability that the video is fake, 0 to 1.
        calibration: The detector's threshold; None without one, and then there is no verdict.
    """
    if calibration is None:
        return ShownVerdict(
            kind="none",
            title="No verdict",
            text="This detector has no threshold: nobody has measured above which score at most 1 %"
            " of real videos are called fake, and 0.5 would be a guess. Whoever trained it can add"
            " one with `thb calibrate RUN --release …` and publish it again.",
        )
    target = _write_share(calibration.target_fpr)
    basis = (
        f"The threshold {calibration.threshold:.3f} allows {target} false alarms. It was chosen on"
        f" {calibration.n_real} real validation videos, {calibration.false_alarms} of which reach"
        f" it, and it finds {_write_share(calibration.true_positive_rate)} of"
        f" {calibration.n_fake} fakes."
    )
    if not calibration.resolved:
        least = _write_share(1 / max(calibration.n_real, 1))
        basis += (
            f" {calibration.n_real} real videos are too few to measure a rate of {target}: a single"
            f" false alarm among them is already {least}. Take the threshold as a rough guide."
        )
    if score >= calibration.threshold:
        return ShownVerdict(kind="fake", title="Called fake", text=basis)
    return ShownVerdict(
        kind="not_fake",
        title="Not called fake",
        text=f"{basis} A score below it does not prove that the video is real.",
    )


def _write_share(share: float) -> str:
    return f"{100 * share:.3g} %"
