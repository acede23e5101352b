"""Evaluate a detector on a protocol: score the videos of every fold, then compute the numbers.

The main flow goes from top to bottom: :func:`evaluate` opens the release and its folds
(``thb.runs.folds.open_folds``), scores the videos of each fold
(``thb.prediction.predict.predict_videos``), and computes the numbers
(``thb.evaluation.score.score``).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from thb.evaluation.cells import NoFacePolicy
from thb.evaluation.result import Result, result_file_name
from thb.evaluation.score import score
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import load_fold_detector, predict_videos
from thb.prediction.prediction_log import PredictionLog
from thb.prediction.predictions import Predictions, write_predictions
from thb.prediction.throughput import Throughput
from thb.releases.fake_folders import FakeFolder, read_fake_folders
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease
from thb.releases.test_sets import fetch_test_sets
from thb.runs.folders import PREDICTIONS_FILE, claim_folders, default_out, name_run
from thb.runs.folds import FoldChoice, FoldDetector, list_names, open_folds
from thb.runs.provenance import FakesRecord, describe_fold_scoring
from thb.runs.record import ReleaseRecord
from thb.runtime.console import say
from thb.runtime.processes import make_accelerator
from thb_dataset.files import write_json
from thb_dataset.protocols import Protocol
from thb_dataset.records import HeldOut

if TYPE_CHECKING:
    from accelerate import Accelerator

    from thb_dataset.release.scan import Release

THROUGHPUT_FILE = "throughput.json"
LOG_FOLDER = "scoring"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(FoldChoice):
    """How a detector is evaluated.

    Attributes:
        name: What the detector is called in tables; None for the name of its run folder.
        strict: Refuse to start if a video of a test set is missing.
        overwrite: Score all videos again, ignoring the scores saved in the same folder.
        no_face: How a video without a face counts; see :func:`thb.evaluation.score.score`.
        n_bootstrap: The number of resamples behind the bootstrap intervals; 0 for no intervals.
        seed: The random seed of the resampling.
        scoring: How the videos are scored.
        fakes: Folders of fakes that are of no release, by the name of their generator: each becomes
            one more test-only generator of every fold.
    """

    name: str | None = None
    strict: bool = False
    overwrite: bool = False
    no_face: NoFacePolicy = "exclude"
    n_bootstrap: int = 1000
    seed: int = 0
    scoring: PredictSettings = field(default_factory=PredictSettings)
    fakes: Mapping[str, str | Path] = field(default_factory=dict)


def evaluate(
    detector: str | Path,
    *,
    protocol: Protocol | str,
    fold: HeldOut | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path | None = None,
    settings: EvaluateSettings | None = None,
) -> Result:
    """Score a detector on every fold of a protocol and compute the paper's numbers.

    Under ``torchrun`` or ``accelerate launch`` every process scores its share of the videos and
    returns the same result; the first process writes the files. A run that was killed continues
    where it stopped.

    Args:
        detector: A run folder with one detector per fold, as ``thb train`` writes it, or one
            detector for all folds: its folder or a Hub id. ``module:Class@`` may stand before
            either.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        fold: Evaluate only the fold that holds this generator, or family, out; None for all folds.
        release: A folder, a Hub id, ``"mini"``, or a release that is already open.
        real_root: The folder of the real videos.
        out: Where to write ``<fold>/predictions.parquet`` and ``result-<protocol>.json``; None
            for the run folder itself.
        settings: How to evaluate; None for the defaults.

    Raises:
        ReleaseError: The release cannot be read, or no real video or no fake of the test set is
            available, or a folder of ``settings.fakes`` cannot be used.
        ProtocolError: The folds cannot be built.
        DetectorError: A fold has no detector, or one that was trained for another fold.
        ResultError: ``out`` holds the predictions of another run.
        THBError: Another process is writing to ``out``.

    Examples:
        >>> result = thb.evaluate(
        ...     "runs/baseline", protocol="p3", fold="hallo", release="release", real_root="reals"
        ... )
        >>> [(cell.generator, cell.part, cell.n_fake, cell.n_real) for cell in result.cells]
        [('Hallo', 'test', 1, 4), ('Hallo3', 'extra', 1, 4), ('MAGI-1', 'extra', 1, 4)]
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
    fold: HeldOut | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path | None = None,
    settings: EvaluateSettings | None = None,
) -> tuple[Result, ...]:
    """Evaluate a detector on several protocols, as :func:`evaluate` does on one.

    Missing detectors and missing videos of all protocols are reported before any video is scored.
    """
    settings = settings or EvaluateSettings()
    fakes = read_fake_folders(settings.fakes)
    accelerator = make_accelerator()
    with accelerator.main_process_first():  # the first process writes the mini release
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
    with accelerator.main_process_first():  # the first process downloads
        fetch_test_sets(
            [fold_detector.fold for fold_detector in detectors],
            opened,
            strict=settings.strict,
            progress=settings.scoring.progress,
        )
    folder = Path(out or default_out(detector, list_names(detectors))).expanduser()
    title = settings.name or name_run(detector, _find_own_fold(detectors))
    results = []
    with claim_folders(folder / fold_detector.fold.name for fold_detector in detectors):
        for protocol in protocols:
            predictions = [
                _score_fold(
                    fold_detector,
                    opened,
                    folder / fold_detector.fold.name,
                    accelerator,
                    replace(settings, name=title),
                    fakes,
                )
                for fold_detector in detectors
                if fold_detector.fold.protocol == protocol
            ]
            results.append(_save_result(predictions, folder, accelerator, settings))
        accelerator.wait_for_everyone()
    return tuple(results)


