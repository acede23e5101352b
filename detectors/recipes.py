"""How a detector is trained: the recipe that is followed, and the one that was published."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from detectors.rendition_settings import RenditionSettings
from thb_dataset.errors import SettingsError

Optimiser = Literal["adamw", "adam", "sgd"]
Schedule = Literal["cosine", "cosine_by_epoch", "steps", "constant"]
MixedPrecision = Literal["no", "fp16", "bf16"]
Keep = Literal["best", "last"]

BALANCED: Final = (
    "half of every batch is real and half is fake, but the authors draw samples as the data lies;"
    " this moves the threshold, and hardly the AUC"
)
TWO_LOGITS: Final = (
    "the authors' head has a logit for real and one for fake, whose difference moves twice as far"
    " in a step as our one logit"
)
SELECTION: Final = "`thb train` keeps the epoch with the best AUC on the validation videos"
"""Reasons that several recipes give in ``not_followed``."""

STARTS_KEPT: Final = 4
"""Places in each even part of a video at which a randomly drawn clip may begin."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """One random change of a training sample, the same for all its frames.

    Attributes:
        name: The kind of change.
        probability: The chance that a sample is changed.
        settings: The extent of the change; ranges are (low, high).
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012 — no field

    name: str
    probability: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe(RenditionSettings):
    """A training. The same recipe gives the same weights on one machine with one process.

    New videos made of the training's are settings of :class:`RenditionSettings`.

    Attributes:
        epochs: The number of rounds through the videos.
        batch_size: Videos of one step over all processes, half of them real, half fake.
        clips_per_sample: Clips of a video that are seen together; their logits are averaged before
            the loss.
        clips_cut: Clips that are kept of a training video. A sample draws one from each of its
            ``clips_per_sample`` even parts. More clips take more decoding and more searching for
            faces, once. None keeps as many as scoring takes; ``uniform`` sampling keeps no more.
        draws_per_video: Samples that an epoch draws from each video of the more frequent class,
            each at random among the clips that are kept.
        pairs: Whether each fake of a batch stands beside the real video that moves its face, if
            the fold trains on it; otherwise beside one of the same source, or any.
        views: The number of different samples that a video has, each varied once and for all; None
            varies every sample anew.
        optimiser: ``adamw``, ``adam`` (its weight decay goes through its moments) or ``sgd``.
        learning_rate: The highest learning rate.
        momentum: The momentum of SGD, or the first beta of Adam.
        epsilon: The epsilon of Adam.
        weight_decay: The weight decay of matrices and kernels.
        decay_vectors: Whether biases and scales of norms decay as well.
        schedule: ``cosine``: half a cosine down to ``final_factor``; ``cosine_by_epoch``: the same
            as timm has it, one rate for each epoch; ``steps``: by ``step_factors``; ``constant``.
        step_factors: Pairs of an epoch, counted from 0, and the factor of the learning rate from
            that epoch on.
        final_factor: The factor of the learning rate at the end of the cosine.
        warmup_share: The share of the steps in which the learning rate rises linearly.
        warmup_factor: The factor of the learning rate at the beginning of that rise.
        max_gradient_norm: Gradients with a larger norm are scaled down to it; None scales none.
        gradient_value_clip: The largest entry of a gradient; None allows any.
        mixed_precision: ``fp16`` or ``bf16``: the network's products are computed in it; ``no``.
        seed: The seed of fresh weights, order, augmentation and dropout.
        keep: ``best``: the weights of the epoch with the highest validation AUC and, among equals,
            the lowest validation loss; the last epoch if validation lacks a class.
            ``last``: the weights of the last epoch.
        patience: Epochs without a better one, as ``best`` judges, after which the training ends;
            None never ends it early.
        flip: Mirror every second clip.
        shift_pixels: Move clips by up to this many whole pixels. Nothing is resampled, because
            that would wipe out the traces that a detector looks for.
        brightness: Make clips lighter or darker by up to this share of the range.
        contrast: Scale the contrast of clips by up to this share.
        channel_gain: Scale each colour channel of a clip by up to this share.
        augmentations: Further changes of a published recipe, in order, after those above; all
            clips of a sample are changed alike.

    Examples:
        >>> detectors.Recipe(epochs=3, learning_rate=1e-4).schedule
        'cosine'
    """

    epochs: int = 10
    batch_size: int = 16
    clips_per_sample: int = 1
    clips_cut: int | None = None
    draws_per_video: int = 1
    pairs: bool = False
    views: int | None = None
    optimiser: Optimiser = "adamw"
    learning_rate: float = 1e-4
    momentum: float = 0.9
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    decay_vectors: bool = False
    schedule: Schedule = "cosine"
    step_factors: tuple[tuple[int, float], ...] = ()
    final_factor: float = 0.0
    warmup_share: float = 0.1
    warmup_factor: float = 0.0
    max_gradient_norm: float | None = 1.0
    gradient_value_clip: float | None = None
    mixed_precision: MixedPrecision = "no"
    seed: int = 0
    keep: Keep = "best"
    patience: int | None = None
    flip: bool = True
    shift_pixels: int = 4
    brightness: float = 0.1
    contrast: float = 0.1
    channel_gain: float = 0.05
    augmentations: tuple[Augmentation, ...] = ()

    def __post_init__(self) -> None:
        """Refuse settings that cannot be trained with.

        Raises:
            SettingsError: A setting is impossible; all such settings are named.
        """
        faults = self.find_faults()
        if faults:
            raise SettingsError("training settings: " + "; ".join(faults))

    def find_faults(self) -> list[str]:
        """List the settings that are impossible, each with the reason."""
        faults = super().find_faults()
        faults += [
            f"{name}={getattr(self, name)!r} is not a whole number of {least} or more"
            for name, least in _LEAST.items()
            if not _is_whole(getattr(self, name), least)
        ]
        faults += [
            f"{name}={value!r} is not a whole number of 1 or more"
            for name in ("patience", "clips_cut", "views")
            if (value := getattr(self, name)) is not None and not _is_whole(value, 1)
        ]
        if _is_whole(self.batch_size, 2) and self.batch_size % 2:
            faults.append(f"batch_size={self.batch_size} is odd, and half of a batch is real")
        faults += [
            f"{name}={getattr(self, name)!r} is not one of {', '.join(choices)}"
            for name, choices in _CHOICES.items()
            if getattr(self, name) not in choices
        ]
        faults += [
            f"{name}={getattr(self, name)!r} is not a number above zero"
            for name in ("learning_rate", "epsilon", "max_gradient_norm", "gradient_value_clip")
            if getattr(self, name) is not None or name not in _OPTIONAL
            if not (_is_number(getattr(self, name)) and getattr(self, name) > 0)
        ]
        faults += [
            f"{name}={getattr(self, name)!r} is not a number in 0 to 1"
            for name in _SHARES
            if not (_is_number(getattr(self, name)) and 0 <= getattr(self, name) < 1)
        ]
        faults += [
            f"{name}={getattr(self, name)!r} is not true or false"
            for name in ("flip", "decay_vectors", "pairs")
            if not isinstance(getattr(self, name), bool)
        ]
        faults += [
            f"augmentations: probability={change.probability!r} of {change.name} is not in 0 to 1"
            for change in self.augmentations
            if not (_is_number(change.probability) and 0 <= change.probability <= 1)
        ]
        return faults

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        record: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return record


