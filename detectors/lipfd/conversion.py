"""LipFD's published ``ckpt.pth``: which tensor is which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from detectors.conversion import Layout, require_keys
from detectors.key_maps import KeyMap, map_resnet
from detectors.lipfd.configuration import LipFDConfig
from detectors.lipfd.modeling import LipFD
from thb_dataset.errors import DetectorError

_UNUSED_TEXT = "CLIP's text tower, which LipFD never calls"


def find_variant(state: Mapping[str, Tensor], removed: str) -> str:
    """Return the only variant, after a check that the keys belong to this detector.

    Raises:
        DetectorError: They do not.
    """
    wanted = ("conv1.weight", "encoder.visual.proj", "backbone.get_weight.0.weight")
    require_keys(state, wanted, "LipFD")
    return "vit-l-14"


def make_config(variant: str) -> LipFDConfig:
    """Return the settings of the network, which looks at regions as the published weights do."""
    return LipFDConfig(
        regions="official", freeze_encoder=True, training_data="AVLips (as published)"
    )


def map_keys(config: LipFDConfig) -> KeyMap:
    """Return where each official tensor goes."""
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
    # The file also holds optimizer and total_steps.
    state_names=("model",),
    find_variant=find_variant,
    make_config=make_config,
    make_model=LipFD,
    map_keys=map_keys,
)


def _transpose(matrix: Tensor) -> Tensor:
    """Turn a matrix that multiplies from the right into the weight of a linear layer."""
    if matrix.dim() != 2:
        raise DetectorError(f"the projection is {tuple(matrix.shape)}, not a matrix")
    return matrix.T.contiguous()
