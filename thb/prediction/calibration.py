"""From which score on a detector's word is "fake": read off validation videos, never Test.

The threshold belongs to one detector's weights and lies beside them, in ``thresholds.json``.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from detectors.registry import is_hub_id, load_detector
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import make_accelerator, predict_videos
from thb.prediction.predictions import Prediction, PredictionLog, Status
from thb.releases.files import fetch_files
from thb.releases.opening import OpenRelease, open_release
from thb.runs.provenance import describe_scoring
from thb.runs.record import describe_fold, read_record
from thb_dataset.errors import DetectorError, ReleaseError
from thb_dataset.files import write_whole
from thb_dataset.hub.files import read_hub_file
from thb_dataset.protocols import Fold, build_folds
from thb_dataset.records import Generator, Label
from thb_dataset.release.media import explain_missing_reals, locate_videos

if TYPE_CHECKING:
    from accelerate import Accelerator

    from detectors.base import Detector

THRESHOLDS_FILE: Final = "thresholds.json"
FORMAT: Final = "thb-thresholds/1"
LOG_FOLDER: Final = "calibrating"
TARGET_FPR: Final = 0.01

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The threshold of a detector: a video is called fake when its score reaches it.

    Attributes:
        target_fpr: Share of real videos that may be called fake.
        threshold: The lowest one that keeps to the target; above 1 where no score may reach it.
        n_real: Validation reals with a score.
        false_alarms: Of those, how many reach the threshold: floor(target_fpr x n_real) at most.
        n_fake: Validation fakes with a score.
        true_positive_rate: Share of those that reach the threshold; 0 where there are none.
        excluded: Validation videos without a score, by class and status.
        release: Name, revision and whether it is synthetic.
        fold: Whose validation videos they are.
        split_by: The reading of the release.
        weights_sha256: Of the detector that gave the scores.
        face_pack: Who found the faces.
        precision: Of the detector's products.
        resolved: n_real is at least 1 / target_fpr. If not, one false alarm is more than the
            target allows, so that the threshold lies above every real video.
    """

    target_fpr: float
    threshold: float
    n_real: int
    false_alarms: int
    n_fake: int
    true_positive_rate: float
    excluded: Mapping[str, Mapping[str, int]]
    release: Mapping[str, Any]
    fold: str
    split_by: str
    weights_sha256: str
    face_pack: str
    precision: str
    resolved: bool

    def __str__(self) -> str:
        """Say it in one or two sentences."""
        percent = f"{100 * self.target_fpr:g} %"
        said = (
            f"fake from {self.threshold:.6g} on: {self.false_alarms} of {self.n_real} validation"
            f" reals and {100 * self.true_positive_rate:.1f} % of {self.n_fake} fakes"
        )
        if self.resolved:
            return f"{said} (at most {percent} of reals)"
        return (
            f"{said}. Nobody of {self.n_real} reals is called fake: so few cannot resolve {percent}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, record: object) -> Self:
        """Read what :meth:`to_dict` gave.

        Raises:
            ValueError: It is something else, or its counts contradict each other.
        """
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise ValueError(f"it is no {FORMAT} record")
        values = {name: value for name, value in record.items() if name != "format"}
        if set(values) != {one.name for one in fields(cls)}:
            raise ValueError("its fields are not those of a calibration")
        numbers = [values[name] for name in ("target_fpr", "threshold", "true_positive_rate")]
        counts = [values[name] for name in ("n_real", "false_alarms", "n_fake")]
        if any(type(one) not in (int, float) or not math.isfinite(one) for one in numbers):
            raise ValueError("a figure is no finite number")
        if any(type(one) is not int or one < 0 for one in counts):
            raise ValueError("a count is no whole number")
        if not 0 < values["target_fpr"] < 1 or not 0 <= values["true_positive_rate"] <= 1:
            raise ValueError("a rate is not within 0 and 1")
        allowed, resolved = _allow(values["n_real"], values["target_fpr"])
        if values["false_alarms"] > allowed or values["resolved"] is not resolved:
            raise ValueError("its counts do not keep to its target")
        if not all(isinstance(values[name], dict) for name in ("release", "excluded")):
            raise ValueError("its release or its excluded videos are no mapping")
        texts = ("fold", "split_by", "weights_sha256", "face_pack", "precision")
        if not all(isinstance(values[name], str) for name in texts):
            raise ValueError("one of its names is no text")
        return cls(**values)


def _allow(n_real: int, target_fpr: float) -> tuple[int, bool]:
    """Return the false alarms that a target allows, and whether it allows one at all."""
    rate = Fraction(str(target_fpr))
    return math.floor(rate * n_real), rate * n_real >= 1


def find_threshold(reals: Iterable[float], target_fpr: float = TARGET_FPR) -> float:
    """Return the lowest threshold that at most floor(target_fpr x n) real scores reach.

    Args:
        reals: P(fake) of real videos.
        target_fpr: Within (0, 1).

    Raises:
        ReleaseError: There is no score.
        ValueError: An impossible target.
    """
    if not 0 < target_fpr < 1:
        raise ValueError(f"the false-alarm rate must be within (0, 1), not {target_fpr}")
    falling = sorted(reals, reverse=True)
    if not falling:
        raise ReleaseError("no real video has a score: there is nothing to read a threshold off")
    allowed, _ = _allow(len(falling), target_fpr)
    # The roc module's threshold is a score that was seen; a verdict needs the edge itself.
    return math.nextafter(falling[allowed], math.inf)


def calibrate(
    run_folder: str | Path,
    *,
    release: str | Path | OpenRelease,
    real_root: str | Path | None = None,
    target_fpr: float = TARGET_FPR,
    scoring: PredictSettings | None = None,
    trust_remote_code: bool = False,
) -> Calibration:
    """Find the threshold of a trained detector, and keep it beside its weights.

    The validation videos of its own fold are scored as ``thb predict`` scores them. A run that
    was killed goes on where it stopped; under ``torchrun`` the processes share the videos.

    Args:
        run_folder: Of one detector, as ``thb train`` wrote it.
        release: A folder, a Hub id, ``"mini"``, or a release that is open already.
        real_root: Folder of the real videos.
        target_fpr: Share of real videos that may be called fake.
        scoring: How to go about it.
        trust_remote_code: Run Python code that the detector's folder brings.

    Raises:
        DetectorError: The folder holds no detector that was trained on a fold, or an impossible
            target was given.
        ReleaseError: The release cannot be read, or no validation real has a score.
    """
    folder, scoring = Path(run_folder).expanduser(), scoring or PredictSettings()
    if not 0 < target_fpr < 1:
        raise DetectorError(f"the false-alarm rate must be within (0, 1), not {target_fpr}")
    record = read_record(folder)
    if record is None:
        raise DetectorError(
            f"{folder} does not say which fold it was trained on, so which videos are validation"
            " is not known: give a folder that thb train wrote"
        )
    model = load_detector(folder, trust_remote_code=trust_remote_code)
    accelerator = make_accelerator()
    with accelerator.main_process_first():  # the first one writes the mini release
        opened = open_release(release, real_root=real_root, progress=scoring.progress)
    held_out = None if record["held_out"] is None else Generator.parse(record["held_out"])
    (fold,) = build_folds(
        opened.release.videos, record["protocol"], held_out=held_out, split_by=record["split_by"]
    )
    run = {
        **describe_fold(fold, opened.release),
        **describe_scoring(model, face_pack=scoring.face_pack, precision=scoring.precision),
    }
    if run["release"] != record["release"]:
        _log.warning(
            "trained on another release or state of it than %s: nothing proves that no validation"
            " video was trained on",
            opened.release.name,
        )
    rows = _score(model, fold, opened, folder, run, accelerator, scoring)
    calibration = _judge(rows, run, target_fpr=target_fpr, face_pack=scoring.face_pack)
    if accelerator.is_main_process:
        _write(folder, calibration)
    accelerator.wait_for_everyone()
    return calibration


def _score(
    model: Detector,
    fold: Fold,
    opened: OpenRelease,
    folder: Path,
    run: Mapping[str, Any],
    accelerator: Accelerator,
    scoring: PredictSettings,
) -> Sequence[Prediction]:
    """Score the validation videos of a fold.

    Raises:
        ReleaseError: No validation real is at hand.
    """
    reals = [video for video in fold.validation if video.label is Label.REAL]
    if not locate_videos(opened.release, opened.real_root, reals):
        why = explain_missing_reals(reals, opened.real_root) if reals else "the list names none"
        raise ReleaseError(f"{fold.name} has no validation real to read a threshold off: {why}")
    with accelerator.main_process_first():
        files = fetch_files(
            opened,
            fold.validation,
            sound=model.config.clip_spec.listens,
            progress=scoring.progress,
        )
    # Named after what is scored: what a kill left of other weights or versions is in nobody's way.
    name = sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:16]
    with PredictionLog(folder / LOG_FOLDER / name, run, rank=accelerator.process_index) as log:
        predictions = predict_videos(
            model,
            {"validation": fold.validation},
            files.videos,
            log=log,
            accelerator=accelerator,
            settings=scoring,
            sounds=files.sounds,
        )
    return predictions.rows


