"""A detector on a protocol: every fold scored, the predictions and the result on disk."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from detectors.registry import load_detector
from thb.evaluation.cells import NoFacePolicy
from thb.evaluation.result import Result, result_file_name
from thb.evaluation.score import score
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict_videos
from thb.prediction.predictions import PredictionLog, Predictions, write_predictions
from thb.prediction.throughput import Throughput
from thb.releases.files import fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease
from thb.runs.folders import PREDICTIONS_FILE, default_out
from thb.runs.folds import FoldChoice, FoldDetector, open_folds
from thb.runs.provenance import FoldScoringRecord, describe_scoring
from thb.runs.record import ReleaseRecord, describe_fold
from thb.runtime.console import say
from thb.runtime.processes import make_accelerator
from thb_dataset.errors import ReleaseError
from thb_dataset.files import write_whole
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import Generator, Label
from thb_dataset.release.media import explain_missing_reals, locate_videos

if TYPE_CHECKING:
    from accelerate import Accelerator

    from thb_dataset.release.scan import Release

THROUGHPUT_FILE = "throughput.json"
LOG_FOLDER = "scoring"
NAMES_SHOWN = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(FoldChoice):
    """How a detector is evaluated.

    Attributes:
        strict: Refuse to begin while a video of a test set is not at hand.
        overwrite: Score anew what was scored before into the same folder.
        no_face: What a video without a face counts as, as ``thb.score`` takes it.
        n_bootstrap: Resamples behind the bootstrap intervals; 0 for none.
        seed: Of the resampling.
        scoring: How videos are scored.
    """

    strict: bool = False
    overwrite: bool = False
    no_face: NoFacePolicy = "exclude"
    n_bootstrap: int = 1000
    seed: int = 0
    scoring: PredictSettings = field(default_factory=PredictSettings)


def evaluate(
    detector: str | Path,
    *,
    protocol: Protocol | str,
    fold: Generator | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path | None = None,
    settings: EvaluateSettings | None = None,
) -> Result:
    """Score a detector on every fold of a protocol and compute the paper's numbers.

    Under ``torchrun`` or ``accelerate launch`` every process scores its share and returns the
    same result; the first one writes the files. A run that was killed goes on where it stopped.

    Args:
        detector: A run folder with a detector per fold (as ``thb train`` writes it), or one
            detector for all folds: its folder, a Hub id, or ``module:Class``.
        protocol: ``p1``, ``p2`` or ``p3``.
        fold: Only the fold that holds this generator out.
        release: A folder, ``"mini"``, or a release that is open already.
        real_root: Folder of the real videos.
        out: Where ``<fold>/predictions.parquet`` and ``result-<protocol>.json`` are written;
            None for the run folder itself.
        settings: How to go about it.

    Raises:
        ReleaseError: The release cannot be read, or no real video of the test set is at hand.
        ProtocolError: The folds cannot be built.
        DetectorError: There is no detector for a fold, or it was trained for another one.
        ResultError: ``out`` holds predictions of another run.
    """
    (result,) = evaluate_protocols(
        detector,
        protocols=[protocol],
        fold=fold,
        release=release,
        real_root=real_root,
        out=out,
        settings=settings,
    )
    return result


def evaluate_protocols(
    detector: str | Path,
    *,
    protocols: Sequence[Protocol | str],
    fold: Generator | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path | None = None,
    settings: EvaluateSettings | None = None,
) -> tuple[Result, ...]:
    """Evaluate on several protocols, as :func:`evaluate` does on one.

    All that can be known to be wrong beforehand is found before the first video is scored.
    """
    settings = settings or EvaluateSettings()
    accelerator = make_accelerator()
    with accelerator.main_process_first():  # the first one writes the mini release
        opened, detectors = open_folds(
            detector,
            protocols,
            fold=fold,
            release=release,
            real_root=real_root,
            choice=settings,
            progress=settings.scoring.progress,
        )
    _warn_of_other_releases(detectors, opened.release)
    with accelerator.main_process_first():  # the first one downloads
        _fetch([one.fold for one in detectors], opened, settings)
    folder = default_out(detector) if out is None else Path(out).expanduser()
    results = []
    for name in protocols:
        predictions = [
            _score_fold(one, opened, folder / one.fold.name, accelerator, settings)
            for one in detectors
            if one.fold.protocol == name
        ]
        results.append(_save_result(predictions, folder, accelerator, settings))
    accelerator.wait_for_everyone()
    return tuple(results)


def _save_result(
    predictions: Sequence[Predictions],
    folder: Path,
    accelerator: Accelerator,
    settings: EvaluateSettings,
) -> Result:
    """Compute the numbers of one protocol, in every process, and write them from the first."""
    result = score(
        predictions, no_face=settings.no_face, n_bootstrap=settings.n_bootstrap, seed=settings.seed
    )
    if accelerator.is_main_process:
        result.save(folder / result_file_name(result))
    return result


def _report(throughput: Throughput | None, fold: str, file: Path) -> None:
    """Say how fast a fold was scored, and keep it beside the predictions, which know no time.

    A rerun that found all of it scored says nothing and leaves the first one's record.
    """
    if throughput is not None and throughput.videos:
        say(f"{fold}: {throughput}")
        with write_whole(file) as draft:
            text = json.dumps(throughput.to_dict(), indent=2) + "\n"
            draft.write_text(text, encoding="utf-8")


def _warn_of_other_releases(detectors: Sequence[FoldDetector], release: Release) -> None:
    """Say so where a detector was trained on another release, or on another state of this one."""
    tested = str(ReleaseRecord.of(release))
    trained = {str(one.trained_on.release) for one in detectors if one.trained_on}
    if trained - {tested}:
        _log.warning(
            "trained on %s, tested on %s: nothing proves that no test video was trained on",
            ", ".join(sorted(trained)),
            tested,
        )


def _fetch(folds: Sequence[Fold], opened: OpenRelease, settings: EvaluateSettings) -> None:
    """Download and find the files of all test sets; say which are missing, once.

    Raises:
        ReleaseError: No real video is at hand; or ``strict``, and any video is missing.
    """
    tested = {video.video_id: video for fold in folds for video in (*fold.test, *fold.extra)}
    reals = [video for video in tested.values() if video.label is Label.REAL]
    found = locate_videos(opened.release, opened.real_root, reals)
    missing = [video for video in reals if video.video_id not in found]
    complaints = []
    if missing:
        explained = explain_missing_reals(missing, opened.real_root)
        where = "" if opened.real_root else "; name that folder with --real-root"
        complaints.append(f"{len(missing)} of {len(reals)} {explained}{where}")
    if not found or (settings.strict and complaints):  # before anything is downloaded
        raise ReleaseError("; ".join(complaints) or "the release names no real videos to test on")
    videos = tuple(tested.values())
    files = fetch_files(opened, videos, progress=settings.scoring.progress)
    lost = [
        video.path for video in videos if video.generator and video.video_id not in files.videos
    ]
    if lost:
        more = ", …" if len(lost) > NAMES_SHOWN else ""
        complaints.append(f"{len(lost)} fakes are missing: {', '.join(lost[:NAMES_SHOWN])}{more}")
        if settings.strict:
            raise ReleaseError("; ".join(complaints))
    for complaint in complaints:
        _log.warning("%s", complaint)


def _score_fold(
    one: FoldDetector,
    opened: OpenRelease,
    folder: Path,
    accelerator: Accelerator,
    settings: EvaluateSettings,
) -> Predictions:
    """Score the test set of one fold and write its predictions."""
    model = load_detector(one.reference, trust_remote_code=settings.trust_remote_code)
    fold, scoring = one.fold, replace(settings.scoring, description=one.fold.name)
    made = describe_scoring(model, face_pack=scoring.face_pack, precision=scoring.precision)
    run = FoldScoringRecord(
        **vars(describe_fold(fold, opened.release)), **vars(made), trained_on=one.trained_on
    )
    log_folder = folder / LOG_FOLDER
    if settings.overwrite and accelerator.is_main_process:
        shutil.rmtree(log_folder, ignore_errors=True)
    with accelerator.main_process_first():
        files = fetch_files(
            opened,
            (*fold.test, *fold.extra),
            sound=model.config.clip_spec.listens,
            progress=scoring.progress,
        )
    accelerator.wait_for_everyone()
    with PredictionLog(log_folder, run, rank=accelerator.process_index) as log:
        predictions = predict_videos(
            model,
            {"test": fold.test, "extra": fold.extra},
            files.videos,
            log=log,
            accelerator=accelerator,
            settings=scoring,
            sounds=files.sounds,
        )
    if accelerator.is_main_process:
        write_predictions(folder / PREDICTIONS_FILE, predictions)
        _report(predictions.throughput, fold.name, folder / THROUGHPUT_FILE)
    return predictions
