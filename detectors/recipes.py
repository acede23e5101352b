"""How a detector was trained by its authors, as figures that a training loop can follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

Optimiser = Literal["adamw", "adam", "sgd"]
Schedule = Literal["cosine", "steps", "constant"]

STARTS_KEPT: Final = 4
"""Places in each even part of a video at which a clip may begin, where they are drawn at random."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """One random change of a training sample, all frames of it alike.

    Attributes:
        name: What is done.
        probability: How often.
        settings: How far; ranges as (low, high).
    """

    name: str
    probability: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PublishedRecipe:
    """The training that a detector's authors describe or ship.

    Attributes:
        source: Paper or command that the figures come from.
        optimiser: Which.
        learning_rate: At its height.
        weight_decay: Of the optimiser.
        momentum: First moment: SGD's momentum, or Adam's first beta.
        epsilon: Adam's.
        schedule: ``cosine`` to ``final_learning_rate``; ``steps``: ``step_rates`` from the epochs
            they name on; ``constant``.
        step_rates: Pairs of first epoch and learning rate.
        final_learning_rate: Where the cosine ends.
        warmup_epochs: Linear rise from ``warmup_learning_rate``.
        warmup_learning_rate: Where the rise begins.
        epochs: All in all.
        batch_size: Samples of one step, over all devices.
        clips_per_sample: Clips of one video whose logits are averaged before the loss.
        random_clips: Whether each of them begins anywhere in its even part of the video, anew at
            every step. ``thb train`` draws among ``STARTS_KEPT`` places a part.
        label_smoothing: Share of a label that goes to both classes evenly.
        loss_terms: Name -> weight.
        gradient_value_clip: Largest absolute value of a gradient's entry.
        mixed_precision: ``fp16``, or None; ``thb train`` follows it on a GPU.
        backbone_weights: What the backbone began with.
        frozen: Parts that are not trained.
        decay_vectors: Whether biases and scales of norms decay as well.
        augmentations: In order.
        data: What it was trained on.
        not_followed: What of it ``thb train`` does not do, each with the reason.
    """

    source: str
    optimiser: Optimiser
    learning_rate: float
    weight_decay: float
    schedule: Schedule
    epochs: int
    batch_size: int
    backbone_weights: str
    data: str
    momentum: float = 0.9
    epsilon: float = 1e-8
    step_rates: tuple[tuple[int, float], ...] = ()
    final_learning_rate: float = 0.0
    warmup_epochs: int = 0
    warmup_learning_rate: float = 0.0
    clips_per_sample: int = 1
    random_clips: bool = False
    label_smoothing: float = 0.0
    loss_terms: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({"cross_entropy": 1.0})
    )
    gradient_value_clip: float | None = None
    mixed_precision: str | None = None
    frozen: tuple[str, ...] = ()
    decay_vectors: bool = False
    augmentations: tuple[Augmentation, ...] = ()
    not_followed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def for_our_training(self) -> Mapping[str, Any]:
        """Return the recipe as ``thb train`` follows it: fields of ``TrainSettings``.

        Loss terms and label smoothing are the detector's own: its forward computes them. What is
        named in ``not_followed`` is left out.
        """
        height = self.learning_rate
        return MappingProxyType(
            {
                "epochs": self.epochs,
                "batch_size": self.batch_size,
                "clips_per_sample": self.clips_per_sample,
                "clips_cut": STARTS_KEPT * self.clips_per_sample if self.random_clips else None,
                "optimiser": self.optimiser,
                "learning_rate": height,
                "momentum": self.momentum,
                "epsilon": self.epsilon,
                "weight_decay": self.weight_decay,
                "decay_vectors": self.decay_vectors,
                "schedule": self.schedule,
                "step_factors": tuple((epoch, rate / height) for epoch, rate in self.step_rates),
                "final_factor": self.final_learning_rate / height,
                "warmup_share": self.warmup_epochs / self.epochs,
                "warmup_factor": self.warmup_learning_rate / height,
                "max_gradient_norm": None,
                "mixed_precision": self.mixed_precision or "no",
                "gradient_value_clip": self.gradient_value_clip,
                "augmentations": tuple(
                    one for one in self.augmentations if one.name not in self.not_followed
                ),
                # The changes that suit a detector without a recipe of its own.
                "flip": False,
                "shift_pixels": 0,
                "brightness": 0.0,
                "contrast": 0.0,
                "channel_gain": 0.0,
            }
        )