def _judge(
    rows: Sequence[Prediction], run: Mapping[str, Any], *, target_fpr: float, face_pack: str
) -> Calibration:
    """Read the threshold off scores, and count what it does to them."""
    scores: dict[Label, list[float]] = {Label.REAL: [], Label.FAKE: []}
    excluded: dict[str, dict[str, int]] = {"real": {}, "fake": {}}
    for row in rows:
        label = Label.REAL if row.label == Label.REAL else Label.FAKE
        if row.status is Status.OK and row.score is not None:
            scores[label].append(row.score)
        else:
            counts = excluded[label.name.lower()]
            counts[row.status.value] = counts.get(row.status.value, 0) + 1
    reals, fakes = scores[Label.REAL], scores[Label.FAKE]
    if not reals:
        raise ReleaseError(
            f"{run['fold']}: no validation real has a score ({excluded['real']}), so there is"
            " nothing to read a threshold off"
        )
    threshold = find_threshold(reals, target_fpr)
    hits = sum(score >= threshold for score in fakes)
    return Calibration(
        target_fpr=target_fpr,
        threshold=threshold,
        n_real=len(reals),
        false_alarms=sum(score >= threshold for score in reals),
        n_fake=len(fakes),
        true_positive_rate=hits / len(fakes) if fakes else 0.0,
        excluded=excluded,
        release=run["release"],
        fold=run["fold"],
        split_by=run["split_by"],
        weights_sha256=run["detector"]["weights_sha256"],
        face_pack=face_pack,
        precision=run["precision"],
        resolved=_allow(len(reals), target_fpr)[1],
    )


