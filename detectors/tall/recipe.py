"""The training of TALL: the authors' settings."""

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
    source="official training command; arXiv:2307.07494",
    optimiser="adamw",
    learning_rate=1.5e-5,
    weight_decay=1e-5,
    schedule="cosine_by_epoch",
    final_learning_rate=1.5e-7,
    warmup_epochs=10,
    warmup_learning_rate=1.5e-8,
    epochs=60,
    batch_size=4,
    clips_per_sample=8,
    random_clips=True,
    label_smoothing=0.1,
    backbone_weights="Swin-B, ImageNet-22k (patch 4, window 7, 224 pixels)",
    data="FaceForensics++",
    augmentations=(
        Augmentation(
            name="corner_crop",
            settings={
                "scales": (1.0, 0.875, 0.75, 0.66),
                # Kept pictures are so many times as large, so that no crop is enlarged.
                "detail": 3,
            },
        ),
        Augmentation(name="flip", probability=0.5),
        # It follows normalisation, at the same place in all frames of all clips of a video.
        Augmentation(name="cutout", settings={"side_pixels": 16, "value": 0.0}),
    ),
    not_followed=MappingProxyType(
        {
            "any start": "a clip begins at one of four kept places in its eighth of the video,"
            " because any other place would mean to keep all frames of all videos",
            "weight average": "the authors' trainer keeps one (0.99996), but validates, chooses"
            " and tests the weights themselves, so no published figure comes from it",
            "sampling": BALANCED,
            "logits": TWO_LOGITS,
            "selection": f"{SELECTION}, the authors that with the best accuracy",
            "stored faces": "the authors store faces as JPEG; here they are not compressed again",
        }
    ),
)
"""One-dimensional weights, biases and frame positions do not decay."""

BACKBONES: Final = (
    PublishedBackbone(
        weights=PUBLISHED.backbone_weights,
        settings=MappingProxyType(
            {
                "image_size": 224,
                "patch_size": 4,
                "embed_dim": 128,
                "depths": (2, 2, 18, 2),
                "num_heads": (4, 8, 16, 32),
            }
        ),
        repo="microsoft/swin-base-patch4-window7-224-in22k",
        revision="5c4c8f155e1cb56ffd04353616e70dac076f7954",
        megabytes=437,
        licence="apache-2.0",
    ),
)
