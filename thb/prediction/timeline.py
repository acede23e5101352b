"""The score of a video over time: one score for each stretch, from the detector itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb.prediction.inference import PredictSettings, aggregate, score_files
from thb.prediction.predictions import Prediction, Status
from thb.preprocessing.clips import ClipMaker
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import DetectorError, VideoError

if TYPE_CHECKING:
    from detectors.base import Detector

ENOUGH_CLIPS = 4
"""A detector that cuts at least this many clips from a video shows by them how the score moves."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of a video and its score.

    Attributes:
        start_seconds: The time of its first frame.
        end_seconds: The time of its last frame.
        score: P(fake) within [0, 1].
    """

    start_seconds: float
    end_seconds: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The score of a video over its time.

    Attributes:
        stretches: The parts of the video, in the order of time.
        own_clips: True where the stretches are the clips that give the video its score. False
            where the detector cuts too few clips for that, and was shown more and shorter
            stretches than it is made for.
    """

    stretches: tuple[Stretch, ...]
    own_clips: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def score_over_time(
    detector: Detector,
    video: str | Path,
    row: Prediction,
    *,
    settings: PredictSettings | None = None,
    stretches: int = 8,
) -> Timeline:
    """Return the score of a video over its time.

    Args:
        detector: The detector that gave the row, on the device where it computes.
        video: The file.
        row: The prediction for the video, with a score.
        settings: The settings of ``predict``; with the same store nothing is decoded twice.
        stretches: The number of stretches, for a detector that cuts fewer than four clips from a
            video.

    Raises:
        VideoError: The video cannot be judged.
        DetectorError: The detector cannot be run, or its logit is not a finite number.
    """
    settings = settings or PredictSettings(progress=False)
    own = detector.config.clip_spec
    is_own = own.clips >= ENOUGH_CLIPS
    spec = own if is_own else replace(own, clips=stretches)
    seconds = read_clips(video, spec, settings=settings).seconds
    logits = row.clip_logits if is_own else _score_clips(detector, video, spec, settings)
    return Timeline(
        stretches=tuple(
            Stretch(
                start_seconds=float(times[0]),
                end_seconds=float(times[-1]),
                score=aggregate([logit], own.aggregation),
            )
            for times, logit in zip(seconds, logits, strict=True)
        ),
        own_clips=is_own,
    )


def _score_clips(
    detector: Detector, video: str | Path, spec: ClipSpec, settings: PredictSettings
) -> tuple[float, ...]:
    """Return the logits of the clips that are cut as ``spec`` says, and not as the detector."""
    files = {"video": Path(video)}
    ((_, outcome),) = score_files(
        detector, files, settings=settings, device=detector.device, spec=spec
    )
    if outcome.status is not Status.OK:  # the clips were read before, so it is the detector's doing
        raise DetectorError(f"{Path(video).name}: {outcome.reason}")
    return outcome.clip_logits


def read_clips(
    video: str | Path, spec: ClipSpec, *, settings: PredictSettings | None = None
) -> VideoClips:
    """Return the clips that a detector with this spec looks at.

    Args:
        video: The file.
        spec: How the clips are cut, such as ``detector.config.clip_spec``.
        settings: The settings of ``predict``.

    Raises:
        VideoError: The video gives no clip; the class of the error says why.
        FileNotFoundError: The file does not exist.
    """
    settings = settings or PredictSettings(progress=False)
    with ClipMaker(spec, replace(settings, workers=1)) as maker:
        ((_, clips),) = maker.make([("video", Path(video))])
    if clips is None:
        raise FileNotFoundError(video)
    if isinstance(clips, VideoError):
        raise clips
    return clips
