"""Provenance stored with every prediction: detector, clips, face pack and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from thb.runs.record import FacePackRecord, FoldRecord
from thb.runtime.environment import package_versions
from thb.runtime.records import read_json
from thb_dataset.clip_spec import ClipSpec

if TYPE_CHECKING:
    from detectors.base import Detector

_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True, kw_only=True)
class ScoredDetector:
    """The detector that gave scores.

    Attributes:
        name: Where it was loaded from: a folder, a Hub id or a registered name.
        class_path: ``module:Class``.
        model_type: As in its ``config.json``.
        weights_sha256: Digest of its weights; None in records that others wrote.
        weights_licence: Licence of its weights.
        training_data: What its weights were trained on, in words.
    """

    name: str = ""
    class_path: Annotated[str, Field(alias="class")] = ""
    model_type: str
    weights_sha256: str | None = None
    weights_licence: str | None = None
    training_data: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScoringRecord:
    """What makes a score what it is: two runs with equal records give equal scores.

    Batch size, processes and device are left out, for they do not change a score.

    Attributes:
        detector: The detector.
        clip_spec: The clips that it took.
        face_pack: What found the faces.
        precision: Of the detector's products: ``float32``, ``bfloat16`` or ``float16``.
        versions: Versions of the packages, by name.
    """

    detector: ScoredDetector
    clip_spec: ClipSpec | None = None
    face_pack: FacePackRecord | None = None
    precision: str = "float32"
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FoldScoringRecord(FoldRecord, ScoringRecord):
    """The record of scores on a fold.

    Attributes:
        trained_on: The fold that the detector was trained on; None where it says nothing of that.
    """

    trained_on: FoldRecord | None = None


@dataclass(frozen=True, kw_only=True)
class ExplainingRecord(FoldScoringRecord):
    """The record of the explanations of a fold.

    Attributes:
        target: The class whose reasons were asked for.
        limit: Videos per generator at most; None for all.
        steps: Steps of the deletion and insertion curves; 0 for none.
        seed: Seed of the curves' random order.
        verdicts: When an answer counts as right, in words.
    """

    target: str
    limit: int | None
    steps: int
    seed: int
    verdicts: str = ""


def describe_scoring(
    detector: Detector, *, face_pack: str, precision: str = "fp32"
) -> ScoringRecord:
    """Return the record of a detector's scores.

    Args:
        detector: The detector that scores.
        face_pack: The face pack, as ``load_face_finder`` takes it.
        precision: ``fp32``, ``bf16`` or ``fp16``, of the detector's products.
    """
    from thb_dataset.faces.finder import load_face_finder

    config = detector.config
    return ScoringRecord(
        detector=ScoredDetector(
            name=config.name_or_path or type(detector).__qualname__,
            class_path=f"{type(detector).__module__}:{type(detector).__qualname__}",
            model_type=config.model_type,
            weights_sha256=hash_weights(detector),
            weights_licence=config.weights_licence,
            training_data=config.training_data,
        ),
        clip_spec=config.clip_spec,
        face_pack=FacePackRecord(**load_face_finder(face_pack).pack.to_dict()),
        precision=_PRECISIONS[precision],
        versions=package_versions(),
    )


def read_scoring_record(text: str | bytes) -> ScoringRecord:
    """Return the record that a file of predictions or explanations holds.

    Raises:
        ValueError: It is not such a record; the message names every field that is wrong.
    """
    try:
        keys = set(json.loads(text))
    except TypeError as error:
        raise ValueError(f"not a record: {error}") from error
    if "target" in keys:
        return read_json(ExplainingRecord, text)
    return read_json(FoldScoringRecord if "fold" in keys else ScoringRecord, text)


def hash_weights(detector: Detector) -> str:
    """Return a sha256 over the names, types, shapes and bytes of a detector's weights."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(detector.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
