"""What a training leaves behind: a folder that loads, its loss curve, and ``run.json``."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import torch

from detectors.base import Detector, count_parameters
from thb.runs.provenance import describe_scoring, hash_weights
from thb.runs.record import (
    CURVE_FILE,
    HISTORY_FILE,
    FacePackRecord,
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
from thb_dataset.faces.finder import load_face_finder


def plan_training(
    detector: Detector, *, name: str | None, settings: TrainSettings, options: TrainOptions
) -> Callable[[FoldRecord], TrainingPlan]:
    """Return what makes the plan of each fold of a training: all but the fold is the same.

    Args:
        detector: With the weights that every fold begins with.
        name: What the user calls it; None for a detector that was given as an object.
        settings: The recipe.
        options: Name the face pack.
    """
    scoring = describe_scoring(detector, face_pack=options.face_pack)
    start = StartRecord(
        name=name,
        class_path=scoring.detector.class_path,
        model_type=scoring.detector.model_type,
        parameters=count_parameters(detector),
        initial_weights_sha256=hash_weights(detector),
    )

    def plan(fold: FoldRecord) -> TrainingPlan:
        return TrainingPlan(
            **vars(fold),
            detector=start,
            clip_spec=detector.config.clip_spec,
            face_pack=FacePackRecord(**load_face_finder(options.face_pack).pack.to_dict()),
            settings=settings.to_dict(),
        )

    return plan


def describe_training_data(fold: FoldRecord) -> str:
    """Return what a detector was trained on in words, for its config."""
    release = fold.release
    kind = "the synthetic release" if release.synthetic else "the release"
    revision = f" at {release.revision[:12]}" if release.revision else ""
    return (
        f"TalkingHeadBench, fold {fold.fold}, split by {fold.split_by},"
        f" {kind} {release.name}{revision}"
    )


class FitRecord(TypedDict):
    """The fields of a :class:`RunRecord` that say how a training went."""

    kept: KeptEpoch
    epochs_done: int
    machine: MachineRecord
    versions: Mapping[str, str]


def describe_fit(result: Fit, *, rule: str, processes: int) -> FitRecord:
    """Return how a training went.

    Args:
        result: What it came to.
        rule: The rule by which an epoch was kept, as ``TrainSettings.keep``.
        processes: That shared the work.
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
    """Return the record of a folder that holds the planned training, finished.

    Args:
        folder: Of one fold.
        planned: The training to be done.
        overwrite: Take nothing for finished.

    Raises:
        DetectorError: The folder holds another training, or other things.
    """
    if overwrite:
        return None
    record = read_record(folder)
    if record is None:
        if folder.exists() and not _is_open(folder):
            raise DetectorError(
                f"{folder} is not empty and holds no training: choose another --out, or say"
                " --overwrite to lose what is there"
            )
        return None
    # Settings that are younger than the record had then the effect that is now their default.
    settings = {**TrainSettings().to_dict(), **record.settings}
    there, plan = to_json(replace(record, settings=settings)), to_json(planned)
    other = [name for name in plan if there[name] != plan[name]]
    if other:
        differences = "; ".join(_explain(name, there[name], plan[name]) for name in other)
        raise DetectorError(
            f"{folder} holds another training ({differences}): choose another --out, or say"
            " --overwrite to lose it"
        )
    return record


def _is_open(folder: Path) -> bool:
    """Say whether a folder is empty, or holds a training that was broken off."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {CHECKPOINT_FOLDER}


def _explain(name: str, there: object, planned: object) -> str:
    """Say in what a field differs, by its members where it has some."""
    if not (isinstance(there, dict) and isinstance(planned, dict)):
        return f"{name} {there!r}, not {planned!r}"
    members = sorted(set(there) | set(planned))
    return "; ".join(
        _explain(f"{name}.{member}", there.get(member), planned.get(member))
        for member in members
        if there.get(member) != planned.get(member)
    )


def write_run(
    folder: Path, detector: Detector, history: Sequence[Epoch], record: RunRecord
) -> None:
    """Write a trained detector, complete or not at all; what the folder held before is lost.

    Args:
        folder: Where ``config.json``, ``model.safetensors``, the loss curve and ``run.json`` go.
        detector: With the weights that are kept.
        history: Its epochs.
        record: For ``run.json``.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place and moved there at the end: a kill leaves no half folder.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as workshop:
        made = Path(workshop) / "made"
        detector.save_pretrained(made)
        for file in made.iterdir():
            file.chmod(0o644)  # safetensors are written for their owner alone
        _write_history(made / HISTORY_FILE, history)
        write_curve(made / CURVE_FILE, history)
        write_record(made, record)
        if folder.exists():
            shutil.move(folder, Path(workshop) / "before")
        made.rename(folder)


def _write_history(file: Path, history: Iterable[Epoch]) -> None:
    rows = [epoch.to_dict() for epoch in history]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
