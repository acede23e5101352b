"""The training of GenD: the settings of its published code."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from detectors.pretrained import PublishedBackbone
from detectors.recipes import BALANCED, SELECTION, TWO_LOGITS, Augmentation, PublishedRecipe

PUBLISHED: Final = PublishedRecipe(
    source="official code, the defaults of its configuration and losses; arXiv:2508.06248",
    optimiser="adamw",
    learning_rate=3e-4,
    weight_decay=0.0,
    schedule="cosine",
    final_learning_rate=1e-6,
    epochs=30,
    batch_size=512,
    # Every stored frame of a video, of which there are 32.
    draws_per_video=32,
    pairs=True,
    loss_terms={"cross_entropy": 1.0, "uniformity": 0.5, "alignment": 0.1},
    mixed_precision="bf16",
    backbone_weights="CLIP ViT-L/14",
    data="FaceForensics++, each fake beside the real video that it was made from",
    frozen=("vision, except its layer normalisations",),
    augmentations=(
        Augmentation(name="flip", probability=0.5),
        Augmentation(
            name="affine", settings={"degrees": 10, "translate": 0.1, "scale": (0.9, 1.1)}
        ),
        Augmentation(name="blur", probability=0.1, settings={"kernel": 7, "sigma": (0.1, 2.0)}),
        Augmentation(name="jitter", settings={"brightness": 0.1, "contrast": 0.1}),
        Augmentation(name="jpeg", settings={"quality": (40, 100)}),
    ),
    not_followed=MappingProxyType(
        {
            "schedule": "one cosine is the default of their code and is followed; experiments of"
            " the paper begin it anew every 10 epochs",
            "size of augmented pictures": "the authors change the face at its own size in the"
            " frame, before it is resized; here the resized face is changed",
            "pairs": "the fakes of this benchmark rarely have a training real that moves their"
            " face: the next of kin stands beside a fake, as `thb/training/pairs.py` says",
            "devices": "the losses over pairs of features see the part of a batch that one process"
            " computes at once",
            "frames": "an epoch draws 32 frames of a video at random, so it may miss one and show"
            " another twice",
            "sampling": BALANCED,
            "logits": TWO_LOGITS,
            "selection": f"{SELECTION}; the authors keep the one with the best mean average"
            " precision",
        }
    ),
)

BACKBONES: Final = (
    PublishedBackbone(
        weights="CLIP ViT-L/14, its image tower",
        settings=MappingProxyType(
            {
                "backbone": "clip",
                "image_size": 224,
                "patch_size": 14,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "layers": 24,
                "heads": 16,
            }
        ),
        depth="layers",
        repo="openai/clip-vit-large-patch14",
        revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
        megabytes=1711,
        licence="not stated there; MIT for OpenAI's code",
    ),
)