_LEAST = {
    "epochs": 1,
    "batch_size": 2,
    "clips_per_sample": 1,
    "draws_per_video": 1,
    "seed": 0,
    "shift_pixels": 0,
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "optimiser": get_args(Optimiser),
    "schedule": get_args(Schedule),
    "mixed_precision": get_args(MixedPrecision),
    "keep": get_args(Keep),
}
_SHARES = (
    "momentum",
    "weight_decay",
    "final_factor",
    "warmup_share",
    "warmup_factor",
    "brightness",
    "contrast",
    "channel_gain",
)


_OPTIONAL = ("max_gradient_norm", "gradient_value_clip")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and math.isfinite(value)


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and value >= least


@dataclass(frozen=True, kw_only=True)
class PublishedRecipe:
    """The training that a detector's authors describe or ship.

    Attributes:
        source: The paper or command that the figures come from.
        optimiser: The optimiser.
        learning_rate: The highest learning rate.
        weight_decay: The weight decay of the optimiser.
        momentum: The first moment: SGD's momentum, or Adam's first beta.
        epsilon: The epsilon of Adam.
        schedule: ``cosine`` or ``cosine_by_epoch`` to ``final_learning_rate``; ``steps``:
            ``step_rates`` from the epochs that they name on; ``constant``.
        step_rates: Pairs of first epoch and learning rate.
        final_learning_rate: The learning rate at the end of the cosine.
        warmup_epochs: The length of the linear rise from ``warmup_learning_rate``.
        warmup_learning_rate: The learning rate at the beginning of that rise.
        epochs: The total number of epochs.
        batch_size: Samples of one step, over all devices.
        clips_per_sample: Clips of one video whose logits are averaged before the loss.
        draws_per_video: Samples of each video in an epoch.
        random_clips: Whether each of them begins anywhere in its even part of the video, drawn
            again at every step. ``thb train`` draws among ``STARTS_KEPT`` places in each part.
        pairs: Whether fakes stand beside their real videos in a batch.
        label_smoothing: The share of a label that goes to both classes evenly.
        loss_terms: Name -> weight.
        gradient_value_clip: The largest absolute value of a gradient's entry.
        mixed_precision: Half precision, or None; ``thb train`` follows it by itself on a GPU only.
        backbone_weights: The weights that the backbone began with.
        frozen: Parts that are not trained.
        decay_vectors: Whether biases and scales of norms decay as well.
        augmentations: The random changes of samples, in order.
        data: The training data.
        not_followed: Parts that ``thb train`` does not follow, each with the reason.
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
    draws_per_video: int = 1
    random_clips: bool = False
    pairs: bool = False
    label_smoothing: float = 0.0
    loss_terms: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({"cross_entropy": 1.0})
    )
    gradient_value_clip: float | None = None
    mixed_precision: MixedPrecision | None = None
    frozen: tuple[str, ...] = ()
    decay_vectors: bool = False
    augmentations: tuple[Augmentation, ...] = ()
    not_followed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def to_recipe(self) -> Recipe:
        """Return the recipe that ``thb train`` follows, without what ``not_followed`` names.

        Loss terms and label smoothing are not part of it, because a detector's own ``forward``
        computes them.
        """
        return Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            clips_per_sample=self.clips_per_sample,
            clips_cut=STARTS_KEPT * self.clips_per_sample if self.random_clips else None,
            draws_per_video=self.draws_per_video,
            pairs=self.pairs,
            optimiser=self.optimiser,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            epsilon=self.epsilon,
            weight_decay=self.weight_decay,
            decay_vectors=self.decay_vectors,
            schedule=self.schedule,
            step_factors=tuple(
                (epoch, rate / self.learning_rate) for epoch, rate in self.step_rates
            ),
            final_factor=self.final_learning_rate / self.learning_rate,
            warmup_share=self.warmup_epochs / self.epochs,
            warmup_factor=self.warmup_learning_rate / self.learning_rate,
            max_gradient_norm=None,
            gradient_value_clip=self.gradient_value_clip,
            mixed_precision=self.mixed_precision or "no",
            # The changes for detectors without a published recipe are off.
            flip=False,
            shift_pixels=0,
            brightness=0.0,
            contrast=0.0,
            channel_gain=0.0,
            augmentations=tuple(
                augmentation
                for augmentation in self.augmentations
                if augmentation.name not in self.not_followed
            ),
        )
