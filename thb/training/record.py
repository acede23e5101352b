"""What a training leaves behind: a folder that loads, its loss curve, and ``run.json``."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from detectors.base import Detector, count_parameters
from thb.runs.provenance import describe_scoring
from thb.runs.record import CURVE_FILE, HISTORY_FILE, RECORD_FILE, read_record
from thb.runtime.environment import package_versions
from thb.training.checkpoint import FOLDER as CHECKPOINT_FOLDER
from thb.training.curve import write_curve
from thb.training.loop import Fit
from thb.training.settings import TrainSettings
from thb.training.validation import Epoch
from thb_dataset.errors import DetectorError

IDENTITY: Final = (
    "format",
    "detector",
    "protocol",
    "fold",
    "held_out",
    "split_by",
    "release",
    "settings",
    "clip_spec",
    "face_pack",
)
"""What makes two trainings the same one; the rest of a record is how it went."""


def describe_start(detector: Detector, *, name: str | None, face_pack: str) -> dict[str, Any]:
    """Say what a training begins with: the detector, the clips it wants, who finds the faces.

    Args:
        detector: With the weights that every fold begins with.
        name: What the user calls it; None for a detector given as an object.
        face_pack: As ``load_face_finder`` takes it.
    """
    scoring = describe_scoring(detector, face_pack=face_pack)
    return {
        "detector": {
            "name": name,
            "class": scoring["detector"]["class"],
            "model_type": scoring["detector"]["model_type"],
            "parameters": count_parameters(detector),
            "initial_weights_sha256": scoring["detector"]["weights_sha256"],
        },
        "clip_spec": scoring["clip_spec"],
        "face_pack": scoring["face_pack"],
    }


def describe_training_data(plan: Mapping[str, Any]) -> str:
    """Say in words what a detector was trained on, for its config."""
    release = plan["release"]
    kind = "the synthetic release" if release["synthetic"] else "the release"
    revision = f" at {release['revision'][:12]}" if release["revision"] else ""
    return (
        f"TalkingHeadBench, fold {plan['fold']}, split by {plan['split_by']},"
        f" {kind} {release['name']}{revision}"
    )


def describe_fit(result: Fit, *, rule: str, processes: int) -> dict[str, Any]:
    """Say how a training went.

    Args:
        result: What it came to.
        rule: The rule by which an epoch was kept, as ``TrainSettings.keep``.
        processes: That shared the work.
    """
    kept = next(epoch for epoch in result.history if epoch.epoch == result.kept_epoch)
    return {
        "kept": {
            "rule": rule,
            "epoch": kept.epoch,
            "validation_auc": kept.validation_auc,
            "validation_loss": kept.validation_loss,
        },
        "epochs_done": len(result.history),
        "machine": {
            "processes": processes,
            "resumed_after": result.resumed_after,
            "torch_threads": torch.get_num_threads(),
        },
        "versions": package_versions(),
    }


def find_finished(
    folder: Path, planned: Mapping[str, Any], *, overwrite: bool
) -> dict[str, Any] | None:
    """Return the record of a folder that holds the planned training, finished.

    Args:
        folder: Of one fold.
        planned: Record of the training to be done, its ``IDENTITY`` fields at least.
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
    plan = json.loads(json.dumps(planned))
    # Settings that are younger than the record had then the effect that is now their default.
    record = {**record, "settings": {**TrainSettings().to_dict(), **record.get("settings", {})}}
    other = [name for name in IDENTITY if record.get(name) != plan.get(name)]
    if other:
        differences = "; ".join(_explain(name, record.get(name), plan.get(name)) for name in other)
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
    folder: Path, detector: Detector, history: Sequence[Epoch], record: Mapping[str, Any]
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
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        (made / RECORD_FILE).write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.move(folder, Path(workshop) / "before")
        made.rename(folder)


def _write_history(file: Path, history: Iterable[Epoch]) -> None:
    rows = [epoch.to_dict() for epoch in history]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
