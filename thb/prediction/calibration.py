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
from thb.prediction.fold_scores import score_validation
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import Prediction, Status
from thb.prediction.real_folders import find_place, list_reals, score_reals
from thb.prediction.thresholds import (
    TARGET_FPR,
    THRESHOLDS_FILE,
    Calibration,
    count_allowed,
    find_threshold,
    read_calibration,
)
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.runs.folders import claim_folders
from thb.runs.folds import build_all_folds
from thb.runs.provenance import FoldScoringRecord, describe_fold_scoring
from thb.runs.record import RunRecord, read_record
from thb.runtime.processes import make_accelerator
from thb.runtime.progress import is_main_process
from thb.runtime.records import write_text
from thb_dataset.errors import DetectorError, ReleaseError, SettingsError
from thb_dataset.files import write_whole
from thb_dataset.records import Label

if TYPE_CHECKING:
    from detectors.base import Detector

__all__ = [
    "LOG_FOLDER",
    "TARGET_FPR",
    "THRESHOLDS_FILE",
    "Calibration",
    "calibrate",
    "count_calls",
    "find_threshold",
    "read_calibration",
]

LOG_FOLDER: Final = "calibrating"

_log = logging.getLogger(__name__)


def calibrate(
    run_folder: str | Path,
    *,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    reals: str | Path | None = None,
    target_fpr: float = TARGET_FPR,
    scoring: PredictSettings | None = None,
    trust_remote_code: bool = False,
) -> Calibration:
    """Find the threshold of a trained detector and keep it beside the detector's weights.

    The validation videos of the detector's fold are scored as ``thb predict`` scores them. A run
    that was killed continues where it stopped; under ``torchrun`` the processes share the videos.

    Weights from elsewhere have no fold; for them ``reals`` names any folder of real videos.

    Args:
        run_folder: The folder of a detector that ``thb train`` wrote, or ``module:Class@FOLDER``.
            With ``reals`` any folder of weights, or a name such as ``gend``.
        release: A folder, a Hub id, ``"mini"``, or a release that is already open.
        real_root: The folder of the release's real videos.
        reals: A folder of real videos, in place of a release.
        target_fpr: The share of real videos that may be called fake, within (0, 1).
        scoring: How the videos are scored; None for the defaults.
        trust_remote_code: Run Python code from the detector's folder.

    Raises:
        DetectorError: The folder does not hold a detector that was trained on a fold, or
            ``target_fpr`` is impossible.
        SettingsError: Both ``real_root`` and ``reals`` are given.
        ReleaseError: The release cannot be read, or no real validation video has a score.
        THBError: Another process is writing to the folder.

    Examples:
        >>> found = thb.calibrate("runs/baseline/p3-hallo", release="release", real_root="reals")
        >>> 0 <= found.threshold <= 1, found.n_real
        (True, 2)
    """
    refuse_untrained(run_folder)
    scoring = scoring or PredictSettings()
    if not 0 < target_fpr < 1:
        raise DetectorError(f"the false-alarm rate must be within (0, 1), not {target_fpr}")
    if reals is not None:
        if real_root is not None:
            raise SettingsError("reals take the place of a release: leave out its real_root")
        return _calibrate_on_reals(
            run_folder, Path(reals), target_fpr, scoring, trust_remote_code=trust_remote_code
        )
    return _calibrate_on_fold(
        run_folder, release, real_root, target_fpr, scoring, trust_remote_code=trust_remote_code
    )


def _calibrate_on_fold(
    reference: str | Path,
    release: str | Path | OpenRelease,
    real_root: str | Path | None,
    target_fpr: float,
    scoring: PredictSettings,
    *,
    trust_remote_code: bool,
) -> Calibration:
    """Find the threshold on the validation videos of the detector's own fold."""
    folder = Path(str(read_reference(reference).place)).expanduser()
    model, record = _load_trained(reference, trust_remote_code=trust_remote_code)
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
        logs = folder / LOG_FOLDER
        rows = score_validation(model, fold, opened, logs, run, accelerator, scoring)
        calibration = count_calls(rows, run, target_fpr=target_fpr, face_pack=scoring.face_pack)
        if accelerator.is_main_process:
            _write(folder, calibration)
        accelerator.wait_for_everyone()
    return calibration


def _load_trained(reference: str | Path, *, trust_remote_code: bool) -> tuple[Detector, RunRecord]:
    """Return a detector and the record of its training.

    Raises:
        DetectorError: It cannot be loaded, or does not say on which fold it was trained.
    """
    folder = Path(str(read_reference(reference).place)).expanduser()
    record = read_record(folder)
    if record is None:
        raise DetectorError(
            f"{reference} does not say which fold it was trained on, so its validation videos are"
            " unknown: name a folder that thb train wrote, or a folder of real videos (--reals DIR)"
        )
    return load_detector(reference, trust_remote_code=trust_remote_code), record


def _calibrate_on_reals(
    reference: str | Path,
    reals: Path,
    target_fpr: float,
    scoring: PredictSettings,
    *,
    trust_remote_code: bool,
) -> Calibration:
    """Find the threshold on a folder of real videos, and keep it where the weights are."""
    videos = list_reals(reals)
    model = load_detector(reference, trust_remote_code=trust_remote_code)
    with claim_folders([folder := find_place(reference)]):
        rows, run = score_reals(model, reals, videos, scoring=scoring)
        calibration = count_calls(
            rows, run, target_fpr=target_fpr, face_pack=scoring.face_pack, reals_only=True
        )
        if is_main_process():
            _write(folder, calibration)
    return calibration


def count_calls(
    rows: Sequence[Prediction],
    run: FoldScoringRecord,
    *,
    target_fpr: float,
    face_pack: str,
    reals_only: bool = False,
) -> Calibration:
    """Read the threshold off the scores, and count the videos that it calls fake.

    Args:
        rows: The videos; one without a score is counted as excluded.
        run: What scored them.
        target_fpr: The share of real videos that may be called fake, within (0, 1).
        face_pack: The face pack that found the faces.
        reals_only: Whether the videos are a folder of real ones.

    Raises:
        ReleaseError: No real video has a score.
    """
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
        resolved=count_allowed(len(reals), target_fpr)[1],
        reals_only=reals_only,
    )


def _write(folder: Path, calibration: Calibration) -> None:
    with write_whole(folder / THRESHOLDS_FILE) as draft:
        draft.write_text(write_text(calibration), encoding="utf-8")
    shutil.rmtree(folder / LOG_FOLDER, ignore_errors=True)
