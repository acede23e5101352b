"""GenD's published weights: which tensor is which, and of what size the network is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from math import isqrt
from typing import Any, Final

import torch
from torch import Tensor

from detectors.conversion import Layout
from detectors.gend.configuration import GenDConfig
from detectors.gend.modeling import MAKERS, GenD
from detectors.key_maps import KeyMap, fake_minus_real
from thb_dataset.errors import DetectorError

CLIP_PREFIXES: Final = (
    "feature_extractor.vision_model.",
    "feature_extractor.vision_model.vision_model.",
)
"""What stands before the names of CLIP's tower: some versions of transformers nest it once more."""

OTHER_PREFIX: Final = "feature_extractor.backbone."
HEADS: Final = {"linear": False, "LinearNorm": True}
"""The heads that the authors' settings name -> whether the feature is brought to unit length."""

HEAD_SIZE: Final = 64
"""The channels of one attention head, in every published size of the three backbones."""

_MARKS: Final = {
    "clip": "embeddings.class_embedding",
    "dinov3": "embeddings.register_tokens",
    "pe": "attn_pool.latent",
}
"""A name by which each backbone is known."""

_VARIANTS: Final = {"clip": "clip-l-14", "dinov3": "dinov3-l", "pe": "pe-l"}
_LICENCES: Final = {
    "clip": "MIT",
    "dinov3": "MIT; the backbone under Meta's DINOv3 License",
    "pe": "MIT; the backbone under Apache-2.0",
}


def find_variant(state: Mapping[str, Tensor], removed: str) -> str:
    """Return the backbone by a name that only it has.

    Raises:
        DetectorError: The keys belong to another network.
    """
    _read_backbone(state)
    return _VARIANTS[_find_backbone(state)]


def make_config(variant: str) -> GenDConfig:
    """Return the settings of a published network."""
    backbone = next(name for name, published in _VARIANTS.items() if published == variant)
    return GenDConfig(
        backbone=backbone,
        clip={"aggregation": "mean_probability"},  # as the authors score a video
        weights_licence=_LICENCES[backbone],
        training_data="FaceForensics++ (as published), each fake beside the real video that it was"
        " made from",
    )


def refine(
    config: GenDConfig, state: Mapping[str, Tensor], settings: Mapping[str, Any]
) -> GenDConfig:
    """Return the settings of the very network: its size by its tensors, its head by the settings.

    Raises:
        DetectorError: No settings name the head, or they name another backbone or head.
    """
    head, named = settings.get("head"), settings.get("backbone")
    if not settings:
        raise DetectorError(
            "the weights do not tell whether features are brought to unit length: put the authors'"
            " config.json into the folder of the checkpoint"
        )
    if head not in HEADS:
        raise DetectorError(f"config.json names the head {head!r}, not one of {', '.join(HEADS)}")
    backbone = _find_backbone(state)
    if not isinstance(named, str) or backbone != _read_name(named):
        raise DetectorError(
            f"config.json names the backbone {named!r}, but the weights are of {backbone}"
        )
    size = config.image_size
    known: dict[str, Any] = {**_measure(backbone, _read_backbone(state))}
    if backbone == "clip":
        known["image_size"] = known.pop("grid") * known["patch_size"]
    known["clip"] = {**(config.clip or {}), "size": known.get("image_size", size)}
    return replace(config, backbone=backbone, unit_length=HEADS[head], **known)