def _find_own_fold(detectors: Sequence[FoldDetector]) -> str | None:
    """Return the fold that one detector for all folds was trained on, if it says so."""
    trained = {detector.trained_on.fold for detector in detectors if detector.trained_on}
    return trained.pop() if len(trained) == 1 else None


def _warn_of_other_releases(detectors: Sequence[FoldDetector], release: Release) -> None:
    """Warn if a detector was trained on another release, or on another state of this one."""
    tested = ReleaseRecord.of(release)
    others = {
        str(fold_detector.trained_on.release)
        for fold_detector in detectors
        if fold_detector.trained_on and fold_detector.trained_on.release.identity != tested.identity
    }
    if others:
        _log.warning(
            "trained on %s, tested on %s: test videos may have been used in training",
            ", ".join(sorted(others)),
            tested,
        )


def _score_fold(
    fold_detector: FoldDetector,
    opened: OpenRelease,
    folder: Path,
    accelerator: Accelerator,
    settings: EvaluateSettings,
    fakes: Sequence[FakeFolder],
) -> Predictions:
    """Score the test set of one fold and write its predictions."""
    fold = fold_detector.fold
    scoring = replace(settings.scoring, description=fold.name)
    model = load_fold_detector(fold_detector, settings)
    run = describe_fold_scoring(
        model,
        fold,
        opened.release,
        face_pack=scoring.face_pack,
        precision=scoring.precision,
        trained_on=fold_detector.trained_on,
        name=settings.name or "",
    )
    run = replace(run, fakes={found.name: _describe_fakes(found) for found in fakes})
    log_folder = folder / LOG_FOLDER
    if settings.overwrite and accelerator.is_main_process:
        shutil.rmtree(log_folder, ignore_errors=True)
    accelerator.wait_for_everyone()
    with PredictionLog(log_folder, run, rank=accelerator.process_index) as log:
        predictions = predict_videos(
            model,
            opened,
            {"test": fold.test, "extra": fold.extra},
            log=log,
            accelerator=accelerator,
            settings=scoring,
            fakes=fakes,
        )
    if accelerator.is_main_process:
        write_predictions(folder / PREDICTIONS_FILE, predictions)
        _save_throughput(predictions.throughput, fold.name, folder / THROUGHPUT_FILE)
    return predictions


def _describe_fakes(found: FakeFolder) -> FakesRecord:
    return FakesRecord(videos=len(found.files), sha256=found.sha256)


def _save_throughput(throughput: Throughput | None, fold: str, file: Path) -> None:
    """Print how fast a fold was scored, and save it beside the predictions, which do not say it.

    A rerun that scored no video prints nothing and keeps the file of the first run.
    """
    if throughput is not None and throughput.videos:
        say(f"{fold}: {throughput}")
        write_json(file, throughput.to_dict())


def _save_result(
    predictions: Sequence[Predictions],
    folder: Path,
    accelerator: Accelerator,
    settings: EvaluateSettings,
) -> Result:
    """Compute the numbers of one protocol in every process, and write them from the first."""
    result = score(
        predictions, no_face=settings.no_face, n_bootstrap=settings.n_bootstrap, seed=settings.seed
    )
    if accelerator.is_main_process:
        result.save(folder / result_file_name(result))
    return result
