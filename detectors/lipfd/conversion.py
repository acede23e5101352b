"""LipFD's published ``ckpt.pth``: which tensor is which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from detectors.base import Detector
from detectors.conversion import KeyMap, Layout, map_resnet
from detectors.lipfd.configuration import LipFDConfig
from detectors.lipfd.modeling import LipFD
from thb_dataset.errors import DetectorError

_UNUSED_TEXT = "CLIP's text tower, which LipFD never calls"


def find_variant(state: Mapping[str, Tensor], removed: str) -> str:
    """Make sure that the keys are this detector's; there is one variant.

    Raises:
        DetectorError: They are not.
    """
    wanted = ("conv1.weight", "encoder.visual.proj", "backbone.get_weight.0.weight")
    missing = [key for key in wanted if key not in state]
    if missing:
        raise DetectorError(f"these are no LipFD weights: no {', '.join(missing)}")
    return "vit-l-14"


def make_model(variant: str) -> LipFD:
    """Return the network with fresh weights, looking at regions as the published weights do."""
    return LipFD(
        LipFDConfig(regions="official", freeze_encoder=True, training_data="AVLips (as published)")
    )


def map_keys(model: Detector) -> KeyMap:
    """State where each official tensor goes."""
    config = model.config
    if not isinstance(config, LipFDConfig):
        raise DetectorError(f"{type(model).__name__} is no LipFD")
    tower, ours = "encoder.visual", "encoder.vision_model"
    modules = {
        "conv1": "shrink",
        f"{tower}.conv1": f"{ours}.embeddings.patch_embedding",
        f"{tower}.ln_pre": f"{ours}.pre_layrnorm",
        f"{tower}.ln_post": f"{ours}.post_layernorm",
        "backbone.get_weight.0": "gate",
        "backbone.fc": "classifier",
    }
    tensors = {
        f"{tower}.class_embedding": f"{ours}.embeddings.class_embedding",
        f"{tower}.positional_embedding": f"{ours}.embeddings.position_embedding.weight",
        f"{tower}.proj": "encoder.visual_projection.weight",
    }
    split: dict[str, tuple[str, ...]] = {}
    for number in range(config.layers):
        here, there = f"{tower}.transformer.resblocks.{number}", f"{ours}.encoder.layers.{number}"
        modules |= {
            f"{here}.ln_1": f"{there}.layer_norm1",
            f"{here}.ln_2": f"{there}.layer_norm2",
            f"{here}.attn.out_proj": f"{there}.self_attn.out_proj",
            f"{here}.mlp.c_fc": f"{there}.mlp.fc1",
            f"{here}.mlp.c_proj": f"{there}.mlp.fc2",
        }
        for leaf in ("weight", "bias"):
            split[f"{here}.attn.in_proj_{leaf}"] = tuple(
                f"{there}.self_attn.{name}_proj.{leaf}" for name in "qkv"
            )
    modules |= map_resnet("backbone.", "regions.", tuple(config.depths), convolutions=3)
    return KeyMap(
        modules=modules,
        tensors=tensors,
        split=split,
        turned={f"{tower}.proj": _transpose},
        ignorable={
            r"encoder\.(transformer|token_embedding|ln_final)\..*": _UNUSED_TEXT,
            r"encoder\.(positional_embedding|text_projection|logit_scale)": _UNUSED_TEXT,
        },
    )


LAYOUT: Final = Layout(
    detector="lipfd",
    # Beside the state dict lie optimizer and total_steps.
    state_names=("model",),
    find_variant=find_variant,
    make_model=make_model,
    map_keys=map_keys,
)


def _transpose(matrix: Tensor) -> Tensor:
    """Turn a matrix that is multiplied from the right into a linear layer's weight."""
    return matrix.T.contiguous()