def map_keys(config: GenDConfig) -> KeyMap:
    """Return where each official tensor goes: the names are those of transformers and timm."""
    with torch.device("meta"):
        ours = MAKERS[config.backbone](config).state_dict()
    tensors = {"model.linear.weight": "classifier.weight", "model.linear.bias": "classifier.bias"}
    for key in ours:
        names = [f"{OTHER_PREFIX}{key}"]
        if config.backbone == "clip":
            names = [f"{prefix}{key}" for prefix in CLIP_PREFIXES]
        elif config.backbone == "dinov3":  # the level model. came with transformers 5
            names.append(f"{OTHER_PREFIX}{re.sub('^model[.](?=layer[.])', '', key)}")
        tensors |= dict.fromkeys(names, f"vision.{key}")
    return KeyMap(
        modules={},
        tensors=tensors,
        turned=dict.fromkeys(("model.linear.weight", "model.linear.bias"), fake_minus_real),
        ignorable={
            r"feature_extractor\.visual_projection\.weight": "CLIP's projection to the space of"
            " texts, which GenD never calls",
            r"feature_extractor\.(vision_model\.)+embeddings\.position_ids": "the numbers of the"
            " positions, which older versions of transformers stored",
            r"feature_extractor\.backbone\.rope(_embeddings)?\.\w+": "the frequencies of the"
            " positions, which are computed",
        },
    )


def _read_backbone(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the encoder by the names that they have in it.

    Raises:
        DetectorError: There is no such encoder, or no head beside it.
    """
    prefixes = (*reversed(CLIP_PREFIXES), OTHER_PREFIX)
    found = {
        key.removeprefix(next(prefix for prefix in prefixes if key.startswith(prefix))): tensor
        for key, tensor in state.items()
        if key.startswith(prefixes)
    }
    if "model.linear.weight" not in state or not any(mark in found for mark in _MARKS.values()):
        raise DetectorError(
            "these are not GenD weights: no model.linear.weight, or no feature_extractor with the"
            " tensors of CLIP, DINOv3 or Perception Encoder"
        )
    return found


def _find_backbone(state: Mapping[str, Tensor]) -> str:
    found = _read_backbone(state)
    return next(backbone for backbone, mark in _MARKS.items() if mark in found)


def _read_name(name: str) -> str:
    """Return our name for a backbone that the authors' settings name; "" for any other."""
    lower = name.lower()
    marks = {"clip": "clip", "vit_pe": "pe", "dinov3": "dinov3"}
    return next((ours for mark, ours in marks.items() if mark in lower), "")


def _measure(backbone: str, found: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the size of an encoder by the shapes of its tensors.

    Raises:
        DetectorError: A tensor that tells the size is missing, or has another number of axes.
    """
    names = {
        "clip": ("patch_embedding", r"encoder\.layers", "mlp.fc1"),
        "dinov3": ("patch_embeddings", r"(?:model\.)?layer", "mlp.up_proj"),
        "pe": ("patch_embed.proj", "blocks", "mlp.fc1"),
    }
    patches, blocks, inner = names[backbone]
    kernel = _find_shape(found, rf"(embeddings\.)?{re.escape(patches)}\.weight", axes=4)
    hidden = kernel[0]
    numbers = [re.match(rf"{blocks}\.(\d+)\.", key) for key in found]
    size = {
        "patch_size": kernel[-1],
        "hidden_size": hidden,
        "layers": 1 + max((int(number[1]) for number in numbers if number), default=0),
        "heads": max(1, hidden // HEAD_SIZE),
        "intermediate_size": _find_shape(found, rf"{blocks}\.0\.{inner}\.weight", axes=2)[0],
    }
    if backbone == "dinov3":
        size["registers"] = found[_MARKS["dinov3"]].shape[-2]
    else:
        positions = {"clip": r"embeddings\.position_embedding\.weight", "pe": "pos_embed"}
        axes = {"clip": 2, "pe": 3}[backbone]
        size["grid"] = isqrt(max(1, _find_shape(found, positions[backbone], axes=axes)[-2] - 1))
    return size


def _find_shape(found: Mapping[str, Tensor], name: str, *, axes: int) -> tuple[int, ...]:
    """Return the shape of the tensor of a name.

    Raises:
        DetectorError: There is no such tensor with so many axes.
    """
    shape = next((tuple(found[key].shape) for key in found if re.fullmatch(name, key)), ())
    if len(shape) != axes or 0 in shape:
        raise DetectorError(f"the checkpoint has no {name} with {axes} axes")
    return shape


LAYOUT: Final = Layout(
    detector="gend",
    state_names=(),
    find_variant=find_variant,
    make_config=make_config,
    make_model=GenD,
    map_keys=map_keys,
    refine=refine,
)
