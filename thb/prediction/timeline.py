"""A video's score over time: one number for each stretch of it, from the detector itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb.prediction.inference import PredictSettings, aggregate
from thb.prediction.predict import predict
from thb.preprocessing.clips import ClipMaker
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import VideoError

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.prediction.predictions import Prediction

ENOUGH_CLIPS = 4
"""A detector that cuts at least so many clips from a video says by them how the score moves."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of a video, and P(fake) of it.

    Attributes:
        start_seconds: Time of its first frame.
        end_seconds: Time of its last.
        score: P(fake) within [0, 1].
    """

    start_seconds: float
    end_seconds: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The score of a video over its time.

    Attributes:
        stretches: In the order of time.
        own_clips: They are the very clips that the video's score is made of. False: the detector
            cuts too few clips for that, and was shown shorter stretches than it is made for.
    """

    stretches: tuple[Stretch, ...]
    own_clips: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def score_over_time(
    detector: Detector,
    video: str | Path,
    row: Prediction,
    *,
    settings: PredictSettings | None = None,
    stretches: int = 8,
) -> Timeline:
    """Say how the score of a video moves over its time.

    The detector's settings are changed while it is asked, so no other thread may use it.

    Args:
        detector: With the settings that the row was scored with.
        video: The file.
        row: What ``predict`` said of it, with a score.
        settings: As for ``predict``; with the same store nothing is decoded twice.
        stretches: How many, for a detector that cuts fewer than four clips from a video.

    Raises:
        VideoError: The video cannot be judged.
        DetectorError: The detector cannot be run.
    """
    settings = settings or PredictSettings(progress=False)
    own = detector.config.clip_spec
    logits, spec = row.clip_logits, own
    is_own = own.clips >= ENOUGH_CLIPS
    if not is_own:
        spec = replace(own, clips=stretches)
        with _cutting(detector, spec):
            (again,) = predict(detector, video, settings=settings).rows
        logits = again.clip_logits
    seconds = read_clips(video, spec, settings=settings).seconds
    return Timeline(
        stretches=tuple(
            Stretch(
                start_seconds=float(times[0]),
                end_seconds=float(times[-1]),
                score=aggregate([logit], own.aggregation),
            )
            for times, logit in zip(seconds, logits, strict=False)
        ),
        own_clips=is_own,
    )


def read_clips(
    video: str | Path, spec: ClipSpec, *, settings: PredictSettings | None = None
) -> VideoClips:
    """Return the clips that a detector with these settings looks at.

    Args:
        video: The file.
        spec: ``detector.config.clip_spec``.
        settings: As for ``predict``.

    Raises:
        VideoError: The video gives no clip; the class of the error says why.
        FileNotFoundError: There is no such file.
    """
    settings = settings or PredictSettings(progress=False)
    with ClipMaker(spec, replace(settings, workers=1)) as maker:
        ((_, made),) = maker.make([("video", Path(video))])
    if made is None:
        raise FileNotFoundError(video)
    if isinstance(made, VideoError):
        raise made
    return made


@contextmanager
def _cutting(detector: Detector, spec: ClipSpec) -> Iterator[None]:
    """Let a detector take other clips than its own for a while."""
    before = detector.config.clip
    detector.config.clip = spec.to_dict()
    try:
        yield
    finally:
        detector.config.clip = before
