"""The record ``run.json`` that a training writes beside its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field

from detectors.recipes import Recipe
from thb.runtime.records import read_json, write_text
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError
from thb_dataset.protocols import Protocol
from thb_dataset.release.audit import count_videos

if TYPE_CHECKING:
    from thb_dataset.protocols import Fold
    from thb_dataset.release.scan import Release

RECORD_FILE: Final = "run.json"
HISTORY_FILE: Final = "history.csv"
CURVE_FILE: Final = "history.svg"
RECORD_FORMAT: Final = "thb-run/1"
FOLD_NAME: Final = re.compile(r"p[123](-[a-z0-9_-]+)?")
"""What folds are called; a record of others may hold any name, and names become folders."""


@dataclass(frozen=True, kw_only=True)
class ReleaseRecord:
    """A state of a release.

    Attributes:
        name: A Hub id, or the name of a folder.
        revision: The Hub commit, or a digest of the folder's listing.
        synthetic: Whether its videos are drawn, like those of the mini release.
        counts_agree: Whether it has as many videos of each kind as the paper says; None for a
            synthetic release, and in records of older versions.
    """

    name: str
    revision: str | None = None
    synthetic: bool = False
    counts_agree: bool | None = None

    @classmethod
    def of(cls, release: Release) -> Self:
        """Return the record of a release."""
        counts = count_videos(
            release.videos, split_list=release.split_list, synthetic=release.synthetic
        )
        agree = {row.agrees for row in counts}
        return cls(
            name=release.name,
            revision=release.revision,
            synthetic=release.synthetic,
            counts_agree=None if None in agree else agree == {True},
        )

    @property
    def differs(self) -> bool:
        """Whether it is known not to be the published release, and does not say it is synthetic."""
        return self.counts_agree is False

    @property
    def identity(self) -> str:
        """What the release is known by, whatever its folder is called: its revision, if any."""
        return self.revision or self.name

    def __str__(self) -> str:
        return f"{self.name} {(self.revision or '')[:12]}".rstrip()


@dataclass(frozen=True, kw_only=True)
class FoldRecord:
    """A fold of a release, on which a detector is trained or scored.

    Attributes:
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        fold: The name of the fold, for instance ``p3-hallo``.
        held_out: The generator that the fold holds out, or the family of generators, such as
            ``hallo-family``; None for P1.
        split_by: The reading of the release's splits, ``release`` or ``driver``.
        release: The release.
    """

    protocol: str
    fold: str
    held_out: str | None = None
    split_by: str
    release: ReleaseRecord

    @property
    def family(self) -> str | None:
        """The family of generators that it holds out; None for a fold of the paper's protocols."""
        return self.held_out if self.protocol == Protocol.P3_FAMILY else None

    @property
    def fold_record(self) -> FoldRecord:
        """The fold alone, without the other fields of a subclass."""
        values = {field.name: getattr(self, field.name) for field in fields(FoldRecord)}
        return FoldRecord(**values)

    def differing(self, other: FoldRecord) -> list[str]:
        """Return the names of the fields in which two folds differ."""

        def identify(record: FoldRecord, name: str) -> object:
            return record.release.identity if name == "release" else getattr(record, name)

        names = [field.name for field in fields(FoldRecord)]
        return [name for name in names if identify(self, name) != identify(other, name)]


def explain_mismatch(trained_on: FoldRecord | None, fold: str, split_by: str) -> str | None:
    """Return how a detector's training differs from a fold; None if no difference is known.

    Args:
        trained_on: The fold that the detector was trained on; None if it does not say.
        fold: The name of the fold that it is used on.
        split_by: The reading of the release's splits that this fold belongs to.
    """
    if trained_on is None or (trained_on.fold, trained_on.split_by) == (fold, split_by):
        return None
    return (
        f"trained for {trained_on.fold} split by {trained_on.split_by},"
        f" not for {fold} split by {split_by}"
    )


def describe_fold(fold: Fold, release: Release) -> FoldRecord:
    """Return the record of a fold of a release."""
    return FoldRecord(
        protocol=fold.protocol.value,
        fold=fold.name,
        held_out=None if fold.held_out is None else fold.held_out.value,
        split_by=fold.split_by,
        release=ReleaseRecord.of(release),
    )


