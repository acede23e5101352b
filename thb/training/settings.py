"""How a detector is trained: the recipe, which moves the weights, and what does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

import torch

from detectors.recipes import Augmentation, Optimiser, Schedule
from thb.preprocessing.settings import Preparation
from thb.training.augmentation import find_unknown
from thb_dataset.errors import DetectorError

Keep = Literal["best", "last"]
MixedPrecision = Literal["no", "fp16", "bf16"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """The recipe. The same one gives the same weights on one machine with one process.

    Attributes:
        epochs: Times that every video of the more frequent class is seen.
        batch_size: Videos of one step over all processes, half of them real, half fake.
        clips_per_sample: Clips of a video that are seen at once; their logits are averaged before
            the loss.
        clips_cut: Clips that are kept of a training video, of which a sample draws one from each
            of ``clips_per_sample`` even parts; so much more is decoded and searched for faces,
            once. None: as many as scoring takes, as also where they are spread ``uniform``.
        optimiser: ``adamw``, ``adam`` (whose decay goes through its moments) or ``sgd``.
        learning_rate: At its height.
        momentum: SGD's, or Adam's first beta.
        epsilon: Adam's.
        weight_decay: Of the optimiser, on matrices and kernels.
        decay_vectors: Whether biases and scales of norms decay as well.
        schedule: ``cosine``: half a cosine down to ``final_factor``; ``steps``: by
            ``step_factors``; ``constant``.
        step_factors: Pairs of an epoch, from 0, and the factor of the learning rate from it on.
        final_factor: Of the learning rate, where the cosine ends.
        warmup_share: Part of the steps in which the rate rises linearly.
        warmup_factor: Of the learning rate, where the rise begins.
        max_gradient_norm: Gradients above this norm are scaled down to it; None: none are.
        gradient_value_clip: Largest entry of a gradient; None: any.
        mixed_precision: ``fp16`` or ``bf16``: the network's products are computed in it; ``no``.
        seed: Of fresh weights, order, augmentation and dropout.
        keep: ``best``: the weights of the epoch with the highest validation AUC, of equals the
            one with the lowest validation loss; the last where validation lacks a class.
            ``last``: those of the last epoch.
        patience: Epochs without a better one, in the sense of ``best``, after which the training
            ends; None: it never ends early.
        flip: Mirror every second clip.
        shift_pixels: Clips are moved by up to this many pixels, whole ones, so that nothing is
            resampled: that would wipe out the traces that a detector looks for.
        brightness: Clips are made lighter or darker by up to this part of the range.
        contrast: Contrast of clips is scaled by up to this part.
        channel_gain: Each colour channel of a clip is scaled by up to this part.
        augmentations: A published recipe's own changes, in order, after those above; all clips of
            a sample alike. :mod:`thb.training.augmentation` knows their names.
    """

    epochs: int = 10
    batch_size: int = 16
    clips_per_sample: int = 1
    clips_cut: int | None = None
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
        """Refuse what cannot be trained with.

        Raises:
            DetectorError: Every offender is named.
        """
        wrong = [
            f"{name}={getattr(self, name)!r} is not a whole number of {least} or more"
            for name, least in _LEAST.items()
            if not _is_whole(getattr(self, name), least)
        ]
        wrong += [
            f"{name}={value!r} is not a whole number of 1 or more"
            for name, value in (("patience", self.patience), ("clips_cut", self.clips_cut))
            if value is not None and not _is_whole(value, 1)
        ]
        if _is_whole(self.batch_size, 2) and self.batch_size % 2:
            wrong.append(f"batch_size={self.batch_size} is odd, and half of a batch is real")
        wrong += [
            f"{name}={getattr(self, name)!r} is none of {', '.join(choices)}"
            for name, choices in _CHOICES.items()
            if getattr(self, name) not in choices
        ]
        wrong += [
            f"{name}={getattr(self, name)!r} must be above zero"
            for name in ("learning_rate", "epsilon", "max_gradient_norm", "gradient_value_clip")
            if getattr(self, name) is not None and not getattr(self, name) > 0
        ]
        wrong += [
            f"{name}={getattr(self, name)!r} is not within 0 and 1"
            for name in _SHARES
            if getattr(self, name) is not None and not 0 <= getattr(self, name) < 1
        ]
        wrong += find_unknown(self.augmentations)
        if wrong:
            raise DetectorError("training settings: " + "; ".join(wrong))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        record: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return record


_LEAST = {"epochs": 1, "batch_size": 2, "clips_per_sample": 1, "seed": 0, "shift_pixels": 0}
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


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and value >= least


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Preparation):
    """What a training is given beside its recipe.

    Attributes:
        split_by: Reading of the release: ``"release"`` or ``"driver"``.
        config: Settings of a fresh detector that differ from its class's defaults.
        tiny: Begin with the small network of the same class that the detector declares, for tests;
            ``config`` may change it further.
        accumulate: Parts in which each batch is computed, one after the other, where it is too
            large for the memory; the step is that of the whole batch, but for what a network
            computes over a batch (batch normalisation).
        overwrite: Train anew what is in the folder already.
        trust_remote_code: Run Python code that the detector's folder or Hub repo brings.
        memory_bytes: What a process's crops may take of the memory; more of them are mapped from a
            file beside the store. None: half of the machine's, shared by its processes.
    """

    split_by: str = "release"
    config: Mapping[str, Any] | None = None
    tiny: bool = False
    accumulate: int = 1
    overwrite: bool = False
    trust_remote_code: bool = False
    memory_bytes: int | None = None


def suit_device(recipe: Mapping[str, Any], device: torch.device) -> Mapping[str, Any]:
    """Return a recipe as it is followed on a device: its half precision is for GPUs only."""
    if device.type == "cuda":
        return recipe
    return {name: value for name, value in recipe.items() if name != "mixed_precision"}


def choose_settings(
    recipe: Mapping[str, Any], chosen: TrainSettings | Mapping[str, Any] | None
) -> TrainSettings:
    """Return the settings of a training.

    Args:
        recipe: What suits the detector, where that differs from the defaults.
        chosen: All settings, or only those that are to differ from the recipe; None: none.

    Raises:
        DetectorError: A setting is unknown or impossible.
    """
    if isinstance(chosen, TrainSettings):
        return chosen
    differing = {**recipe, **(chosen or {})}
    known = [one.name for one in fields(TrainSettings)]
    unknown = sorted(set(differing) - set(known))
    if unknown:
        raise DetectorError(
            f"training settings: unknown {', '.join(map(repr, unknown))}; known: {', '.join(known)}"
        )
    differing["augmentations"] = tuple(
        one if isinstance(one, Augmentation) else Augmentation(**one)
        for one in differing.get("augmentations", ())
    )
    return replace(TrainSettings(), **differing)
