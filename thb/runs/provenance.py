"""Provenance stored with every prediction: detector, clip settings, face pack, versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from thb.runs.record import FacePackRecord, FoldRecord, describe_fold, explain_mismatch
from thb.runtime.environment import package_versions
from thb.runtime.records import read_json
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.files import parse_json

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb_dataset.protocols import Fold
    from thb_dataset.release.scan import Release

_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A reason why numbers are not an ordinary result; it follows them wherever they stand.

    Attributes:
        symbol: The character beside the detector's name in tables.
        sentence: What the symbol means, as a sentence that a note can quote.
    """

    symbol: str
    sentence: str


FROM_SCRATCH: Final = Mark(
    symbol="§",
    sentence=(
        "The training began with random weights, but the published one begins with a pretrained"
        " backbone: this is not the published detector."
    ),
)

UNTRAINED: Final = Mark(
    symbol="(UNTRAINED)",
    sentence="Its weights are random, and its numbers are those of chance.",
)

METADATA_ONLY: Final = Mark(
    symbol="‖",
    sentence=(
        "It saw no picture, only what the container tells of a video (size, rates, length, sound,"
        " tags): this is a shortcut and no detector, and what it reaches needs no face."
    ),
)


IMPORTED: Final = Mark(
    symbol="¶",
    sentence=(
        "Its scores were made elsewhere and imported: the toolkit saw neither its weights nor how"
        " it prepared the videos."
    ),
)

PSEUDO_FAKES: Final = "◇"
"""The symbol of weights that were trained with pseudo-fakes."""

IMPORTED_KIND: Final = "imported"
"""The ``model_type`` of a detector of which only the scores are known."""


@dataclass(frozen=True, kw_only=True)
class ImportRecord:
    """The file that scores of other software were read from.

    Attributes:
        file: Its name, without its folder.
        sha256: The digest of its bytes.
        format: ``csv`` or ``workbench``.
        polarity: What a high number in it means, as the user said: ``fake-high``, ``real-high``.
        scale: ``probability`` or ``logit``.
        origin: What the file says of its detector; None if it says nothing.
    """

    file: str
    sha256: str
    format: str
    polarity: str
    scale: str
    origin: str | None = None


@dataclass(frozen=True, kw_only=True)
class FakesRecord:
    """A folder of fakes that is of no release (``thb evaluate --fakes``).

    Attributes:
        videos: The number of its videos.
        sha256: The sha256 of the lines ``<sha256 of the file>  <path in the folder>``, sorted by
            path.
    """

    videos: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ScoredDetector:
    """The detector that gave scores.

    Attributes:
        name: The folder, Hub id or registered name that it was loaded from.
        class_path: Its class as ``module:Class``.
        model_type: The ``model_type`` of its ``config.json``.
        weights_sha256: The digest of its weights; None in records written by other programs.
        weights_licence: The licence of its weights.
        training_data: What its weights were trained on, in words.
        from_scratch: Whether its training began with random weights, although the published one
            begins with a pretrained backbone.
        pseudo_fakes: The kinds of pseudo-fakes that its weights were trained with, such as
            ``warp``.
        untrained: Whether its weights are random.
        trained_on_synthetic: Whether its weights were trained on a synthetic release.
        metadata_only: Whether it sees no picture, only the metadata of a video (``thb shortcuts``).
    """

    name: str = ""
    class_path: Annotated[str, Field(alias="class")] = ""
    model_type: str
    weights_sha256: str | None = None
    weights_licence: str | None = None
    training_data: str | None = None
    from_scratch: bool = False
    pseudo_fakes: tuple[Annotated[str, Field(pattern=r"^[a-z_]+$")], ...] = ()
    untrained: bool = False
    trained_on_synthetic: bool = False
    metadata_only: bool = False


