"""A detector trained on every fold of a protocol, each into a folder that can be loaded."""

from __future__ import annotations

import copy
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import DataLoaderConfiguration, set_seed

from detectors.base import Detector
from detectors.recipes import Recipe
from detectors.registry import find_detector_class, load_detector
from thb.prediction.calibration import calibrate, read_calibration
from thb.prediction.inference import PredictSettings
from thb.preprocessing.clips import default_workers
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.runs.folds import build_all_folds
from thb.runs.provenance import hash_weights
from thb.runs.record import RECORD_FORMAT, describe_fold
from thb.runtime.console import say
from thb.training.checkpoint import FOLDER as CHECKPOINT_FOLDER
from thb.training.checkpoint import CheckpointFolder
from thb.training.data import choose_clips
from thb.training.loop import check_shares, fit
from thb.training.record import (
    IDENTITY,
    describe_fit,
    describe_start,
    describe_training_data,
    find_finished,
    write_run,
)
from thb.training.settings import TrainOptions, TrainSettings, choose_settings, suit_device
from thb.training.videos import FoldClips, make_fold_clips
from thb_dataset.errors import THBError
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import Generator

HOURS_TO_WAIT_FOR_A_PROCESS: Final = 24


@dataclass(frozen=True, kw_only=True)
class TrainedFold:
    """A detector of one fold, on disk.

    Attributes:
        folder: Loads with ``thb.detector``.
        fold: Name of the fold, ``p1`` or ``p3-hallo``.
        record: What its ``run.json`` says.
        reused: It was finished before, with the same settings on the same release.
    """

    folder: Path
    fold: str
    record: dict[str, Any]
    reused: bool


def train(
    detector: Detector | str | Path,
    *,
    protocol: Protocol | str,
    fold: Generator | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path,
    settings: TrainSettings | Mapping[str, Any] | None = None,
    options: TrainOptions | None = None,
) -> tuple[TrainedFold, ...]:
    """Train a detector on a protocol, once per fold.

    Every fold begins with the same weights. A fold that is finished is left alone, and one that
    was broken off goes on after its last whole epoch: the same command goes on where it was
    stopped, and comes to the same weights as if it had not been. Under ``torchrun`` or
    ``accelerate launch`` the processes share each batch.

    Args:
        detector: A registered name or ``module:Class`` for fresh weights; a folder, a Hub id or
            a detector to go on from its weights.
        protocol: ``p1``, ``p2`` or ``p3``.
        fold: Only the fold that holds this generator out, into ``out`` itself.
        release: A folder, ``"mini"``, or a release that is open already.
        real_root: Folder of the real videos.
        out: Folder of the run; without ``fold`` each fold gets ``out/<its name>``.
        settings: The recipe, or those of its fields that differ from the detector's own.
        options: What is not the recipe.

    Returns:
        One entry per fold; each folder holds ``config.json``, ``model.safetensors``,
        ``history.csv``, ``history.svg`` and ``run.json``, and ``thresholds.json`` where the
        fold has validation reals.

    Raises:
        DetectorError: The detector cannot be loaded or trained, or ``out`` holds another run.
        ReleaseError: The release cannot be read, or a class has no video at hand.
        ProtocolError: The folds cannot be built.
    """
    options = options or TrainOptions()
    accelerator = make_training_accelerator()
    with accelerator.main_process_first():  # which writes the mini release for the others
        opened = open_release(release, real_root=real_root, progress=options.progress)
    folds = build_all_folds(opened, [protocol], fold=fold, split_by=options.split_by)
    start, chosen = load_start(detector, settings, options, device=accelerator.device)
    folders = {one.name: Path(out).expanduser() / ("" if fold else one.name) for one in folds}
    trained = train_folds(
        start,
        folds,
        folders,
        opened,
        name=None if isinstance(detector, Detector) else str(detector),
        settings=chosen,
        options=options,
        accelerator=accelerator,
    )
    for one in trained:
        _calibrate(one, opened, options, accelerator)
    return trained


def _calibrate(
    one: TrainedFold, opened: OpenRelease, options: TrainOptions, accelerator: Accelerator
) -> None:
    """Set a fold's threshold unless it has one; what stands in the way is a warning."""
    scoring = PredictSettings(
        workers=options.workers,
        face_pack=options.face_pack,
        store=options.store,
        progress=options.progress,
        description=f"calibrating {one.fold}",
    )
    try:
        if read_calibration(one.folder, weights_sha256=one.record["weights_sha256"]) is None:
            trust = options.trust_remote_code
            calibration = calibrate(
                one.folder, release=opened, scoring=scoring, trust_remote_code=trust
            )
            if accelerator.is_main_process and options.progress:
                say(f"{one.fold}: {calibration}")
    except THBError as error:
        if accelerator.is_main_process:
            say(f"warning: {one.fold} has no threshold: {error}")
    accelerator.wait_for_everyone()  # nobody looks for a file that another is about to write


