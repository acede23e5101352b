"""The training of DeepFake-Adapter: the settings of its published code."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from detectors.pretrained import PublishedBackbone
from detectors.recipes import (
    BALANCED,
    SELECTION,
    TWO_LOGITS,
    Augmentation,
    PublishedRecipe,
)

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
    # Every stored frame of a video. How many were stored is not published: 32 is our choice.
    draws_per_video=32,
    mixed_precision="fp16",
    backbone_weights="ViT-B/16, ImageNet-21k, 224 pixels",
    data="FaceForensics++ c23 or c40, one kind of fakes or all four",
    frozen=("vit",),
    decay_vectors=True,
    augmentations=(Augmentation(name="flip", probability=0.5),),
    not_followed=MappingProxyType(
        {
            "synchronised batch norm": "each process keeps the statistics of its own part of the"
            " batch; a single process trains as the authors' code does",
            "devices": "the published command runs on two GPUs: batches of 64 and a learning rate"
            " of 0.025, which is in the same proportion as 32 and 0.0125",
            "frames": "an epoch draws 32 frames of a video at random, so it may miss one and show"
            " another twice",
            "sampling": BALANCED,
            "logits": TWO_LOGITS,
            "selection": f"{SELECTION}; the authors' command keeps the one with the best AUC on the"
            " test list",
        }
    ),
)

BACKBONES: Final = (
    PublishedBackbone(
        weights=PUBLISHED.backbone_weights,
        settings=MappingProxyType(
            {
                "image_size": 224,
                "patch_size": 16,
                "hidden_size": 768,
                "layers": 12,
                "heads": 12,
                "intermediate_size": 3072,
            }
        ),
        repo="google/vit-base-patch16-224-in21k",
        revision="b4569560a39a0f1af58e3ddaf17facf20ab919b0",
        megabytes=346,
        licence="apache-2.0",
    ),
)
