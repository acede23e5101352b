"""The training of CADDM: the settings of its published code."""

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

FRAMES_KEPT: Final = 4
"""The frames of a training video that are kept; they are large, and an epoch sees one."""

PUBLISHED: Final = PublishedRecipe(
    source="official training code, caddm_train.cfg; arXiv:2210.14457",
    optimiser="adamw",
    learning_rate=3.6e-4,
    weight_decay=4e-3,
    schedule="steps",
    step_rates=((0, 3.6e-4), (4, 1e-4), (10, 5e-5)),
    epochs=200,
    batch_size=128,
    gradient_value_clip=2.0,
    loss_terms={"cross_entropy": 1.0, "anchor_location": 0.1, "anchor_confidence": 0.1},
    backbone_weights="ImageNet",
    data="FaceForensics++ raw: the real videos and five sets of fakes, each with its source",
    augmentations=(
        # It swaps parts between a fake and the frame of its source. THB's fakes have no such frame,
        # so that every fake counts as one without a swap: its whole image is the region to find.
        Augmentation(name="swap", settings={"whole": 0.8, "window": 0.2}),
        Augmentation(name="halve", probability=0.3),
        Augmentation(
            name="align",
            settings={
                "scale_mean": 0.9,
                "scale_std": 0.1,
                "shift_pixels": (-25, 25),
                "turn_degrees": 30,
                "stretch": (0.97, 1.03),
                "stretch_probability": 0.2,
                # Height of the left eye over the middle of the mean face, in widths of the faces
                # in the crops.
                "eye_height": -0.172844 * 80 / (224 * 0.34967),
                # Factor by which kept crops are wider, so that every step can cut them again.
                "reach": 1.75,
                # Factor by which their pixels are finer, so that only one change of size shows.
                "detail": 3,
            },
        ),
        Augmentation(name="jpeg", probability=0.3, settings={"quality": (15, 79)}),
        Augmentation(name="stretch_range", probability=0.5),
        Augmentation(name="coarse_noise", probability=0.5, settings={"shrink": 4, "sigma": 2}),
        Augmentation(
            name="hue_saturation",
            probability=0.25,
            settings={"saturation": (0.5, 1.15), "value": (0.5, 2.0)},
        ),
        Augmentation(name="gamma", settings={"gamma": (0.6, 1.4)}),
        Augmentation(name="motion_blur", probability=0.3, settings={"length_pixels": (1, 10)}),
        Augmentation(name="blur", probability=0.3, settings={"kernel": 3, "sigmas": (0, 1, 2)}),
        Augmentation(name="noise", probability=0.3, settings={"sigma": ((0, 4), (15, 21))}),
        Augmentation(
            name="tone", probability=0.3, settings={"colour": (60, 255), "share": (0, 0.3)}
        ),
    ),
    decay_vectors=True,
    not_followed=MappingProxyType(
        {
            "swap": "the fakes of this benchmark have no frame of their source to swap with",
            "align beyond reach": "the original moves the template over the whole frame; here only"
            " 1.75 times the width of the crop is kept of it, and it is black beyond",
            "halving": "the authors halve the frame; here half of its detail is taken from the kept"
            " crop, which leaves about a third less than theirs",
            "frames": "the authors' extractor stores the first frame of a video; here an epoch"
            f" draws one of {FRAMES_KEPT}, which are spread over it",
            "sampling": BALANCED,
            "logits": TWO_LOGITS,
            "selection": f"{SELECTION}, the authors keep the last epochs",
            "backbone": "the Hub's ResNet-34 in the layout of transformers is of another ImageNet"
            " training than torchvision's, with which the authors begin",
        }
    ),
)
"""The published flip is missing, because its code computes the mirror image and drops it."""

BACKBONES: Final = (
    PublishedBackbone(
        weights="ResNet-34, ImageNet",
        settings=MappingProxyType(
            {
                "backbone": "resnet",
                "stem_width": 64,
                "widths": (64, 128, 256, 512),
                "depths": (3, 4, 6, 3),
            }
        ),
        repo="microsoft/resnet-34",
        revision="4d180fbdc81b4d5d4eaa86ab89bdd669200dd477",
        megabytes=87,
        licence="apache-2.0",
    ),
    # The Hub's copies in the layout of transformers are pickles, which nothing here unpickles.
    *(
        PublishedBackbone(
            weights=f"EfficientNet-{size}, ImageNet",
            settings=MappingProxyType({"backbone": "efficientnet", "width_coefficient": width}),
        )
        for size, width in (("B3", 1.2), ("B4", 1.4))
    ),
)
