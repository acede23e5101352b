"""The training of DeepFake-Adapter: the settings of its published code."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from detectors.recipes import Augmentation, PublishedRecipe

PUBLISHED: Final = PublishedRecipe(
    source="official configuration bottleneck_vit_base_patch16_224_spatial; arXiv:2306.00863",
    optimiser="sgd",
    # 0.1 for a batch of 256 samples, in proportion for others; one device has 32.
    learning_rate=0.1 * 32 / 256,
    weight_decay=1e-4,
    schedule="cosine",
    warmup_epochs=15,
    epochs=100,
    batch_size=32,
    mixed_precision="fp16",
    backbone_weights="ViT-B/16, ImageNet-21k, 224 pixels",
    data="FaceForensics++ c23 or c40, one kind of fakes or all four",
    frozen=("vit",),
    augmentations=(Augmentation(name="flip", probability=0.5),),
    not_followed=MappingProxyType(
        {
            "synchronised batch norm": "each process keeps the statistics of its own part of the"
            " batch; a single process trains as the authors' code does",
        }
    ),
)
