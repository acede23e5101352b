"""The files of a finished training: the detector, its loss curve, and ``run.json``."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import torch

from detectors.base import SYNTHETIC_RELEASE, Detector, count_parameters
from detectors.recipes import Recipe
from detectors.small_weights import BACKBONE_FOLDER
from thb.releases.contents import digest_contents
from thb.releases.opening import OpenRelease
from thb.runs.identity import explain_other_training
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
    describe_fold,
    read_record,
    write_record,
)
from thb.runtime.environment import package_versions
from thb.training.checkpoint import FOLDER as CHECKPOINT_FOLDER
from thb.training.curve import write_curve
from thb.training.loop import Fit
from thb.training.settings import TrainOptions, TrainSettings
from thb.training.validation import Epoch
from thb_dataset.errors import DetectorError
from thb_dataset.files import workshop_prefix
from thb_dataset.protocols import Fold
from thb_dataset.records import Video

if TYPE_CHECKING:
    from thb.preprocessing.image_autoencoder import ImageAutoencoder


def plan_training(
    detector: Detector,
    folds: Mapping[Path, Fold],
    opened: OpenRelease,
    *,
    name: str | None,
    settings: TrainSettings,
    options: TrainOptions,
    autoencoder: ImageAutoencoder | None = None,
) -> dict[Path, TrainingPlan]:
    """Return the plan of each fold by its folder; plans differ in the fold and its videos only.

    Args:
        detector: The detector that every fold starts from.
        folds: The folds, each by the folder of its run.
        opened: The release that the folds belong to.
        name: The name that the user gave the detector; None if it was given as an object.
        settings: The recipe.
        options: The options, which name the face pack and the folder of the crops.
        autoencoder: The image autoencoder of pseudo-fakes, if the recipe asks for it.
    """
    start = StartRecord(
        name=name,
        class_path=name_class(detector),
        model_type=detector.config.model_type,
        parameters=count_parameters(detector),
        initial_weights_sha256=hash_weights(detector),
        backbone=detector.config.backbone_checkpoint,
        from_scratch=detector.config.from_scratch,
    )
    face_pack = describe_face_pack(options.face_pack)
    used = {folder: (*fold.train, *fold.validation) for folder, fold in folds.items()}
    contents = digest_contents(
        opened,
        list(dict.fromkeys(video for videos in used.values() for video in videos)),
        store=options.store,
        sound=detector.config.clip_spec.listens,
        progress=options.progress,
    )
    return {
        folder: TrainingPlan(
            **vars(describe_fold(fold, opened.release)),
            detector=start,
            clip_spec=detector.config.clip_spec,
            face_pack=face_pack,
            settings=Recipe(**vars(settings)) if autoencoder is None else _hide_place(settings),
            videos_sha256=_hash_contents(contents, used[folder]),
            autoencoder_sha256=None if autoencoder is None else autoencoder.sha256,
        )
        for folder, fold in folds.items()
    }


def _hide_place(settings: TrainSettings) -> Recipe:
    """Return the recipe to record; the place of a folder is this machine's, its name is enough."""
    folder = Path(settings.autoencoder or "").expanduser()
    name = folder.resolve().name if folder.is_dir() else settings.autoencoder
    return Recipe(**(vars(settings) | {"autoencoder": name}))


def _hash_contents(contents: Mapping[str, str], videos: Iterable[Video]) -> str:
    digests = {video.video_id: contents.get(video.video_id) for video in videos}
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def describe_training_data(fold: FoldRecord) -> str:
    """Describe in words what a detector was trained on, for its config."""
    release = fold.release
    benchmark, kind = "TalkingHeadBench, ", "the release"
    if release.synthetic:
        benchmark, kind = "", SYNTHETIC_RELEASE
    elif release.differs:
        benchmark, kind = "", "a release whose counts are not those of TalkingHeadBench,"
    revision = f" at {release.revision[:12]}" if release.revision else ""
    beside = ""
    if isinstance(fold, TrainingPlan) and fold.settings.pseudo_fakes:
        beside = f", with pseudo-fakes ({' and '.join(fold.settings.pseudo_fakes)}) of its reals"
    return (
        f"{benchmark}fold {fold.fold}, split by {fold.split_by}, {kind} {release.name}{revision}"
        f"{beside}"
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
    if differences := explain_other_training(record, planned):
        raise DetectorError(
            f"{folder} holds another training ({differences}): choose another --out, or pass"
            " --overwrite to replace it"
        )
    return record


def _is_unfinished(folder: Path) -> bool:
    """Return whether a folder is empty, or holds a training that was interrupted."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {CHECKPOINT_FOLDER}


def write_run(
    folder: Path,
    detector: Detector,
    history: Sequence[Epoch],
    record: RunRecord,
    *,
    backbone: str | Path | None = None,
) -> None:
    """Write a trained detector, complete or not at all; it replaces what the folder held before.

    Args:
        folder: The folder of ``config.json``, ``model.safetensors``, the loss curve and
            ``run.json``.
        detector: The detector, with the weights that are kept.
        history: The numbers of each epoch.
        record: The record to write as ``run.json``.
        backbone: The folder of the backbone, which small weights of this machine are linked to.

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
        place = Path(backbone or "").expanduser()
        if getattr(detector.config, "saved", None) == "small" and backbone and place.is_dir():
            (draft / BACKBONE_FOLDER).symlink_to(place.resolve())
        if folder.exists():
            shutil.move(folder, Path(workshop) / "before")
        draft.rename(folder)


def _write_history(file: Path, history: Iterable[Epoch]) -> None:
    rows = [epoch.to_dict() for epoch in history]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
