"""TALL's checkpoints, the authors' and DeepfakeBench's: which tensor is which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from detectors.conversion import Layout
from detectors.key_maps import KeyMap, fake_minus_real, map_timm_block
from detectors.tall.configuration import BENCH_CLIP, CLIPS, OFFICIAL_CLIP, TALLConfig
from detectors.tall.modeling import TALL
from thb_dataset.errors import DetectorError

_COMPUTED = "computed from the window, equal in every model of this size"


def find_variant(state: Mapping[str, Tensor], removed: str) -> str:
    """Assume who trained it: DeepfakeBench stores the network inside a detector, as ``model.``.

    A file that was saved again may have lost that prefix, or got it: ``--variant`` says more.

    Raises:
        DetectorError: The keys belong to another network.
    """
    if "frame_pos_embed" not in state or "layers.0.blocks.0.attn.qkv.weight" not in state:
        raise DetectorError(
            "these are not TALL weights: no frame_pos_embed, or no Swin layers; a Swin without"
            " frame positions (trained without --hpe_to_token) is not supported"
        )
    return "deepfakebench" if "model" in removed.split(".") else "official"


def make_config(variant: str) -> TALLConfig:
    """Return the settings of the network, with the clips that the variant's weights have seen."""
    if variant == "deepfakebench":
        return TALLConfig(
            clip=BENCH_CLIP.to_dict(),
            label_smoothing=0.0,
            weights_licence="CC-BY-NC-4.0",
            training_data="FaceForensics++ c23 by DeepfakeBench, which chooses its best checkpoint"
            " on a test set (by the file's usual name, Celeb-DF-v2)",
        )
    return TALLConfig(clip=OFFICIAL_CLIP.to_dict(), training_data="FaceForensics++ (as published)")


def map_keys(config: TALLConfig) -> KeyMap:
    """Return where each official tensor goes."""
    modules = {
        "patch_embed.proj": "swin.embeddings.patch_embeddings.projection",
        "patch_embed.norm": "swin.embeddings.norm",
        "norm": "swin.layernorm",
        "head": "classifier",
    }
    tensors = {"frame_pos_embed": "frame_positions"}
    split: dict[str, tuple[str, ...]] = {}
    for stage, depth in enumerate(config.depths):
        here, there = f"layers.{stage}", f"swin.encoder.layers.{stage}"
        if stage + 1 < len(config.depths):
            modules[f"{here}.downsample.reduction"] = f"{there}.downsample.reduction"
            modules[f"{here}.downsample.norm"] = f"{there}.downsample.norm"
        for number in range(depth):
            theirs, ours = f"{here}.blocks.{number}", f"{there}.blocks.{number}"
            block = map_timm_block(theirs, ours)
            modules |= block.modules
            split |= block.split
            table = "relative_position_bias_table"
            tensors[f"{theirs}.attn.{table}"] = f"{ours}.attention.relative_position_bias.{table}"
    return KeyMap(
        modules=modules,
        tensors=tensors,
        split=split,
        turned={"head.weight": fake_minus_real, "head.bias": fake_minus_real},
        ignorable={
            r".*\.attn\.relative_position_index": _COMPUTED,
            r".*\.attn_mask": _COMPUTED,
        },
    )


LAYOUT: Final = Layout(
    detector="tall",
    # The file also holds model_ema, optimizer, lr_scheduler, scaler, epoch, max_accuracy and args,
    # which is a Namespace.
    state_names=("model",),
    find_variant=find_variant,
    make_config=make_config,
    make_model=TALL,
    map_keys=map_keys,
    choices=tuple(CLIPS),
    harmless=("argparse.Namespace",),
)
