"""Pretrained backbones, read whole from the Hub or a folder, and fresh weights of layers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from detectors.loading_bars import without_loading_bars
from detectors.torchvision_guard import make_torchvision_importable

make_torchvision_importable()  # before any model of transformers is imported

from transformers import PreTrainedModel  # noqa: E402

from thb_dataset.errors import DetectorError  # noqa: E402

Kind = TypeVar("Kind", bound=PreTrainedModel)


def read_backbone(checkpoint: str, kind: type[Kind], *, layers: int | None = None) -> Kind:
    """Read a pretrained transformers model; weights of heads that the class lacks are ignored.

    Args:
        checkpoint: A Hub id, ``org/name@revision`` or a folder, with safetensors.
        kind: The class of the model.
        layers: The number of blocks to read, the first ones; None for all.

    Raises:
        DetectorError: It cannot be read, or lacks weights of the model.
    """
    source, revision = split_checkpoint(checkpoint)
    cut: dict[str, Any] = {} if layers is None else {"num_hidden_layers": layers}
    try:
        with without_loading_bars(), _without_report():
            loaded: Any = kind.from_pretrained(
                source, revision=revision, use_safetensors=True, output_loading_info=True, **cut
            )
    except (OSError, ValueError) as error:
        raise DetectorError(f"cannot read the backbone {checkpoint}: {error}") from error
    model: Kind = loaded[0]
    report = loaded[1]
    if report["missing_keys"] or report["mismatched_keys"]:
        raise DetectorError(f"{checkpoint} does not hold a whole {kind.__name__}")
    return model


@contextmanager
def _without_report() -> Iterator[None]:
    """Hide transformers' list of weights that are not needed; what is missing is checked here."""
    logger = logging.getLogger("transformers.modeling_utils")
    logger.addFilter(_is_no_report)  # another level would make transformers check its sharding
    try:
        yield
    finally:
        logger.removeFilter(_is_no_report)


def _is_no_report(record: logging.LogRecord) -> bool:
    return "LOAD REPORT" not in record.getMessage()


def split_checkpoint(checkpoint: str) -> tuple[str, str]:
    """Return the folder or Hub id that a checkpoint names, and its revision, ``main`` if none."""
    if Path(checkpoint).is_dir():
        return checkpoint, "main"
    source, _, revision = checkpoint.partition("@")
    return source, revision or "main"


def copy_weights(source: nn.Module, target: nn.Module, checkpoint: str) -> None:
    """Copy all weights of a module to another one of the same architecture.

    Args:
        source: The pretrained module.
        target: Our module.
        checkpoint: The name of the checkpoint, for the message.

    Raises:
        DetectorError: The modules differ; the first differences are named.
    """
    ours, theirs = target.state_dict(), source.state_dict()
    different = sorted(
        key
        for key in ours.keys() | theirs.keys()
        if key not in ours or key not in theirs or ours[key].shape != theirs[key].shape
    )
    if different:
        raise DetectorError(
            f"the backbone {checkpoint} differs from ours in {len(different)} weights, such as"
            f" {', '.join(different[:3])}: give one of the same architecture and size"
        )
    target.load_state_dict(theirs)


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Return a sha256 over the names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def reset_weights(module: nn.Module) -> None:
    """Give a layer the fresh weights of PyTorch's own initialisation, if it has one."""
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()


def show_input(module: nn.Module, watcher: nn.Module) -> None:
    """Pass the first input of a module through another one, which an explanation can read."""
    module.register_forward_pre_hook(_PassThrough(watcher))


class _PassThrough:
    """A hook that passes the first input of a module through another module."""

    def __init__(self, other: nn.Module) -> None:
        self.other = other

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.other(inputs[0]), *inputs[1:])
