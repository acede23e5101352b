"""DeepFake-Adapter's checkpoints: which tensor is which. Nobody has published one yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from detectors.base import Detector
from detectors.conversion import KeyMap, Layout, fake_minus_real
from detectors.df_adapter.configuration import DeepFakeAdapterConfig
from detectors.df_adapter.modeling import DeepFakeAdapter
from thb_dataset.errors import DetectorError


def find_variant(state: Mapping[str, Tensor], removed: str) -> str:
    """Make sure that the keys are this detector's; there is one variant.

    Raises:
        DetectorError: They are not.
    """
    wanted = ("blocks.0.adaptor.scale", "interactions.0.injector.gamma", "spm.fc2.weight")
    missing = [key for key in wanted if key not in state]
    if missing:
        raise DetectorError(f"these are no DeepFake-Adapter weights: no {', '.join(missing)}")
    return "vit-base"


def make_model(variant: str) -> DeepFakeAdapter:
    """Return the network with fresh weights."""
    config = DeepFakeAdapterConfig(
        freeze_backbone=True, training_data="FaceForensics++ (as published)"
    )
    return DeepFakeAdapter(config)


def map_keys(model: Detector) -> KeyMap:
    """State where each official tensor goes."""
    config = model.config
    if not isinstance(config, DeepFakeAdapterConfig):
        raise DetectorError(f"{type(model).__name__} is no DeepFake-Adapter")
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
        modules |= {
            f"{here}.norm1": f"{there}.layernorm_before",
            f"{here}.norm2": f"{there}.layernorm_after",
            f"{here}.attn.proj": f"{there}.attention.o_proj",
            f"{here}.mlp.fc1": f"{there}.mlp.fc1",
            f"{here}.mlp.fc2": f"{there}.mlp.fc2",
            f"{here}.adaptor.down_proj": f"adapters.{number}.down",
            f"{here}.adaptor.up_proj": f"adapters.{number}.up",
        }
        tensors[f"{here}.adaptor.scale"] = f"adapters.{number}.scale"
        split[f"{here}.attn.qkv"] = tuple(f"{there}.attention.{name}_proj" for name in "qkv")
    return KeyMap(
        modules=modules | _map_prior() | _map_interactions(config.interactions, tensors),
        tensors=tensors,
        split=split,
        turned={"head.1.weight": fake_minus_real, "head.1.bias": fake_minus_real},
    )


LAYOUT: Final = Layout(
    detector="df_adapter",
    # best_model*.pt holds best_state_dict beside best_val_auc; model-N.pt state_dict beside
    # epoch, optimizer and scaler.
    state_names=("best_state_dict", "state_dict"),
    find_variant=find_variant,
    make_model=make_model,
    map_keys=map_keys,
)


def _map_prior() -> dict[str, str]:
    """Map the spatial prior; the original numbers the layers of a step one after the other."""
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
