"""Low-rank additions to linear layers (LoRA, arXiv:2106.09685), trained by peft, merged by us.

peft is needed for the training alone. Merged weights are those of an ordinary network.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from thb_dataset.errors import DetectorError

PARTS = (".lora_A.weight", ".lora_B.weight")
"""What stands behind a layer's name in the names of its two small matrices, as we store them."""

_IN_PEFT = {".lora_A.default.weight": PARTS[0], ".lora_B.default.weight": PARTS[1]}
_BASE = ".base_layer"


def add_lora(
    module: nn.Module, layers: Collection[str], *, rank: int, alpha: int, dropout: float
) -> None:
    """Put small matrices beside linear layers; they change nothing before they are trained.

    Args:
        module: The network; its other weights are left as they are.
        layers: The names of its linear layers.
        rank: The rank of what is added.
        alpha: The factor of what is added, times ``rank``.
        dropout: The share of a layer's input that the addition does not see in training.

    Raises:
        DetectorError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise DetectorError(
            "tuned='lora' is trained with peft: pip install 'talkingheadbench[lora]'"
        ) from error
    settings = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=sorted(layers)
    )
    inject_adapter_in_model(settings, module)


def take_lora(module: nn.Module, *, scale: float) -> dict[str, Tensor]:
    """Merge the additions into their layers, as ordinary ones, and return the small matrices.

    Args:
        module: A network to which :func:`add_lora` was applied.
        scale: ``alpha / rank``.

    Returns:
        The small matrices by the name of their layer and :data:`PARTS`.
    """
    small = {
        name.removesuffix(part) + kept: tensor.detach().clone()
        for name, tensor in module.state_dict().items()
        for part, kept in _IN_PEFT.items()
        if name.endswith(part)
    }
    for name, layer in list(module.named_modules()):
        if name.endswith(_BASE):
            parent, _, own = name.removesuffix(_BASE).rpartition(".")
            setattr(module.get_submodule(parent), own, layer)
    merge_lora(module, small, scale=scale)
    return small


def merge_lora(module: nn.Module, small: Mapping[str, Tensor], *, scale: float) -> None:
    """Add the products of small matrices to the weights of their layers.

    They are added in float64, one rank after the other, so that every machine comes to the same
    weights to the bit.

    Raises:
        DetectorError: A matrix lacks its other half, or does not fit its layer.
    """
    names = {key.removesuffix(part) for key in small for part in PARTS if key.endswith(part)}
    for name in sorted(names):
        weight = module.get_submodule(name).get_parameter("weight")
        down, up = (small.get(f"{name}{part}") for part in PARTS)
        if down is None or up is None or (len(up), down.shape[1]) != tuple(weight.shape):
            raise DetectorError(f"the LoRA matrices of {name} are incomplete or of another size")
        total = weight.detach().double()
        for row, column in zip(down.double(), up.double().T, strict=True):
            total += torch.outer(column, row) * scale
        with torch.no_grad():
            weight.copy_(total)