def _write(folder: Path, calibration: Calibration) -> None:
    text = json.dumps(calibration.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    with write_whole(folder / THRESHOLDS_FILE) as draft:
        draft.write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(folder / LOG_FOLDER, ignore_errors=True)


def read_calibration(
    detector: str | Path, *, weights_sha256: str | None = None
) -> Calibration | None:
    """Return the threshold that a detector comes with; None where it has none.

    Args:
        detector: Folder or Hub id; any other reference has none.
        weights_sha256: Of the weights that it is wanted for; one for others is passed over, which
            the log says.

    Raises:
        DetectorError: The file is damaged.
    """
    file = Path(detector).expanduser() / THRESHOLDS_FILE
    if not file.parent.is_dir():
        found = read_hub_file(str(detector), THRESHOLDS_FILE) if is_hub_id(detector) else None
        if found is None:
            return None
        file = found
    if not file.is_file():
        return None
    try:
        calibration = Calibration.from_dict(json.loads(file.read_text("utf-8")))
    except ValueError as error:
        raise DetectorError(f"{file} is damaged: {error}; run thb calibrate anew") from error
    if weights_sha256 is not None and calibration.weights_sha256 != weights_sha256:
        _log.warning("%s is for other weights and is passed over: run thb calibrate anew", file)
        return None
    return calibration