@dataclass(frozen=True, kw_only=True)
class FacePackRecord:
    """The face pack that found the faces; see :class:`thb_dataset.faces.packs.FacePack`."""

    pack_id: str
    name: str
    backend: str
    licence: str
    embedding_dim: int
    same_person: float
    sha256s: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class StartRecord:
    """The detector that a training begins with.

    Attributes:
        name: The reference that the user gave; None for a detector that was given as an object.
        class_path: Its class as ``module:Class``.
        model_type: The ``model_type`` of its ``config.json``.
        parameters: The number of weights.
        initial_weights_sha256: The digest of the weights that every fold begins with.
        backbone: The pretrained backbone that it began with, ``org/name@commit`` or the name of a
            folder; None if there was none.
        from_scratch: Whether it began with random weights, although its published training begins
            with a pretrained backbone.
    """

    name: str | None
    class_path: Annotated[str, Field(alias="class")]
    model_type: str
    parameters: int
    initial_weights_sha256: str
    backbone: str | None = None
    from_scratch: bool = False


@dataclass(frozen=True, kw_only=True)
class KeptEpoch:
    """The epoch whose weights were kept.

    Attributes:
        rule: ``best`` or ``last``.
        epoch: The number of the epoch, from 1.
        validation_auc: The AUC on the validation videos; None if they lack a class.
        validation_loss: The loss on the validation videos; None if there are none.
    """

    rule: str
    epoch: int
    validation_auc: float | None
    validation_loss: float | None


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """The numbers of fake and real videos."""

    fake: int = 0
    real: int = 0


@dataclass(frozen=True, kw_only=True)
class VideoCounts:
    """The videos of one part of a fold: how many were used, and why the others were not.

    Attributes:
        used: The numbers of videos with clips.
        missing: The numbers of videos whose files were not found.
        no_face: The videos in which no face was found: the reason by ``video_id``.
        no_audio: The videos without the sound that the detector needs: the reason by ``video_id``.
        error: The videos that could not be read: the reason by ``video_id``.
        pseudo_fakes: The numbers of real videos of which pseudo-fakes were made, by kind.
        no_pseudo_fake: The real videos without a pseudo-fake of a kind: the reason by kind and
            ``video_id``.
    """

    used: ClassCounts
    missing: ClassCounts
    no_face: Mapping[str, str]
    no_audio: Mapping[str, str]
    error: Mapping[str, str]
    pseudo_fakes: Mapping[str, int] = field(default_factory=dict)
    no_pseudo_fake: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PartCounts:
    """The videos that a training used, by the part of its fold."""

    train: VideoCounts
    validation: VideoCounts


@dataclass(frozen=True, kw_only=True)
class MachineRecord:
    """How the work was shared; the weights depend slightly on the number of processes.

    Attributes:
        processes: The number of processes.
        resumed_after: The last epoch before the training was continued; None if it never was.
        torch_threads: The number of threads of each process.
    """

    processes: int
    resumed_after: int | None
    torch_threads: int


@dataclass(frozen=True, kw_only=True)
class TrainingPlan(FoldRecord):
    """Everything that determines a training: trainings with equal plans are the same.

    Attributes:
        format: The version of the record.
        detector: The detector that every fold begins with.
        clip_spec: The clips that the detector is given.
        face_pack: The face pack that finds the faces.
        settings: The settings of the training.
        videos_sha256: A digest of the contents of its training and validation videos; None in
            records of older versions, which do not know it.
        autoencoder_sha256: The digest of the weights of the image autoencoder that pseudo-fakes
            passed through; None without such pseudo-fakes.
    """

    format: Literal["thb-run/1"] = RECORD_FORMAT
    detector: StartRecord
    clip_spec: ClipSpec
    face_pack: FacePackRecord
    settings: Recipe
    videos_sha256: str | None = None
    autoencoder_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunRecord(TrainingPlan):
    """A finished training: its plan and its outcome.

    Attributes:
        kept: The epoch whose weights were kept.
        epochs_done: The number of epochs that were trained.
        machine: How the work was shared.
        versions: The versions of the packages, by name.
        videos: The videos that were used, and why others were not.
        weights_sha256: The digest of the weights that were kept.
        seconds: The wall time of the training.
    """

    kept: KeptEpoch
    epochs_done: int
    machine: MachineRecord
    versions: Mapping[str, str]
    videos: PartCounts
    weights_sha256: str
    seconds: float


def read_record(folder: Path) -> RunRecord | None:
    """Return the record of a run folder; None if the folder has none.

    Raises:
        DetectorError: The file is damaged, or its version is unknown.
    """
    file = folder / RECORD_FILE
    if not file.is_file():
        return None
    try:
        return read_json(RunRecord, file.read_bytes())
    except ValueError as error:
        raise DetectorError(f"{file} is not a {RECORD_FORMAT} record: {error}") from error


def write_record(folder: Path, record: RunRecord) -> None:
    """Write the record of a run into its folder."""
    (folder / RECORD_FILE).write_text(write_text(record), encoding="utf-8")
