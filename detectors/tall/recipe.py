"""How TALL was trained: by its authors, and by DeepfakeBench."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from detectors.recipes import Augmentation, PublishedRecipe

PUBLISHED: Final = PublishedRecipe(
    source="official training command; arXiv:2307.07494",
    optimiser="adamw",
    learning_rate=1.5e-5,
    weight_decay=1e-5,
    schedule="cosine",
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
        Augmentation(name="corner_crop", settings={"scales": (1.0, 0.875, 0.75, 0.66)}),
        Augmentation(name="flip", probability=0.5),
        # After normalisation, at one place in all frames of all clips of a video.
        Augmentation(name="cutout", settings={"side_pixels": 16, "value": 0.0}),
    ),
    not_followed=MappingProxyType(
        {
            "any start": "a clip begins at one of the places that are kept of its eighth of the"
            " video, for all frames of all videos would have to be kept",
            "weight average": "the authors' trainer keeps one (0.99996), but validates, chooses"
            " and tests the weights themselves, so nothing published comes from it",
        }
    ),
)
"""One-dimensional weights, biases and frame positions do not decay. The corner crop takes one
scale for both sides and one of the four corners or the middle; nothing closer is published."""

DEEPFAKE_BENCH: Final = PublishedRecipe(
    source="DeepfakeBench, tall.yaml",
    optimiser="adam",
    learning_rate=2e-5,
    weight_decay=5e-4,
    schedule="constant",
    epochs=100,
    batch_size=32,
    backbone_weights="Swin-B, ImageNet-22k (patch 4, window 7, 224 pixels)",
    data="FaceForensics++ c23",
    augmentations=(
        Augmentation(name="flip", probability=0.5),
        Augmentation(name="rotate", probability=0.5, settings={"degrees": (-10, 10)}),
        Augmentation(name="blur", probability=0.5, settings={"kernel": (3, 7)}),
        Augmentation(name="colour", probability=0.5, settings={"brightness_contrast": 0.1}),
        Augmentation(name="jpeg", settings={"quality": (40, 100)}),
    ),
    decay_vectors=True,
    not_followed=MappingProxyType(
        {
            "all of it": "``thb train tall`` follows the authors' recipe; this one is the record"
            " of how the weights were made that ``thb convert`` reads",
        }
    ),
)
"""Its cutout is not among them: the data set class that does it is never chosen by its trainer."""
