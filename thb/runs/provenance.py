"""What every prediction says of its making: detector, clips, faces, versions. No time, no host."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from thb.runtime.environment import package_versions

if TYPE_CHECKING:
    from detectors.base import Detector


_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def describe_scoring(
    detector: Detector, *, face_pack: str, precision: str = "fp32"
) -> dict[str, Any]:
    """Return what makes a score what it is: two runs with one record give the same scores.

    Batch size, processes and device are left out: they do not move a score.

    Args:
        detector: The detector that scores.
        face_pack: Who finds the faces, as ``load_face_finder`` takes it.
        precision: ``fp32``, ``bf16`` or ``fp16``, of the detector's products.
    """
    from thb_dataset.faces.finder import load_face_finder

    config = detector.config
    return {
        "detector": {
            "name": config.name_or_path or type(detector).__qualname__,
            "class": f"{type(detector).__module__}:{type(detector).__qualname__}",
            "model_type": config.model_type,
            "weights_sha256": hash_weights(detector),
            "weights_licence": config.weights_licence,
            "training_data": config.training_data,
        },
        "clip_spec": config.clip_spec.to_dict(),
        "face_pack": load_face_finder(face_pack).pack.to_dict(),
        "precision": _PRECISIONS[precision],
        "versions": package_versions(),
    }


def hash_weights(detector: Detector) -> str:
    """Return a sha256 over the names, types, shapes and bytes of a detector's weights."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(detector.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
