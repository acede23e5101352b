"""One job: score a video with some detectors, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from demo_detectors import Offer, load
from demo_pictures import Picture, draw_track
from space_device import on_device
from space_problems import BROKEN, Problem, explain_error
from thb.prediction.calls import Call, Grounds
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb.prediction.timeline import Timeline, read_clips, score_over_time
from thb.runs.provenance import ScoringRecord
from thb.runtime.records import to_json
from thb_dataset.errors import THBError, VideoError
from thb_dataset.files import digest_file, write_json

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.prediction.calibration import Calibration
    from thb.prediction.predictions import Prediction

RECORD_FORMAT: Final = "thb-demo/2"
RECORD_FILE: Final = "talkingheadbench-scores.json"
NOTE: Final = (
    "A score is a detector's opinion of one video, not a proof. It may be wrong in either"
    " direction, above all on generators, compression and people that the detector was not tested"
    " on."
)
_log = logging.getLogger("thb.demo")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What one detector says about the video.

    Attributes:
        offer: The detector.
        prediction: The row with its score; None if the detector could not be loaded.
        problem: Why there is no score; None if there is one.
        call: What the score comes to: the verdict, in words; None without a score.
        calibration: The threshold that the detector comes with; None without one.
        timeline: The score over time; None without a score.
        track: Pictures of the face that was followed.
        faces: The number of faces that were seen.
        run: How the score was made.
        overlay: The video of where it looked; None if none was asked for, or if there is an
            ``overlay_problem``.
        sheet: The contact sheet of the same; None as for ``overlay``.
        overlay_problem: Why there is no such video; None if there is one or none was asked for.
    """

    offer: Offer
    prediction: Prediction | None = None
    problem: Problem | None = None
    call: Call | None = None
    calibration: Calibration | None = None
    timeline: Timeline | None = None
    track: tuple[Picture, ...] = ()
    faces: int = 0
    run: ScoringRecord | None = None
    overlay: str | None = None
    sheet: str | None = None
    overlay_problem: Problem | None = None

    @property
    def alarm_from(self) -> float | None:
        """The score from which the verdict is an alarm; None where there is no verdict."""
        if self.call is None or self.call.verdict == "none":
            return None
        return self.call.threshold

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without any path of this machine."""
        return {
            "detector": {**asdict(self.offer), "reference": Path(self.offer.reference).name},
            "prediction": None if self.prediction is None else asdict(self.prediction),
            "problem": None if self.problem is None else asdict(self.problem),
            "verdict": None if self.call is None else self.call.to_dict(),
            "calibration": None if self.calibration is None else _list_values(self.calibration),
            "timeline": None if self.timeline is None else self.timeline.to_dict(),
            "run": None if self.run is None else to_json(self.run),
        }


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far a job has come.

    Attributes:
        share: The share of the work that is done, 0 to 1.
        text: What is done next.
        judgements: The judgements so far, in the order of the detectors.
        record: The JSON file; None before the last step.
    """

    share: float
    text: str
    judgements: tuple[Judgement, ...]
    record: Path | None = None


def judge(
    video: Path, offers: Sequence[Offer], folder: Path, *, with_overlay: bool
) -> Iterator[Step]:
    """Score a video with some detectors, and yield whenever something new is known.

    Args:
        video: A file within the limits.
        offers: The detectors.
        folder: The folder for the pictures, the record and the face crops of this job.
        with_overlay: Also show where each detector looked.

    Yields:
        The steps; the last one has the record.
    """
    done: list[Judgement] = []
    stages = len(offers) * (2 if with_overlay else 1)
    for number, offer in enumerate(offers):
        begun = number * stages / len(offers)
        title = f"{offer.name} ({number + 1} of {len(offers)})"
        yield Step(
            share=begun / stages,
            text=f"{title}: finding the face and scoring",
            judgements=tuple(done),
        )
        done.append(_score(offer, video, folder / str(number)))
        if with_overlay and done[-1].problem is None:
            yield Step(
                share=(begun + 1) / stages,
                text=f"{title}: finding out where it looked",
                judgements=tuple(done),
            )
            done[-1] = _explain(done[-1], video, folder / str(number))
    record = folder / RECORD_FILE
    write_json(record, write_record(video, done))
    yield Step(share=1.0, text="Done", judgements=tuple(done), record=record)


