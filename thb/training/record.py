"""The files of a finished training: the detector, its loss curve, and ``run.json``."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import torch

from detectors.base import SYNTHETIC_RELEASE, Detector, count_parameters
from detectors.recipes import Recipe
from thb.runs.provenance import describe_face_pack, hash_weights, name_class
from thb.runs.record import (
    CURVE_FILE,
    HISTORY_FILE,
    FoldRecord,
    KeptEpoch,
    MachineRecord,
    RunRecord,
    StartRecord,
    TrainingPlan,
    read_record,
    write_record,
)
from thb.runtime.environment import package_versions
from thb.runtime.records import to_json
from thb.training.checkpoint import FOLDER as CHECKPOINT_FOLDER
from thb.training.curve import write_curve
from thb.training.loop import Fit
from thb.training.settings import TrainOptions, TrainSettings
from thb.training.validation import Epoch
from thb_dataset.errors import DetectorError
from thb_dataset.files import workshop_prefix


def plan_training(
    detector: Detector, *, name: str | None, settings: TrainSettings, options: TrainOptions
) -> Callable[[FoldRecord], TrainingPlan]:
    """Return a function that makes the plan of each fold; only the fold differs between plans.

    Args:
        detector: The detector that every fold starts from.
        name: The name that the user gave it; None for a detector that was given as an object.
        settings: The recipe.
        options: The options, which name the face pack.
    """
    start = StartRecord(
        name=name,
        class_path=name_class(detector),
        model_type=detector.config.model_type,
        parameters=count_parameters(detector),
        initial_weights_sha256=hash_weights(detector),
    )
    face_pack = describe_face_pack(options.face_pack)

    def plan(fold: FoldRecord) -> TrainingPlan:
        return TrainingPlan(
            **vars(fold),
            detector=start,
            clip_spec=detector.config.clip_spec,
            face_pack=face_pack,
            settings=Recipe(**vars(settings)),
        )

    return plan


def describe_training_data(fold: FoldRecord) -> str:
    """Describe in words what a detector was trained on, for its config."""
    release = fold.release
    kind = SYNTHETIC_RELEASE if release.synthetic else "the release"
    revision = f" at {release.revision[:12]}" if release.revision else ""
    return (
        f"TalkingHeadBench, fold {fold.fold}, split by {fold.split_by},"
        f" {kind} {release.name}{revision}"
    )


class FitRecord(TypedDict):
    """The fields of a :class:`RunRecord` that describe how a training went."""

    kept: KeptEpoch
    epochs_done: int
    machine: MachineRecord
    versions: Mapping[str, str]


def describe_fit(result: Fit, *, rule: str, processes: int) -> FitRecord:
    """Return the part of the record that describes how a training went.

    Args:
        result: The result of the training.
        rule: The rule by which an epoch was kept, as in ``TrainSettings.keep``.
        processes: The number of processes that shared the work.
    """
    kept = next(epoch for epoch in result.history if epoch.epoch == result.kept_epoch)
    return FitRecord(
        kept=KeptEpoch(
            rule=rule,
            epoch=kept.epoch,
            validation_auc=kept.validation_auc,
            validation_loss=kept.validation_loss,
        ),
        epochs_done=len(result.history),
        machine=MachineRecord(
            processes=processes,
            resumed_after=result.resumed_after,
            torch_threads=torch.get_num_threads(),
        ),
        versions=package_versions(),
    )


def find_finished(folder: Path, planned: TrainingPlan, *, overwrite: bool) -> RunRecord | None:
    """Return the record of the planned training if its folder holds it, finished; else None.

    Args:
        folder: The folder of one fold.
        planned: The training that is asked for.
        overwrite: Ignore what the folder holds, and return None.

    Raises:
        DetectorError: The folder holds another training, or other files.
    """
    if overwrite:
        return None
    record = read_record(folder)
    if record is None:
        if folder.exists() and not _is_unfinished(folder):
            raise DetectorError(
                f"{folder} is not empty and holds no training: choose another --out, or pass"
                " --overwrite to replace it"
            )
        return None
    # A setting that is younger than the record was read as its default, which is what it did then.
    found, plan = to_json(record), to_json(planned)
    differing = [name for name in plan if found[name] != plan[name]]
    if differing:
        differences = "; ".join(_explain(name, found[name], plan[name]) for name in differing)
        raise DetectorError(
            f"{folder} holds another training ({differences}): choose another --out, or pass"
            " --overwrite to replace it"
        )
    return record


def _is_unfinished(folder: Path) -> bool:
    """Return whether a folder is empty, or holds a training that was interrupted."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {CHECKPOINT_FOLDER}


def _explain(name: str, found: object, planned: object) -> str:
    """Describe how a field differs, member by member if it has members."""
    if not (isinstance(found, dict) and isinstance(planned, dict)):
        return f"{name} {found!r}, not {planned!r}"
    members = sorted(set(found) | set(planned))
    return "; ".join(
        _explain(f"{name}.{member}", found.get(member), planned.get(member))
        for member in members
        if found.get(member) != planned.get(member)
    )


def write_run(
    folder: Path, detector: Detector, history: Sequence[Epoch], record: RunRecord
) -> None:
    """Write a trained detector, complete or not at all; it replaces what the folder held before.

    Args:
        folder: The folder of ``config.json``, ``model.safetensors``, the loss curve and
            ``run.json``.
        detector: The detector, with the weights that are kept.
        history: The numbers of each epoch.
        record: The record to write as ``run.json``.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place and moved there at the end, so that a kill leaves no half folder.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=workshop_prefix(folder)) as workshop:
        draft = Path(workshop) / "draft"
        detector.save_pretrained(draft)
        for file in draft.iterdir():
            file.chmod(0o644)  # safetensors writes files that only their owner can read
        _write_history(draft / HISTORY_FILE, history)
        write_curve(draft / CURVE_FILE, history)
        write_record(draft, record)
        if folder.exists():
            shutil.move(folder, Path(workshop) / "before")
        draft.rename(folder)


def _write_history(file: Path, history: Iterable[Epoch]) -> None:
    rows = [epoch.to_dict() for epoch in history]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
