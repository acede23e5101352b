"""The score above which a detector's verdict is "fake", chosen on validation videos, never on test.

:func:`calibrate` scores the validation videos (``thb.prediction.predict.predict_videos``), reads
the threshold off their scores and keeps it beside the weights that it belongs to, in
``thresholds.json``.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from detectors.fetching import find_weights_folder
from detectors.references import read_reference, refuse_untrained
from detectors.registry import load_detector
from thb.prediction.fold_scores import score_validation
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import Prediction, Status
from thb.prediction.real_folders import find_place, list_reals, score_reals
from thb.prediction.thresholds import TARGET_FPR, count_allowed, find_threshold
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.runs.folders import claim_folders
from thb.runs.folds import build_all_folds
from thb.runs.provenance import FoldScoringRecord, describe_fold_scoring
from thb.runs.record import ReleaseRecord, RunRecord, read_record
from thb.runtime.processes import make_accelerator
from thb.runtime.progress import is_main_process
from thb.runtime.records import FINITE, read_json, write_text
from thb.runtime.text import write_scores
from thb_dataset.errors import DetectorError, ReleaseError, SettingsError
from thb_dataset.files import write_whole
from thb_dataset.hub.files import read_hub_file
from thb_dataset.records import Label

if TYPE_CHECKING:
    from detectors.base import Detector

THRESHOLDS_FILE: Final = "thresholds.json"
FORMAT: Final = "thb-thresholds/1"
LOG_FOLDER: Final = "calibrating"

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
        reals_only: Whether the videos are a folder of real ones, so that nobody knows how many
            fakes reach the threshold.
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
    reals_only: bool = False

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
        allowed, resolved = count_allowed(self.n_real, self.target_fpr)
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
        if self.reals_only:
            return (
                f"Threshold {threshold}: called {self.false_alarms} of {self.n_real} real videos"
                f" fake. No fakes were scored, so how many it finds is unknown. {target}"
            )
        return (
            f"Threshold {threshold}: called {self.false_alarms} of {self.n_real} real validation"
            f" videos fake and found {self.hits} of {self.n_fake} fakes. {target}"
        )


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
        calibration = _count_calls(rows, run, target_fpr=target_fpr, face_pack=scoring.face_pack)
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
        calibration = _count_calls(
            rows, run, target_fpr=target_fpr, face_pack=scoring.face_pack, reals_only=True
        )
        if is_main_process():
            _write(folder, calibration)
    return calibration


def _count_calls(
    rows: Sequence[Prediction],
    run: FoldScoringRecord,
    *,
    target_fpr: float,
    face_pack: str,
    reals_only: bool = False,
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
        resolved=count_allowed(len(reals), target_fpr)[1],
        reals_only=reals_only,
    )


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