def write_record(video: Path, judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Return the record that the visitor can download, as plain JSON values."""
    return {
        "format": RECORD_FORMAT,
        "note": NOTE,
        "video": {"name": video.name, "sha256": digest_file(video), "bytes": video.stat().st_size},
        "judgements": [judgement.to_dict() for judgement in judgements],
    }


@on_device
def _score(offer: Offer, video: Path, folder: Path) -> Judgement:
    """Score a video; whatever goes wrong becomes a problem with a text."""
    # The crops show the visitor's face, so they are kept for this job only.
    settings = PredictSettings(store=folder / "clips", workers=1, progress=False)
    judgement = Judgement(offer=offer)
    try:
        detector = load(offer.reference)
        problem, clips = None, None
        try:
            clips = read_clips(video, detector.config.clip_spec, settings=settings)
        except VideoError as error:
            problem = explain_error(error, video)
        grounds = _find_grounds(offer, detector)
        made = predict(detector, video, settings=settings, grounds=grounds)
        row = replace(made.rows[0], video_id=video.name)
        run = replace(made.run, detector=replace(made.run.detector, name=offer.name))
        judgement = replace(judgement, prediction=row, problem=problem, run=run)
        if row.score is None or clips is None:
            unscored = Problem(
                kind=row.status.value,
                title="The video could not be scored",
                reason=row.reason or "No reason was given.",
                hint="Try another video or another detector.",
            )
            return replace(judgement, problem=problem or unscored)
        return replace(
            judgement,
            call=grounds.call(row.score, video),
            calibration=grounds.calibration,
            timeline=score_over_time(detector, video, row, settings=settings),
            track=draw_track(video, detector.config.clip_spec, clips, folder / "track"),
            faces=clips.faces,
        )
    except THBError as error:
        _log.warning("%s: %s", offer.name, error)
        return replace(judgement, problem=explain_error(error, video))
    except Exception:
        _log.exception("%s could not score the video", offer.name)
        return replace(judgement, problem=BROKEN)


def _find_grounds(offer: Offer, detector: Detector) -> Grounds:
    """Return what decides on verdicts; a threshold that is damaged counts as none."""
    try:
        return Grounds.find(detector, offer.reference)
    except THBError as error:
        _log.warning("%s: %s", offer.name, error)
        config = detector.config
        return Grounds(untrained=config.untrained, trained_on_synthetic=config.trained_on_synthetic)


@on_device
def _explain(judgement: Judgement, video: Path, folder: Path) -> Judgement:
    """Add the pictures of where it looked; the score stays even if they cannot be made."""
    try:
        from thb.explanations.explain import ExplainSettings, explain

        settings = ExplainSettings(store=folder / "clips", workers=1, progress=False)
        explanation = explain(load(judgement.offer.reference), video, settings=settings)
        overlay, sheet = folder / "looked.mp4", folder / "looked.png"
        explanation.save(overlay)
        explanation.save_sheet(sheet)
        return replace(judgement, overlay=str(overlay), sheet=str(sheet))
    except THBError as error:
        return replace(judgement, overlay_problem=explain_error(error, video))
    except Exception:
        _log.exception("%s could not be explained", judgement.offer.name)
        return replace(judgement, overlay_problem=BROKEN)


def _list_values(calibration: Calibration) -> dict[str, Any]:
    return {
        "target_fpr": calibration.target_fpr,
        "threshold": calibration.threshold,
        "n_real": calibration.n_real,
        "false_alarms": calibration.false_alarms,
        "n_fake": calibration.n_fake,
        "true_positive_rate": calibration.true_positive_rate,
        "resolved": calibration.resolved,
    }
