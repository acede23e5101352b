"""Pretrained backbones: read from the Hub or a folder, whole or not at all."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn
from transformers import PreTrainedModel

from thb_dataset.errors import DetectorError

Kind = TypeVar("Kind", bound=PreTrainedModel)


def read_backbone(checkpoint: str, kind: type[Kind]) -> Kind:
    """Read a pretrained transformers model; heads that it does not have are left behind.

    Args:
        checkpoint: A Hub id or a folder, with safetensors.
        kind: Class of the model.

    Raises:
        DetectorError: It cannot be read, or weights are missing from it.
    """
    try:
        loaded: Any = kind.from_pretrained(
            checkpoint, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError) as error:
        raise DetectorError(f"cannot read the backbone {checkpoint}: {error}") from error
    model: Kind = loaded[0]
    report = loaded[1]
    if report["missing_keys"] or report["mismatched_keys"]:
        raise DetectorError(f"{checkpoint} does not hold a whole {kind.__name__}")
    return model


def copy_weights(source: nn.Module, target: nn.Module, checkpoint: str) -> None:
    """Copy all weights of one module to another of the same build.

    Args:
        source: The pretrained module.
        target: Ours.
        checkpoint: Its name, for the message.

    Raises:
        DetectorError: They are not built alike; the first differences are named.
    """
    ours, theirs = target.state_dict(), source.state_dict()
    different = sorted(
        key
        for key in ours.keys() | theirs.keys()
        if key not in ours or key not in theirs or ours[key].shape != theirs[key].shape
    )
    if different:
        raise DetectorError(
            f"the backbone {checkpoint} is not built like ours:"
            f" {len(different)} weights differ, such as {', '.join(different[:3])}"
        )
    target.load_state_dict(theirs)
