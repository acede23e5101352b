"""The training of LipFD: the settings of its published code, which cannot run as published."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from detectors.pretrained import PublishedBackbone
from detectors.recipes import BALANCED, SELECTION, PublishedRecipe

PUBLISHED: Final = PublishedRecipe(
    source="official options; arXiv:2401.15668",
    optimiser="adamw",
    # The rate of the last fine-tuning, from an epoch 29 that was never published.
    learning_rate=2e-9,
    # PyTorch's own: the authors' trainer asks for an option that their options do not have.
    weight_decay=0.01,
    schedule="constant",
    epochs=100,
    batch_size=10,
    draws_per_video=10,
    loss_terms={"cross_entropy": 1.0, "region_awareness": 1.0},
    backbone_weights="CLIP ViT-L/14 for the encoder; the ResNet-50 begins fresh",
    data="AVLips, LRS3 and FaceForensics++ faces with their sound",
    frozen=("encoder",),
    decay_vectors=True,
    not_followed=MappingProxyType(
        {
            "learning_rate": "2e-9 only ends a training whose beginning was never published",
            "weight_decay": "the trainer asks for an option that does not exist: PyTorch's 0.01",
            "frozen": "the published code freezes every weight, so that nothing is trained; here"
            " CLIP alone is frozen",
            "loss": "the published code passes the logits of a batch to a cross-entropy over"
            " classes, which turns the batch into one sample; here it is the paper's",
            "frames": "an epoch draws ten windows of a video at random, so it may miss one and"
            " show another twice",
            "sampling": BALANCED,
            "selection": f"{SELECTION}, the authors keep the last epochs",
        }
    ),
)
LEARNING_RATE: Final = 1e-4
"""Our rate for ``thb train``: the published one only ends a training that nobody can repeat."""

BACKBONES: Final = (
    PublishedBackbone(
        weights="CLIP ViT-L/14, its image tower",
        settings=MappingProxyType(
            {
                "image_size": 224,
                "patch_size": 14,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "layers": 24,
                "heads": 16,
                "projection_size": 768,
            }
        ),
        repo="openai/clip-vit-large-patch14",
        revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
        megabytes=1711,
        licence="not stated there; MIT for OpenAI's code",
    ),
)
