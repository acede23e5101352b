"""``thb.train``: a detector trained on every fold of a protocol, each into its own folder."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from detectors.base import Detector
from detectors.tuning import Tunable, choose_saved
from thb.prediction.calibration import LOG_FOLDER as CALIBRATION_LOG_FOLDER
from thb.prediction.calibration import calibrate, read_calibration
from thb.prediction.inference import PredictSettings
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.runs.folders import claim_folders
from thb.runs.folds import build_all_folds
from thb.runs.provenance import hash_weights
from thb.runs.record import PartCounts, RunRecord, TrainingPlan
from thb.runtime.console import say
from thb.runtime.processes import make_training_accelerator
from thb.training.checkpoint import FOLDER as CHECKPOINT_FOLDER
from thb.training.checkpoint import CheckpointFolder
from thb.training.data import choose_clips
from thb.training.loop import check_shares, fit, load_trained
from thb.training.record import (
    describe_fit,
    describe_training_data,
    find_finished,
    plan_training,
    write_run,
)
from thb.training.renditions import open_autoencoder, require_no_sound
from thb.training.settings import TrainOptions, TrainSettings
from thb.training.start import check_start, load_start
from thb.training.videos import FoldClips, make_fold_clips, require_real_files
from thb_dataset.errors import THBError
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import HeldOut

if TYPE_CHECKING:
    from thb.preprocessing.image_autoencoder import ImageAutoencoder


@dataclass(frozen=True, kw_only=True)
class TrainedFold:
    """A trained detector of one fold, on disk.

    Attributes:
        folder: The folder of the detector; ``thb.detector`` loads it.
        fold: The name of the fold, such as ``p1`` or ``p3-hallo``.
        record: The contents of its ``run.json``.
        reused: Whether an earlier run had finished it, with the same settings on the same release.
    """

    folder: Path
    fold: str
    record: RunRecord = field(repr=False)
    reused: bool


def train(
    detector: Detector | str | Path,
    *,
    protocol: Protocol | str,
    fold: HeldOut | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path,
    settings: TrainSettings | Mapping[str, Any] | None = None,
    options: TrainOptions | None = None,
) -> tuple[TrainedFold, ...]:
    """Train a detector on a protocol, once per fold.

    Every fold starts from the same weights. A fold that is finished is left alone, and one that
    was interrupted continues after its last whole epoch: the same command, run again, ends with
    the same weights as a run that was never stopped. Under ``torchrun`` or ``accelerate launch``
    the processes share each batch.

    Args:
        detector: A registered name or ``module:Class`` for a fresh detector, which begins with
            the backbone of its published training, if it has one; a folder, a Hub id or a detector
            to continue from its weights.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        fold: Train only the fold that holds this generator, or family, out, into ``out`` itself.
        release: A Hub id, a folder, ``"mini"``, or a release that is already open.
        real_root: The folder of the real videos.
        out: The folder of the run; without ``fold`` each fold gets ``out/<its name>``.
        settings: The recipe, or only those fields in which it differs from the detector's own.
        options: Everything that is not part of the recipe.

    Returns:
        One entry per fold. Each folder holds ``config.json``, ``model.safetensors``,
        ``history.csv``, ``history.svg`` and ``run.json``, and ``thresholds.json`` if the fold has
        real validation videos.

    Raises:
        SettingsError: A setting is unknown, of another type, or impossible, or options contradict.
        DetectorError: The detector or its backbone cannot be loaded or trained, or ``out`` holds
            another run.
        ReleaseError: The release cannot be read, or no video of a class is available.
        ProtocolError: The folds cannot be built.
        THBError: Another process is writing to ``out``.

    Examples:
        >>> from thb.training.settings import TrainOptions
        >>> (trained,) = thb.train(
        ...     "baseline", protocol="p3", fold="hallo", release="release", real_root="reals",
        ...     out="runs/new", settings={"epochs": 1}, options=TrainOptions(tiny=True),
        ... )
        >>> trained.folder, trained.record.release.synthetic
        (PosixPath('runs/new'), True)
    """
    options = options or TrainOptions()
    check_start(detector, settings, options)
    accelerator = make_training_accelerator()
    with accelerator.main_process_first():  # the first one writes the mini release
        opened = open_release(release, real_root=real_root, progress=options.progress)
    folds = build_all_folds(opened, [protocol], fold=fold, split_by=options.split_by)
    out = Path(out).expanduser()
    placed = {out if fold else out / built.name: built for built in folds}
    with claim_folders(placed):
        trained = train_folds(
            detector, placed, opened, settings=settings, options=options, accelerator=accelerator
        )
    for run in trained:
        _calibrate(run, opened, options, accelerator)
    return trained


def train_folds(
    detector: Detector | str | Path,
    folds: Mapping[Path, Fold],
    opened: OpenRelease,
    *,
    settings: TrainSettings | Mapping[str, Any] | None,
    options: TrainOptions,
    accelerator: Accelerator,
) -> tuple[TrainedFold, ...]:
    """Train a detector on folds that are already built, as :func:`train` does.

    Args:
        detector: The detector, as :func:`train` takes it.
        folds: The folds to train on, each by the folder of its run.
        opened: The release that the folds belong to.
        settings: The recipe, as :func:`train` takes it.
        options: Everything that is not part of the recipe.
        accelerator: The processes, from :func:`thb.runtime.processes.make_training_accelerator`.
    """
    require_real_files(folds.values(), opened)
    start, settings = load_start(detector, settings, options, accelerator)
    check_shares(settings, accelerator.num_processes, options.accumulate)
    choose_saved(start, options.save)  # refused before any work
    name = None if isinstance(detector, Detector) else str(detector)
    plans, autoencoder = _plan(start, name, folds, opened, settings, options, accelerator)
    finished = {
        folder: find_finished(folder, plans[folder], overwrite=options.overwrite)
        for folder in folds
    }
    left = [fold for folder, fold in folds.items() if finished[folder] is None]
    spec = start.config.clip_spec
    clips = make_fold_clips(left, spec, opened, settings, options, accelerator, autoencoder)
    trained = []
    for number, (folder, fold) in enumerate(folds.items(), start=1):
        record = finished[folder]
        reused = record is not None
        if record is None:
            if options.progress and len(folds) > 1 and accelerator.is_main_process:
                say(f"{fold.name}: fold {number} of {len(folds)}")
            record = _train_fold(
                fold,
                copy.deepcopy(start),
                clips,
                plan=plans[folder],
                folder=folder,
                settings=settings,
                options=options,
                accelerator=accelerator,
            )
        elif accelerator.is_main_process:
            say(f"{fold.name}: already finished, left alone ({folder})")
        trained.append(TrainedFold(folder=folder, fold=fold.name, record=record, reused=reused))
    return tuple(trained)


def _plan(
    start: Detector,
    name: str | None,
    folds: Mapping[Path, Fold],
    opened: OpenRelease,
    settings: TrainSettings,
    options: TrainOptions,
    accelerator: Accelerator,
) -> tuple[dict[Path, TrainingPlan], ImageAutoencoder | None]:
    """Return the plan of each fold, and the image autoencoder that it asks for."""
    require_no_sound(start.config.clip_spec, settings)
    autoencoder = open_autoencoder(settings, accelerator, progress=options.progress)
    with accelerator.main_process_first():  # the first one reads the files, and remembers them
        plans = plan_training(
            start,
            folds,
            opened,
            name=name,
            settings=settings,
            options=options,
            autoencoder=autoencoder,
        )
    return plans, autoencoder


def _train_fold(
    fold: Fold,
    detector: Detector,
    clips: FoldClips,
    *,
    plan: TrainingPlan,
    folder: Path,
    settings: TrainSettings,
    options: TrainOptions,
    accelerator: Accelerator,
) -> RunRecord:
    """Train one fold, write its folder and return its record."""
    began = time.perf_counter()
    # Dropout must differ between processes; with one process, the seed alone decides everything.
    set_seed(settings.seed, device_specific=accelerator.num_processes > 1)
    if isinstance(detector, Tunable):
        detector.config.saved = choose_saved(detector, options.save)
        detector.prepare_training()
    train, train_counts = choose_clips(fold.train, clips.train, clips.new)
    validation, validation_counts = choose_clips(fold.validation, clips.validation)
    if options.overwrite and accelerator.is_main_process:
        shutil.rmtree(folder / CHECKPOINT_FOLDER, ignore_errors=True)
    accelerator.wait_for_everyone()
    machine = {"processes": accelerator.num_processes, "accumulate": options.accumulate}
    result = fit(
        detector,
        train,
        validation,
        settings=settings,
        accelerator=accelerator,
        accumulate=options.accumulate,
        checkpoints=CheckpointFolder(folder, plan, machine=machine, rank=accelerator.process_index),
        features=clips.features,
        description=f"training {fold.name}" if options.progress else None,
    )
    accelerator.free_memory()
    detector.to("cpu")  # type: ignore[arg-type] # transformers' decorator hides the signature
    load_trained(detector, result.weights)
    if isinstance(detector, Tunable):
        detector.finish_training()
    detector.config.training_data = describe_training_data(plan)
    seen = (*detector.config.pseudo_fakes, *settings.pseudo_fakes)
    detector.config.pseudo_fakes = tuple(dict.fromkeys(seen))
    detector.config.untrained = False
    detector.config.trained_on_synthetic = plan.release.synthetic
    record = RunRecord(
        **vars(plan),
        **describe_fit(result, rule=settings.keep, processes=accelerator.num_processes),
        videos=PartCounts(train=train_counts, validation=validation_counts),
        weights_sha256=hash_weights(detector),
        seconds=round(time.perf_counter() - began, 1),
    )
    if accelerator.is_main_process:
        write_run(folder, detector, result.history, record, backbone=options.backbone)
    accelerator.wait_for_everyone()
    return record


def _calibrate(
    run: TrainedFold, opened: OpenRelease, options: TrainOptions, accelerator: Accelerator
) -> None:
    """Choose the threshold of a fold unless it has one; a failure is only a warning."""
    scoring = PredictSettings(
        workers=options.workers,
        face_pack=options.face_pack,
        store=options.store,
        progress=options.progress,
        description=f"calibrating {run.fold}",
    )
    try:
        if read_calibration(run.folder, weights_sha256=run.record.weights_sha256) is not None:
            # A run that was killed after it had written the threshold leaves its log.
            shutil.rmtree(run.folder / CALIBRATION_LOG_FOLDER, ignore_errors=True)
        else:
            calibration = calibrate(
                run.folder,
                release=opened,
                scoring=scoring,
                trust_remote_code=options.trust_remote_code,
            )
            if accelerator.is_main_process and options.progress:
                say(f"{run.fold}: {calibration}")
    except THBError as error:
        if accelerator.is_main_process:
            say(f"warning: {run.fold} has no threshold: {error}")
    accelerator.wait_for_everyone()  # nobody looks for a file that another is about to write
