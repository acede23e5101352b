"""How a detector was trained by its authors, as figures that a training loop can follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Optimiser = Literal["adamw", "adam", "sgd"]
Schedule = Literal["cosine", "steps", "constant"]


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
        label_smoothing: Share of a label that goes to both classes evenly.
        loss_terms: Name -> weight.
        gradient_value_clip: Largest absolute value of a gradient's entry.
        weight_average: Decay of an exponential moving average of the weights.
        mixed_precision: ``fp16``, or None.
        backbone_weights: What the backbone began with.
        frozen: Parts that are not trained.
        augmentations: In order.
        data: What it was trained on.
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
    label_smoothing: float = 0.0
    loss_terms: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({"cross_entropy": 1.0})
    )
    gradient_value_clip: float | None = None
    weight_average: float | None = None
    mixed_precision: str | None = None
    frozen: tuple[str, ...] = ()
    augmentations: tuple[Augmentation, ...] = ()

    def for_our_training(self) -> Mapping[str, Any]:
        """Return the part of it that ``thb train`` follows: fields of ``TrainSettings``.

        What is missing there (other optimisers, steps, averaged weights, most augmentations)
        stays in the recipe as a record of what was published.
        """
        return MappingProxyType(
            {
                "epochs": self.epochs,
                "batch_size": self.batch_size,
                "learning_rate": self.learning_rate,
                "weight_decay": self.weight_decay,
                "warmup_share": self.warmup_epochs / self.epochs,
                "flip": any(each.name == "flip" for each in self.augmentations),
            }
        )
