"""Saved detectors that hold only what was tuned, and name the backbone that the rest comes from.

The backbone is read again when such a detector is loaded, and must be the same to the bit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from detectors.lora import PARTS, merge_lora
from thb_dataset.errors import DetectorError

Saved = Literal["small", "whole"]

WEIGHTS_FILE: Final = "model.safetensors"
BACKBONE_FOLDER: Final = "backbone"
"""The folder beside small weights in which a backbone is looked for first."""

_AT_COMMIT = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")


def is_at_commit(checkpoint: str | None) -> bool:
    """Return whether a backbone is named by a repo of the Hub and a commit, so that all find it."""
    return checkpoint is not None and _AT_COMMIT.fullmatch(checkpoint) is not None


def needs_local_backbone(detector: Any) -> bool:  # noqa: ANN401 — any detector
    """Return whether a detector was saved small and only this machine has its backbone."""
    small = getattr(detector.config, "saved", None) == "small"
    return small and not is_at_commit(detector.config.backbone_checkpoint)


def read_small(
    detector_class: type[Any],
    source: str,
    config: Any,  # noqa: ANN401 — the class's own
    hub: Mapping[str, Any],
) -> Any:  # noqa: ANN401 — a detector that is tuned in part
    """Load a detector that was saved small: its backbone, and what was tuned of it.

    Args:
        detector_class: Its class.
        source: The folder or the Hub id of the small weights.
        config: Its settings.
        hub: Revision, token and the like, for a Hub id.

    Raises:
        DetectorError: The small weights are damaged or lack a tensor, the backbone cannot be had,
            or it is another one than in the training.
    """
    tensors = _read_tensors(source, hub)
    with torch.random.fork_rng(devices=[]):
        detector = detector_class(config)
    wanted, checkpoint = config.backbone_sha256, _find_backbone(source, config.backbone_checkpoint)
    detector.load_backbone(checkpoint)
    if config.backbone_sha256 != wanted:
        raise DetectorError(
            f"the backbone {checkpoint} has other weights than the one that {source} was trained"
            f" with (sha256 {config.backbone_sha256[:12]}, not {str(wanted)[:12]}): give the same"
            f" one, as a folder {Path(source) / BACKBONE_FOLDER}"
        )
    fill_small(detector, tensors, source)
    return detector


def fill_small(detector: Any, tensors: Mapping[str, Tensor], source: str) -> None:  # noqa: ANN401 — as above
    """Put tuned weights into a detector that has the weights of its backbone.

    Raises:
        DetectorError: A tensor is missing or unknown, or has another shape.
    """
    config, prefix = detector.config, f"{detector.backbone_name}."
    shapes = {name: detector.get_parameter(name).shape for name in detector.find_tuned()}
    matrices: dict[str, Tensor] = {}
    expected = {*shapes}
    if config.tuned == "lora":
        names = {
            f"{prefix}{layer}{part}" for layer in detector.find_lora_layers() for part in PARTS
        }
        matrices = {name.removeprefix(prefix): tensors[name].clone() for name in names & {*tensors}}
        expected |= names
    faults = [f"lacks {name}" for name in sorted(expected - {*tensors})]
    faults += [f"has an unknown {name}" for name in sorted({*tensors} - expected)]
    faults += [
        f"has {name} in another shape"
        for name, shape in shapes.items()
        if name in tensors and tensors[name].shape != shape
    ]
    if faults:
        raise DetectorError(
            f"{source} {'; '.join(faults[:5])}: it does not hold what a training with"
            f" tuned={config.tuned!r} changes"
        )
    with torch.no_grad():
        for name in shapes:
            detector.get_parameter(name).copy_(tensors[name])
    if config.tuned == "lora":
        scale = config.lora_alpha / config.lora_rank
        merge_lora(detector.get_submodule(detector.backbone_name), matrices, scale=scale)
        detector.lora_matrices = matrices


def _read_tensors(source: str, hub: Mapping[str, Any]) -> dict[str, Tensor]:
    from transformers.utils.hub import cached_file

    file = cached_file(source, WEIGHTS_FILE, **hub)
    if file is None:
        raise DetectorError(f"{source} holds no {WEIGHTS_FILE}")
    try:
        return {name: tensor.clone() for name, tensor in load_file(file).items()}
    except SafetensorError as error:
        raise DetectorError(f"{source}: {WEIGHTS_FILE} is damaged: {error}") from error


def _find_backbone(source: str, checkpoint: str | None) -> str:
    """Return where the backbone is: beside the small weights, or where the config says.

    Raises:
        DetectorError: Nobody but who trained it can know.
    """
    beside = Path(source) / BACKBONE_FOLDER
    if beside.is_dir():
        return str(beside)
    if checkpoint is not None and is_at_commit(checkpoint):
        return checkpoint
    raise DetectorError(
        f"{source} holds only what was tuned, and its backbone {checkpoint!r} is not known to the"
        f" Hub: put the folder of that backbone at {beside}, or train again with --save whole"
    )
