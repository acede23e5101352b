"""The score above which a detector's verdict is "fake", chosen on validation videos, never on test.

:func:`calibrate` scores the validation videos (``thb.prediction.predict.predict_videos``), reads
the threshold off their scores and keeps it beside the weights that it belongs to, in
``thresholds.json``.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from detectors.references import read_reference, refuse_untrained
from detectors.registry import load_detector
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict_videos
from thb.prediction.prediction_log import PredictionLog
from thb.prediction.predictions import Prediction, Status
from thb.prediction.thresholds import (
    TARGET_FPR,
    THRESHOLDS_FILE,
    Calibration,
    allow_alarms,
    find_threshold,
    read_calibration,
)
from thb.releases.opening import OpenRelease, open_release
from thb.runs.folders import claim_folders
from thb.runs.folds import build_all_folds
from thb.runs.identity import digest_scoring
from thb.runs.provenance import FoldScoringRecord, describe_fold_scoring
from thb.runs.record import read_record
from thb.runtime.processes import make_accelerator
from thb.runtime.records import write_text
from thb_dataset.errors import DetectorError, ReleaseError
from thb_dataset.files import write_whole
from thb_dataset.protocols import Fold
from thb_dataset.records import Label
from thb_dataset.release.media import explain_missing_reals, locate_videos

if TYPE_CHECKING:
    from accelerate import Accelerator

    from detectors.base import Detector

__all__ = [
    "LOG_FOLDER",
    "TARGET_FPR",
    "THRESHOLDS_FILE",
    "Calibration",
    "calibrate",
    "find_threshold",
    "read_calibration",
]

LOG_FOLDER: Final = "calibrating"

_log = logging.getLogger(__name__)


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
        resolved=allow_alarms(len(reals), target_fpr)[1],
    )


def _write(folder: Path, calibration: Calibration) -> None:
    with write_whole(folder / THRESHOLDS_FILE) as draft:
        draft.write_text(write_text(calibration), encoding="utf-8")
    shutil.rmtree(folder / LOG_FOLDER, ignore_errors=True)