@dataclass(frozen=True, kw_only=True)
class ScoringRecord:
    """Everything that determines a score: two runs with equal records give equal scores.

    Batch size, number of processes and device are left out because they do not change a score.

    Attributes:
        detector: The detector.
        clip_spec: The clips that the detector was given.
        face_pack: The face pack that found the faces.
        precision: The precision of the detector: ``float32``, ``bfloat16`` or ``float16``.
        versions: The versions of the packages, by name.
    """

    detector: ScoredDetector
    clip_spec: ClipSpec | None = None
    face_pack: FacePackRecord | None = None
    precision: str = "float32"
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What sets these scores apart; most scores have no mark."""
        if self.detector.untrained:
            return (UNTRAINED,)
        if self.detector.metadata_only:
            return (METADATA_ONLY,)
        marks = (FROM_SCRATCH,) if self.detector.from_scratch else ()
        if not self.detector.pseudo_fakes:
            return marks
        kinds = " and ".join(self.detector.pseudo_fakes)
        sentence = (
            f"It was trained with pseudo-fakes ({kinds}), which may show what the tested"
            " generators share: it must stand beside the same training without them."
        )
        return (*marks, Mark(symbol=PSEUDO_FAKES, sentence=sentence))


@dataclass(frozen=True, kw_only=True)
class FoldScoringRecord(FoldRecord, ScoringRecord):
    """The provenance of the scores on a fold.

    Attributes:
        trained_on: The fold that the detector was trained on; None if the detector does not say.
        name: What the detector is called in tables; empty in records of older versions.
        imported: The file that the scores were read from; None for scores that this toolkit made.
        fakes: The folders of fakes that were scored beside the release's videos, by generator.
    """

    trained_on: FoldRecord | None = None
    name: str = ""
    imported: ImportRecord | None = None
    fakes: Mapping[str, FakesRecord] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the detector is called in tables."""
        path = PurePath(self.detector.name)
        folder = path.parent if path.name == self.fold else path
        return self.name or folder.name or self.detector.model_type

    @property
    def mismatch(self) -> str | None:
        """How the detector's training differs from the fold; None if no difference is known."""
        return explain_mismatch(self.trained_on, self.fold, self.split_by)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What sets the scores on this fold apart."""
        marks = super().marks if self.imported is None else (*super().marks, IMPORTED)
        if self.mismatch is None:
            return marks
        sentence = (
            f"The detector was {self.mismatch}. It may have seen the test videos or their generator"
            " in training: this is no result of the benchmark."
        )
        return (*marks, Mark(symbol="‡", sentence=sentence))


@dataclass(frozen=True, kw_only=True)
class ExplainingRecord(FoldScoringRecord):
    """The provenance of the explanations of a fold.

    Attributes:
        target: The class whose evidence is explained.
        limit: The largest number of videos per generator; None for all.
        steps: The number of steps of the deletion and insertion curves; 0 for no curves.
        seed: The random seed of the curves' random order.
        verdicts: The rule by which an answer counts as right, in words.
        layer: The layer whose cells were read; empty in records from before it was written down,
            whose maps were those of Grad-CAM.
    """

    target: str
    limit: int | None
    steps: int
    seed: int
    verdicts: str = ""
    layer: str = ""


def describe_fold_scoring(
    detector: Detector,
    fold: Fold,
    release: Release,
    *,
    face_pack: str,
    precision: str = "fp32",
    trained_on: FoldRecord | None = None,
    name: str = "",
) -> FoldScoringRecord:
    """Return the provenance of a detector's scores on a fold.

    Args:
        detector: The detector that scores.
        fold: The fold whose videos are scored.
        release: The release that the fold belongs to.
        face_pack: The face pack, as :func:`describe_scoring` takes it.
        precision: The precision of the detector: ``fp32``, ``bf16`` or ``fp16``.
        trained_on: The fold that the detector was trained on, if it says so.
        name: What the detector is called in tables.
    """
    scoring = describe_scoring(detector, face_pack=face_pack, precision=precision)
    return FoldScoringRecord(
        **vars(describe_fold(fold, release)), **vars(scoring), trained_on=trained_on, name=name
    )


def describe_scoring(
    detector: Detector, *, face_pack: str, precision: str = "fp32"
) -> ScoringRecord:
    """Return the provenance of a detector's scores.

    Args:
        detector: The detector that scores.
        face_pack: The face pack, as ``load_face_finder`` takes it.
        precision: The precision of the detector: ``fp32``, ``bf16`` or ``fp16``.
    """
    config = detector.config
    return ScoringRecord(
        detector=ScoredDetector(
            name=config.name_or_path or type(detector).__qualname__,
            class_path=name_class(detector),
            model_type=config.model_type,
            weights_sha256=hash_weights(detector),
            weights_licence=config.weights_licence,
            training_data=config.training_data,
            from_scratch=config.from_scratch,
            pseudo_fakes=_name_kinds(config.pseudo_fakes),
            untrained=config.untrained,
            trained_on_synthetic=config.trained_on_synthetic,
        ),
        clip_spec=config.clip_spec,
        face_pack=describe_face_pack(face_pack),
        precision=_PRECISIONS[precision],
        versions=package_versions(),
    )


def _name_kinds(kinds: object) -> tuple[str, ...]:
    """Return plain names, whatever stands in the config of a stranger's folder."""
    listed = kinds if isinstance(kinds, (list, tuple)) else [kinds or ""]
    return tuple(name for kind in listed if (name := re.sub("[^a-z_]", "", str(kind))))


def name_class(detector: Detector) -> str:
    """Return the class of a detector as ``module:Class``."""
    return f"{type(detector).__module__}:{type(detector).__qualname__}"


def describe_face_pack(face_pack: str) -> FacePackRecord:
    """Return the record of a face pack, which is named as ``load_face_finder`` takes it."""
    from thb_dataset.faces.finder import load_face_finder

    return FacePackRecord(**load_face_finder(face_pack).pack.to_dict())


def hash_weights(detector: Detector) -> str:
    """Return a sha256 over the names, types, shapes and bytes of a detector's weights."""
    from detectors.backbones import hash_tensors

    return hash_tensors(detector.state_dict())


def read_scoring_record(text: str | bytes) -> ScoringRecord:
    """Return the provenance that a file of predictions or explanations holds.

    Args:
        text: The JSON of a :class:`ScoringRecord` or of one of its subclasses.

    Raises:
        ValueError: The text is not such a record; the message names every wrong field.
    """
    try:
        keys = set(parse_json(text))
    except TypeError as error:
        raise ValueError(f"not a record: {error}") from error
    if "target" in keys:
        return read_json(ExplainingRecord, text)
    return read_json(FoldScoringRecord if "fold" in keys else ScoringRecord, text)
