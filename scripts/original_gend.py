"""GenD's original network, built from a checkout of yermandy/GenD, for the parity check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from torch import Tensor, nn

from scripts.drawn_weights import Original, importing_from

NAMES = {
    "clip-l-14": ("openai/clip-vit-large-patch14", "LinearNorm"),
    "dinov3-l": ("facebook/dinov3-vitl16-pretrain-lvd1689m", "linear"),
    "pe-l": ("vit_pe_core_large_patch14_336", "LinearNorm"),
}
"""Variant -> how the authors' settings name its backbone, and one of the two heads."""

TINY: dict[str, dict[str, Any]] = {
    "clip-l-14": {"backbone": "clip", "image_size": 56, "patch_size": 14},
    "dinov3-l": {"backbone": "dinov3", "image_size": 64, "patch_size": 16, "registers": 4},
    "pe-l": {"backbone": "pe", "image_size": 56, "patch_size": 14, "grid": 6},
}
"""Our settings for small networks; PE's positions are resized, as they are at full size."""

TINY_SIZE = {"hidden_size": 64, "layers": 2, "heads": 1, "intermediate_size": 128}


def build_gend(folder: Path, variant: str, *, tiny: bool) -> Original:
    """Build GenD as its authors publish it, with a backbone of which nothing is downloaded."""
    backbone, head = NAMES[variant]
    config = {**TINY[variant], **TINY_SIZE, "unit_length": head == "LinearNorm"}
    with importing_from(folder / "src" / "hf"), _without_downloads(config if tiny else {}):
        module = import_module("modeling_gend")
        network: nn.Module = module.GenD(module.GenDConfig(backbone=backbone, head=head))

    def score(network: nn.Module, pixel_values: Tensor) -> Tensor:
        logits: Tensor = network(pixel_values.squeeze(1))
        return logits

    side = config["image_size"] if tiny else 224
    return Original(
        network=network,
        wrap=lambda state: state,
        score=score,
        shape=(1, 3, side, side),
        scale=2.0,
        config={**config, "clip": {"size": side}} if tiny else {},
        settings={"model_type": "GenD", "backbone": backbone, "head": head},
    )


@contextmanager
def _without_downloads(size: dict[str, Any]) -> Iterator[None]:
    """Give the original networks of the published size, or of another one, with fresh weights."""
    import timm
    import transformers

    makers: list[tuple[Any, str, Callable[..., Any]]] = [
        (transformers.CLIPModel, "from_pretrained", partial(_make_clip, size)),
        (transformers.AutoModel, "from_pretrained", partial(_make_dinov3, size)),
        (timm, "create_model", partial(_make_pe, timm.create_model, size)),
        (transformers.CLIPProcessor, "from_pretrained", lambda name: None),
        (transformers.AutoImageProcessor, "from_pretrained", lambda name: None),
    ]
    patches = [patch.object(owner, name, maker) for owner, name, maker in makers]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def _make_clip(size: dict[str, Any], name: str) -> nn.Module:
    from transformers import CLIPConfig, CLIPModel

    vision = _size_of(size, image_size=224, patch_size=size.get("patch_size", 14))
    text = {"num_hidden_layers": 1, "vocab_size": 50000}  # it is thrown away
    made: nn.Module = CLIPModel(
        CLIPConfig(vision_config=vision, text_config=text, projection_dim=32 if size else 768)
    )
    return made


def _make_dinov3(size: dict[str, Any], name: str) -> nn.Module:
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    settings = _size_of(size, image_size=224, patch_size=16)
    made: nn.Module = DINOv3ViTModel(DINOv3ViTConfig(num_register_tokens=4, **settings))
    return made


def _make_pe(
    create: Callable[..., nn.Module], size: dict[str, Any], name: str, *, pretrained: bool,
    dynamic_img_size: bool,
) -> nn.Module:  # fmt: skip
    more: dict[str, Any] = {}
    if size:
        more = {"img_size": size["grid"] * 14, "embed_dim": 64, "depth": 2, "num_heads": 1}
        more |= {"mlp_ratio": 2.0, "attn_pool_mlp_ratio": 2.0}
        more |= {"ref_feat_shape": (size["grid"],) * 2}
    return create(name, pretrained=False, dynamic_img_size=dynamic_img_size, **more)


def _size_of(size: dict[str, Any], **published: int) -> dict[str, Any]:
    """Return the size of an encoder as transformers names it."""
    wanted = {
        "hidden_size": 1024, "layers": 24, "heads": 16, "intermediate_size": 4096, **published,
        **size,
    }  # fmt: skip
    return {
        "hidden_size": wanted["hidden_size"],
        "num_hidden_layers": wanted["layers"],
        "num_attention_heads": wanted["heads"],
        "intermediate_size": wanted["intermediate_size"],
        "image_size": wanted["image_size"],
        "patch_size": wanted["patch_size"],
    }
