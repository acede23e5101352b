"""CADDM's published ``.pkl`` files: which tensor is which."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from torch import Tensor
from transformers import EfficientNetConfig

from detectors.caddm.configuration import CADDMConfig, make_config
from detectors.caddm.modeling import CADDM
from detectors.conversion import Layout
from detectors.key_maps import KeyMap, fake_minus_real, map_resnet
from thb_dataset.errors import DetectorError

_UNUSED_CLASSIFIER = "the backbone's own ImageNet classifier, which CADDM never calls"
_BACKBONES = {
    "resnet34": r"base_model\.conv1\.weight",
    "efficientnet-b3": r"base_model\._blocks\.25\._bn2\.weight",
    "efficientnet-b4": r"base_model\._blocks\.31\._bn2\.weight",
}


def find_variant(state: Mapping[str, Tensor], removed: str) -> str:
    """Return the published network that the keys belong to.

    Raises:
        DetectorError: They belong to another network.
    """
    found = [name for name, key in _BACKBONES.items() if any(re.fullmatch(key, k) for k in state)]
    if not found:
        raise DetectorError(
            "these are not CADDM weights: no base_model of a ResNet-34, EfficientNet-B3 or B4"
        )
    return found[-1]


def make_published_config(variant: str) -> CADDMConfig:
    """Return the settings of a published network, with the data that it was trained on."""
    return make_config(
        variant,
        training_data="FaceForensics++ raw with FaceShifter, five kinds of fakes (as published)",
    )


def map_keys(config: CADDMConfig) -> KeyMap:
    """Return where each official tensor goes."""
    if config.backbone == "resnet":
        modules = map_resnet("base_model.", "backbone.", tuple(config.depths), convolutions=2)
        ignorable = {r"base_model\.fc\.(weight|bias)": _UNUSED_CLASSIFIER}
    else:
        modules = _map_efficientnet(_count_blocks(config))
        ignorable = {r"base_model\._fc\.(weight|bias)": _UNUSED_CLASSIFIER}
    modules.update(_map_artifacts())
    modules["fc"] = "classifier"
    return KeyMap(
        modules=modules,
        turned={"fc.weight": fake_minus_real, "fc.bias": fake_minus_real},
        ignorable=ignorable,
    )


LAYOUT: Final = Layout(
    detector="caddm",
    # The file also holds opt_state and epoch.
    state_names=("network",),
    find_variant=find_variant,
    make_config=make_published_config,
    make_model=CADDM,
    map_keys=map_keys,
)


def _map_artifacts() -> dict[str, str]:
    """Map the artifact detection module and its anchor heads."""
    layers, heads = "adm.adm_extra_layers", "adm.multi_scale_detection_module"
    modules: dict[str, str] = {}
    for number in range(3):
        here, there = f"{layers}.{number}.0", f"artifacts.blocks.{number}"
        modules |= {
            f"{here}.conv1": f"{there}.conv1",
            f"{here}.bn1": f"{there}.norm1",
            f"{here}.conv2": f"{there}.conv2",
            f"{here}.bn2": f"{there}.norm2",
            f"{here}.downsample.0": f"{there}.skip_conv",
            f"{here}.downsample.1": f"{there}.skip_norm",
        }
    modules |= {
        f"{layers}.3.conv1": "artifacts.end.conv1",
        f"{layers}.3.conv2": "artifacts.end.conv2",
        f"{layers}.3.downsample": "artifacts.end.skip",
    }
    for number in range(4):
        modules[f"{heads}.ms_dets.{number}"] = f"artifacts.offsets.{number}"
        modules[f"{heads}.ms_cls.{number}"] = f"artifacts.confidences.{number}"
    return modules


def _count_blocks(config: CADDMConfig) -> int:
    """Return the number of blocks that the EfficientNet has at its depth."""
    repeats = EfficientNetConfig().num_block_repeats
    return sum(math.ceil(config.depth_coefficient * number) for number in repeats)


def _map_efficientnet(blocks: int) -> dict[str, str]:
    """Map the TensorFlow-style EfficientNet to transformers' ``EfficientNetModel``."""
    theirs, ours = "base_model", "backbone"
    modules = {
        f"{theirs}._conv_stem": f"{ours}.embeddings.convolution",
        f"{theirs}._bn0": f"{ours}.embeddings.batchnorm",
        f"{theirs}._conv_head": f"{ours}.encoder.top_conv",
        f"{theirs}._bn1": f"{ours}.encoder.top_bn",
    }
    parts = {
        "_expand_conv": "expansion.expand_conv",
        "_bn0": "expansion.expand_bn",
        "_depthwise_conv": "depthwise_conv.depthwise_conv",
        "_bn1": "depthwise_conv.depthwise_norm",
        "_se_reduce": "squeeze_excite.reduce",
        "_se_expand": "squeeze_excite.expand",
        "_project_conv": "projection.project_conv",
        "_bn2": "projection.project_bn",
    }
    for number in range(blocks):
        for here, there in parts.items():
            modules[f"{theirs}._blocks.{number}.{here}"] = f"{ours}.encoder.blocks.{number}.{there}"
    return modules