def train_folds(
    start: Detector,
    folds: Sequence[Fold],
    folders: Mapping[str, Path],
    opened: OpenRelease,
    *,
    name: str | None,
    settings: TrainSettings,
    options: TrainOptions,
    accelerator: Accelerator,
) -> tuple[TrainedFold, ...]:
    """Train a detector on folds that are known already, as :func:`train` does.

    Args:
        start: Every fold begins with its weights, and leaves it alone.
        folds: To be trained on.
        folders: Where each fold goes, by its name.
        opened: The release that the folds are of.
        name: What the user calls the detector.
        settings: The recipe.
        options: What is not the recipe.
        accelerator: From :func:`make_training_accelerator`.
    """
    check_shares(settings, accelerator.num_processes, options.accumulate)
    shared = {
        "format": RECORD_FORMAT,
        **describe_start(start, name=name, face_pack=options.face_pack),
        "settings": settings.to_dict(),
    }
    plans = {one.name: {**shared, **describe_fold(one, opened.release)} for one in folds}
    finished = {
        one: find_finished(folder, plans[one], overwrite=options.overwrite)
        for one, folder in folders.items()
    }
    left = [one for one in folds if finished[one.name] is None]
    clip = start.config.clip_spec
    made = make_fold_clips(left, clip, opened, settings, options, accelerator)
    trained = []
    for one in folds:
        record, folder = finished[one.name], folders[one.name]
        reused = record is not None
        if record is None:
            record = _train_fold(
                one,
                copy.deepcopy(start),
                made,
                plan=plans[one.name],
                folder=folder,
                settings=settings,
                options=options,
                accelerator=accelerator,
            )
        elif accelerator.is_main_process:
            say(f"{one.name}: finished before and left alone ({folder})")
        trained.append(TrainedFold(folder=folder, fold=one.name, record=record, reused=reused))
    return tuple(trained)


def make_training_accelerator() -> Accelerator:
    """Return the Accelerator of a training; processes on one machine share its cores."""
    siblings = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if siblings > 1 and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(default_workers())
    return Accelerator(
        # A batch is divided among the processes: the recipe is the same for any number of them.
        dataloader_config=DataLoaderConfiguration(split_batches=True),
        kwargs_handlers=[
            InitProcessGroupKwargs(timeout=timedelta(hours=HOURS_TO_WAIT_FOR_A_PROCESS)),
            # A backbone from transformers may bring layers that a detector does not use.
            DistributedDataParallelKwargs(find_unused_parameters=True),
        ],
    )


def load_start(
    detector: Detector | str | Path,
    settings: TrainSettings | Mapping[str, Any] | None,
    options: TrainOptions,
    *,
    device: torch.device,
) -> tuple[Detector, TrainSettings]:
    """Return the detector that every fold begins with, and the settings of a training there.

    Raises:
        DetectorError: It cannot be loaded, or a setting is unknown or impossible.
    """
    if isinstance(detector, Detector):
        start = detector
    else:
        start = load_detector(
            detector,
            trust_remote_code=options.trust_remote_code,
            seed=choose_settings(Recipe(), settings).seed,
            config=_choose_config(detector, options),
        )
    return start, choose_settings(suit_device(type(start).recipe, device), settings)


def _choose_config(detector: str | Path, options: TrainOptions) -> Mapping[str, Any] | None:
    """Return the settings of a fresh detector, those of the small network below the user's own."""
    if not options.tiny:
        return options.config
    tiny, own = find_detector_class(str(detector)).tiny, options.config or {}
    clip = {**tiny.get("clip", {}), **own.get("clip", {})}
    return {**tiny, **own, **({"clip": clip} if clip else {})}


def _train_fold(
    fold: Fold,
    detector: Detector,
    made: FoldClips,
    *,
    plan: Mapping[str, Any],
    folder: Path,
    settings: TrainSettings,
    options: TrainOptions,
    accelerator: Accelerator,
) -> dict[str, Any]:
    """Train one fold, write its folder and return its record."""
    began = time.perf_counter()
    # Dropout differs between processes; with one, all depends on the seed alone.
    set_seed(settings.seed, device_specific=accelerator.num_processes > 1)
    train, train_counts = choose_clips(fold.train, made.train)
    validation, validation_counts = choose_clips(fold.validation, made.validation)
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
        checkpoints=CheckpointFolder(
            folder,
            {**{name: plan[name] for name in IDENTITY}, **machine},
            rank=accelerator.process_index,
        ),
        description=f"training {fold.name}" if options.progress else None,
    )
    accelerator.free_memory()
    detector.to("cpu")  # type: ignore[arg-type] # transformers' decorator hides the signature
    detector.load_state_dict(result.weights)
    detector.config.training_data = describe_training_data(plan)
    record = {
        **plan,
        **describe_fit(result, rule=settings.keep, processes=accelerator.num_processes),
        "videos": {"train": train_counts, "validation": validation_counts},
        "weights_sha256": hash_weights(detector),
        "seconds": round(time.perf_counter() - began, 1),
    }
    if accelerator.is_main_process:
        write_run(folder, detector, result.history, record)
    accelerator.wait_for_everyone()
    return record
