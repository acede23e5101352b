"""Errors and figures in words: what a visitor reads instead of a traceback."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

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
    from thb_dataset.video.reader import VideoInfo


class Calibration(Protocol):
    """What a threshold rests on, as ``thb calibrate`` measures it."""

    @property
    def target_fpr(self) -> float:
        """Share of real videos that may be called fake."""

    @property
    def threshold(self) -> float:
        """From this score on a video is called fake."""

    @property
    def n_real(self) -> int:
        """Real validation videos."""

    @property
    def false_alarms(self) -> int:
        """How many of them reach the threshold."""

    @property
    def n_fake(self) -> int:
        """Fakes of the validation."""

    @property
    def true_positive_rate(self) -> float:
        """Share of them that reach it."""

    @property
    def resolved(self) -> bool:
        """Whether there are enough real videos to tell the target from none."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why there is no score.

    Attributes:
        kind: A word for programs: ``no_face``, ``decode``, ``too_large``, …
        title: What it is, in a few words.
        reason: What was found, in a sentence.
        hint: What the visitor can do.
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
        "The detectors judge a face. Use a part of the video in which one face is seen from the"
        " front, upright, in at least half of the pictures and not too small.",
    ),
    (
        NoAudioError,
        "no_audio",
        "This detector needs sound",
        "It compares the lips with the voice. Take a video with sound, or another detector.",
    ),
    (
        ClipTooShortError,
        "too_short",
        "The video is too short",
        "Take a longer part of it: a second or two is enough for every detector.",
    ),
    (
        VideoTooLargeError,
        "too_large",
        "The video is beyond the limits of this page",
        "Cut it to the part with the face, or export it smaller. On your own machine"
        " `thb predict` takes longer and larger videos.",
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
        "Export or download it again, best as MP4 (H.264), and check that it plays.",
    ),
    (
        DetectorError,
        "detector",
        "The detector could not be run",
        "Try another detector. The maintainers find the cause in the Space's log.",
    ),
)

BROKEN: Final = Problem(
    kind="broken",
    title="Something broke in this page, not in your video",
    reason="The video was not judged.",
    hint="Try again; the maintainers find the cause in the Space's log.",
)


def explain_error(error: THBError, file: str | os.PathLike[str] | None = None) -> Problem:
    """Say in words why there is no score.

    Args:
        error: What was raised.
        file: The video; its path on this machine is left out of the words.
    """
    for error_class, kind, title, hint in _KINDS:
        if isinstance(error, error_class):
            return Problem(kind=kind, title=title, reason=_write_reason(error, file), hint=hint)
    return Problem(
        kind="error",
        title="The video could not be judged",
        reason=_write_reason(error, file),
        hint="Try another video or another detector.",
    )


def _write_reason(error: THBError, file: str | os.PathLike[str] | None) -> str:
    reason = " ".join(str(error).split())
    if file is not None:
        plain = os.fsdecode(file)
        for name in (plain, ascii(plain), Path(plain).name):
            start = " ".join(f"{name}:".split())
            while reason.startswith(start):
                reason = reason.removeprefix(start).lstrip()
    if isinstance(error, (VideoDecodeError, VideoTimeoutError, VideoTooLargeError)):
        reason = reason.partition(";")[0]  # the rest advises programmers
    if isinstance(error, NoFaceError) and not reason.lower().startswith(("no ", "the ")):
        reason = f"Found {reason}"
    return f"{reason[:1].upper()}{reason[1:]}".rstrip(".") + "."


def describe_video(name: str, info: VideoInfo) -> str:
    """Say in a line what was uploaded."""
    length = "length not stated" if info.seconds is None else f"{info.seconds:.1f} s"
    sound = "with sound" if info.has_audio else "without sound"
    return f"{name}: {length}, {info.width} × {info.height} pixels, {sound}"


def describe_fold(fold: str | None) -> str:
    """Say in words what a protocol run means: ``p3-hallo`` and the like; None: of no protocol."""
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
class Verdict:
    """What a score means at the detector's own threshold.

    Attributes:
        kind: ``fake``, ``not_fake`` or ``none``.
        title: In a few words.
        text: With the figures that it rests on.
    """

    kind: str
    title: str
    text: str


def give_verdict(score: float, calibration: Calibration | None) -> Verdict:
    """Compare a score with the threshold for the false alarms that were allowed.

    Args:
        score: P(fake).
        calibration: The detector's own; None: there is none, and so no verdict.
    """
    if calibration is None:
        return Verdict(
            kind="none",
            title="No verdict",
            text="This detector has no threshold: nobody has measured from which score on at most"
            " 1 % of real videos are called fake, and 0.5 would be a guess. Whoever trained it"
            " mends this with `thb calibrate RUN --release …` and publishes it again.",
        )
    target = _write_share(calibration.target_fpr)
    basis = (
        f"The threshold {calibration.threshold:.3f} is set for {target} false alarms on"
        f" {calibration.n_real} real validation videos ({calibration.false_alarms} of them reach"
        f" it; it finds {_write_share(calibration.true_positive_rate)} of {calibration.n_fake}"
        " fakes)."
    )
    if not calibration.resolved:
        least = _write_share(1 / max(calibration.n_real, 1))
        basis += (
            f" With {calibration.n_real} real videos {target} cannot be resolved: a single false"
            f" alarm among them is already {least}. Take it as a rough guide."
        )
    if score >= calibration.threshold:
        return Verdict(kind="fake", title="Called fake", text=basis)
    return Verdict(
        kind="not_fake",
        title="Not called fake",
        text=f"{basis} Below it the detector stays silent, which does not prove the video real.",
    )


def _write_share(share: float) -> str:
    return f"{100 * share:.3g} %"
