"""The score above which a detector's verdict is "fake", chosen on validation videos, never on test.

:func:`calibrate` scores the validation videos (``thb.prediction.predict.predict_videos``), reads
the threshold off their scores and keeps it beside the weights that it belongs to, in
``thresholds.json``.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from detectors.fetching import find_weights_folder
from detectors.references import read_reference, refuse_untrained
from detectors.registry import load_detector
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict_videos
from thb.prediction.prediction_log import PredictionLog
from thb.prediction.predictions import Prediction, Status
from thb.releases.opening import OpenRelease, open_release
from thb.runs.folders import claim_folders
from thb.runs.folds import build_all_folds
from thb.runs.identity import digest_scoring
from thb.runs.provenance import FoldScoringRecord, describe_fold_scoring
from thb.runs.record import ReleaseRecord, read_record
from thb.runtime.processes import make_accelerator
from thb.runtime.records import FINITE, read_json, write_text
from thb.runtime.text import write_scores
from thb_dataset.errors import DetectorError, ReleaseError
from thb_dataset.files import write_whole
from thb_dataset.hub.files import read_hub_file
from thb_dataset.protocols import Fold
from thb_dataset.records import Label
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
    """The threshold of a detector: a video is called fake if its score reaches the threshold.

    Attributes:
        format: The version of the record.
        target_fpr: The share of real videos that may be called fake.
        threshold: The lowest threshold that keeps to the target; above 1 if a real video has the
            score 1 and must not be called fake.
        n_real: The number of real validation videos that have a score.
        false_alarms: The number of those that reach the threshold, at most
            floor(target_fpr x n_real).
        n_fake: The number of validation fakes that have a score.
        true_positive_rate: The share of those that reach the threshold; 0 if there are none.
        excluded: The numbers of validation videos without a score, by class and status.
        release: The release that the validation videos belong to.
        fold: The name of the fold that they belong to.
        split_by: The reading of the release's splits, ``release`` or ``driver``.
        weights_sha256: The digest of the weights of the detector that gave the scores.
        face_pack: The face pack that found the faces.
        precision: The precision of the detector.
        resolved: Whether n_real is at least 1 / target_fpr. If not, one false alarm is more than
            the target allows, and the threshold lies above every real video.
    """

    __pydantic_config__ = FINITE

    format: Literal["thb-thresholds/1"] = FORMAT
    target_fpr: float
    threshold: float
    n_real: int
    false_alarms: int
    n_fake: int
    true_positive_rate: float
    excluded: Mapping[str, Mapping[str, int]]
    release: ReleaseRecord
    fold: str
    split_by: str
    weights_sha256: str
    face_pack: str
    precision: str
    resolved: bool

    def __post_init__(self) -> None:
        """Refuse a threshold that contradicts itself.

        Raises:
            ValueError: A rate or a count is impossible, or the counts do not keep to the target.
        """
        counts = (self.n_real, self.false_alarms, self.n_fake)
        if min(counts) < 0:
            raise ValueError("a count is negative")
        if not 0 < self.target_fpr < 1 or not 0 <= self.true_positive_rate <= 1:
            raise ValueError("a rate is not between 0 and 1")
        allowed, resolved = _allow(self.n_real, self.target_fpr)
        if self.false_alarms > allowed or self.resolved is not resolved:
            raise ValueError("the counts do not keep to the target")

    @property
    def hits(self) -> int:
        """The number of validation fakes that reach the threshold."""
        return round(self.true_positive_rate * self.n_fake)

    def __str__(self) -> str:
        """Return the threshold, and what it did on the validation videos, in two sentences."""
        (threshold,) = write_scores(self.threshold)
        percent = f"{100 * self.target_fpr:g} %"
        if self.resolved:
            target = f"At most {percent} false alarms were allowed."
        else:
            target = f"{self.n_real} real videos are too few to check a {percent} false-alarm rate."
        return (
            f"Threshold {threshold}: called {self.false_alarms} of {self.n_real} real validation"
            f" videos fake and found {self.hits} of {self.n_fake} fakes. {target}"
        )


def calibrate(
    run_folder: str | Path,
    *,
    release: str | Path | OpenRelease,
    real_root: str | Path | None = None,
    target_fpr: float = TARGET_FPR,
    scoring: PredictSettings | None = None,
    trust_remote_code: bool = False,
) -> Calibration:
    """Find the threshold of a trained detector and keep it beside the detector's weights.

    The validation videos of the detector's fold are scored as ``thb predict`` scores them. A run
    that was killed continues where it stopped; under ``torchrun`` the processes share the videos.

    Args:
        run_folder: The folder of a detector that ``thb train`` wrote, or ``module:Class@FOLDER``.
        release: A folder, a Hub id, ``"mini"``, or a release that is already open.
        real_root: The folder of the real videos.
        target_fpr: The share of real videos that may be called fake, within (0, 1).
        scoring: How the videos are scored; None for the defaults.
        trust_remote_code: Run Python code from the detector's folder.

    Raises:
        DetectorError: The folder does not hold a detector that was trained on a fold, or
            ``target_fpr`` is impossible.
        ReleaseError: The release cannot be read, or no real validation video has a score.
        THBError: Another process is writing to the folder.
    """
    folder, scoring = _find_folder(run_folder), scoring or PredictSettings()
    if not 0 < target_fpr < 1:
        raise DetectorError(f"the false-alarm rate must be within (0, 1), not {target_fpr}")
    record = read_record(folder)
    if record is None:
        raise DetectorError(
            f"{folder} does not say which fold it was trained on, so its validation videos are"
            " unknown: name a folder that thb train wrote"
        )
    model = load_detector(run_folder, trust_remote_code=trust_remote_code)
    accelerator = make_accelerator()
    with accelerator.main_process_first():  # the first process writes the mini release
        opened = open_release(release, real_root=real_root, progress=scoring.progress)
    (fold,) = build_all_folds(
        opened, [record.protocol], fold=record.held_out, split_by=record.split_by
    )
    run = describe_fold_scoring(
        model, fold, opened.release, face_pack=scoring.face_pack, precision=scoring.precision
    )
    if run.release.identity != record.release.identity:
        _log.warning(
            "trained on %s, calibrated on %s: validation videos may have been used in training",
            record.release,
            run.release,
        )
    with claim_folders([folder]):
        rows = _score_validation(model, fold, opened, folder, run, accelerator, scoring)
        calibration = _count_calls(rows, run, target_fpr=target_fpr, face_pack=scoring.face_pack)
        if accelerator.is_main_process:
            _write(folder, calibration)
        accelerator.wait_for_everyone()
    return calibration


def _find_folder(run: str | Path) -> Path:
    """Return the folder of a run, whose class may be named before it."""
    refuse_untrained(run)
    return Path(str(read_reference(run).place)).expanduser()


def _score_validation(
    model: Detector,
    fold: Fold,
    opened: OpenRelease,
    folder: Path,
    run: FoldScoringRecord,
    accelerator: Accelerator,
    scoring: PredictSettings,
) -> Sequence[Prediction]:
    """Score the validation videos of a fold.

    Raises:
        ReleaseError: No real validation video is available.
    """
    reals = [video for video in fold.validation if video.label is Label.REAL]
    located = locate_videos(opened.release, opened.real_root, reals)
    if not located.files:
        why = "the list names none"
        if reals:
            why = explain_missing_reals(reals, opened.real_root, faults=located.faults)
        raise ReleaseError(f"{fold.name} has no real validation video for a threshold: {why}")
    # Each log has a folder of its own, so that the log of other weights or versions that a killed
    # run left is not in the way.
    name = digest_scoring(run)[:16]
    with PredictionLog(folder / LOG_FOLDER / name, run, rank=accelerator.process_index) as log:
        predictions = predict_videos(
            model,
            opened,
            {"validation": fold.validation},
            log=log,
            accelerator=accelerator,
            settings=scoring,
        )
    return predictions.rows


def _count_calls(
    rows: Sequence[Prediction], run: FoldScoringRecord, *, target_fpr: float, face_pack: str
) -> Calibration:
    """Read the threshold off the scores, and count the videos that it calls fake."""
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
            f"{run.fold}: no real validation video has a score ({excluded['real']}), so there is"
            " no threshold"
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
        release=run.release,
        fold=run.fold,
        split_by=run.split_by,
        weights_sha256=run.detector.weights_sha256 or "",
        face_pack=face_pack,
        precision=run.precision,
        resolved=_allow(len(reals), target_fpr)[1],
    )


def find_threshold(reals: Iterable[float], target_fpr: float = TARGET_FPR) -> float:
    """Return the lowest threshold that at most floor(target_fpr x n) real scores reach.

    Args:
        reals: P(fake) of n real videos.
        target_fpr: The share of real videos that may reach the threshold, within (0, 1).

    Raises:
        ReleaseError: There is no score.
        ValueError: The target is impossible.
    """
    if not 0 < target_fpr < 1:
        raise ValueError(f"the false-alarm rate must be within (0, 1), not {target_fpr}")
    falling = sorted(reals, reverse=True)
    if not falling:
        raise ReleaseError("no real video has a score, so there is no threshold")
    allowed, _ = _allow(len(falling), target_fpr)
    # The metric's threshold is one of the scores; a verdict needs the lowest possible number.
    return math.nextafter(falling[allowed], math.inf)


def _allow(n_real: int, target_fpr: float) -> tuple[int, bool]:
    """Return how many false alarms a target allows, and whether it allows one at all."""
    rate = Fraction(str(target_fpr))
    return math.floor(rate * n_real), rate * n_real >= 1


def _write(folder: Path, calibration: Calibration) -> None:
    with write_whole(folder / THRESHOLDS_FILE) as draft:
        draft.write_text(write_text(calibration), encoding="utf-8")
    shutil.rmtree(folder / LOG_FOLDER, ignore_errors=True)


def read_calibration(
    detector: str | Path, *, weights_sha256: str | None = None
) -> Calibration | None:
    """Return the threshold that a detector comes with; None if it has none.

    Args:
        detector: A folder or a Hub id; any other reference has no threshold.
        weights_sha256: The digest of the weights that need the threshold. A threshold of other
            weights is ignored, with a warning.

    Raises:
        DetectorError: The file is damaged.
    """
    reference = read_reference(detector)
    file: Path | None = None
    folder = find_weights_folder(reference)
    if folder is not None:
        file = folder / THRESHOLDS_FILE
    elif reference.hub_id is not None and reference.published is None:
        file = read_hub_file(reference.hub_id, THRESHOLDS_FILE)
    if file is None or not file.is_file():
        return None
    try:
        calibration = read_json(Calibration, file.read_bytes())
    except ValueError as error:
        raise DetectorError(f"{file} is damaged: {error}; run thb calibrate again") from error
    if weights_sha256 is not None and calibration.weights_sha256 != weights_sha256:
        _log.warning("%s is for other weights and is ignored: run thb calibrate again", file)
        return None
    return calibration
