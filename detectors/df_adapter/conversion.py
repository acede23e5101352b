"""DeepFake-Adapter's checkpoints: which tensor is which. None has been published yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from detectors.conversion import Layout, require_keys
from detectors.df_adapter.configuration import DeepFakeAdapterConfig
from detectors.df_adapter.modeling import DeepFakeAdapter
from detectors.key_maps import KeyMap, fake_minus_real, map_timm_block


def find_variant(state: Mapping[str, Tensor], removed: str) -> str:
    """Return the only variant, after a check that the keys belong to this detector.

    Raises:
        DetectorError: They do not.
    """
    wanted = ("blocks.0.adaptor.scale", "interactions.0.injector.gamma", "spm.fc2.weight")
    require_keys(state, wanted, "DeepFake-Adapter")
    return "vit-base"


def make_config(variant: str) -> DeepFakeAdapterConfig:
    """Return the settings of the network, whose transformer stays frozen."""
    return DeepFakeAdapterConfig(
        freeze_backbone=True, training_data="FaceForensics++ (as published)"
    )


def map_keys(config: DeepFakeAdapterConfig) -> KeyMap:
    """Return where each official tensor goes."""
    modules = {
        "patch_embed.proj": "vit.embeddings.patch_embeddings.projection",
        "norm": "vit.layernorm",
        "head.0": "head_norm",
        "head.1": "classifier",
    }
    tensors = {
        "cls_token": "vit.embeddings.cls_token",
        "pos_embed": "vit.embeddings.position_embeddings",
        "level_embed": "prior.levels",
    }
    split: dict[str, tuple[str, ...]] = {}
    for number in range(config.layers):
        here, there = f"blocks.{number}", f"vit.layers.{number}"
        block = map_timm_block(here, there)
        modules |= {
            **block.modules,
            f"{here}.adaptor.down_proj": f"adapters.{number}.down",
            f"{here}.adaptor.up_proj": f"adapters.{number}.up",
        }
        split |= block.split
        tensors[f"{here}.adaptor.scale"] = f"adapters.{number}.scale"
    return KeyMap(
        modules=modules | _map_prior() | _map_interactions(config.interactions, tensors),
        tensors=tensors,
        split=split,
        turned={"head.1.weight": fake_minus_real, "head.1.bias": fake_minus_real},
    )


LAYOUT: Final = Layout(
    detector="df_adapter",
    # best_model*.pt holds best_state_dict and best_val_auc; model-N.pt holds state_dict, epoch,
    # optimizer and scaler.
    state_names=("best_state_dict", "state_dict"),
    find_variant=find_variant,
    make_config=make_config,
    make_model=DeepFakeAdapter,
    map_keys=map_keys,
    # Their scikit-learn gives best_val_auc as a NumPy number. NumPy 2 has another name for it.
    harmless=(
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
    ),
)


def _map_prior() -> dict[str, str]:
    """Map the spatial prior; the original numbers the layers of its steps consecutively."""
    modules: dict[str, str] = {}
    for number in range(3):
        modules[f"spm.stem.{3 * number}"] = f"prior.stem.{number}.0"
        modules[f"spm.stem.{3 * number + 1}"] = f"prior.stem.{number}.1"
        modules[f"spm.conv{number + 2}.0"] = f"prior.steps.{number}.0"
        modules[f"spm.conv{number + 2}.1"] = f"prior.steps.{number}.1"
        modules[f"spm.fc{number + 2}"] = f"prior.projections.{number}"
    return modules


def _map_interactions(count: int, tensors: dict[str, str]) -> dict[str, str]:
    """Map the exchanges; gamma, a bare parameter, is added to ``tensors``."""
    modules: dict[str, str] = {}
    for number in range(count):
        tensors[f"interactions.{number}.injector.gamma"] = f"interactions.{number}.gamma"
        for side in ("injector", "extractor"):
            here = f"interactions.{number}.{side}"
            modules |= {
                f"{here}.query_norm": f"{here}.query_norm",
                f"{here}.feat_norm": f"{here}.answer_norm",
                f"{here}.self_attn": f"{here}.attention",
                f"{here}.self_attn.out_proj": f"{here}.attention.out_proj",
            }
    return modules
