"""The optimiser of a training, and its learning rate at every step."""

from __future__ import annotations

import math
from typing import Any

import torch

from detectors.base import Detector
from thb.training.settings import TrainSettings

SECOND_BETA = 0.999


def make_optimiser(detector: Detector, settings: TrainSettings) -> torch.optim.Optimizer:
    """Return the recipe's optimiser for the weights of a detector that are trained."""
    groups, rate = group_parameters(detector, settings), settings.learning_rate
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum)
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, betas=(settings.momentum, SECOND_BETA), eps=settings.epsilon)


def group_parameters(detector: Detector, settings: TrainSettings) -> list[dict[str, Any]]:
    """Return the trained weights in two groups, those with weight decay and those without."""
    trained = [
        (weight, settings.decay_vectors or (weight.ndim > 1 and name not in detector.undecayed))
        for name, weight in detector.named_parameters()
        if weight.requires_grad
    ]
    return [
        {
            "params": [weight for weight, decays in trained if decays],
            "weight_decay": settings.weight_decay,
        },
        {"params": [weight for weight, decays in trained if not decays], "weight_decay": 0.0},
    ]


def learning_rate(step: int, total: int, settings: TrainSettings) -> float:
    """Return the learning rate of a step: a linear warm-up, then the recipe's schedule.

    Args:
        step: The number of the step, from 0.
        total: The number of steps of the whole training.
        settings: The recipe.
    """
    if settings.schedule == "cosine_by_epoch":
        return settings.learning_rate * _factor_of_epoch(step * settings.epochs // total, settings)
    peak, warmup = settings.learning_rate, max(1, round(settings.warmup_share * total))
    if step < warmup:
        start = settings.warmup_factor
        return peak * (start + (1 - start) * (step + 1) / warmup)
    if settings.schedule == "constant":
        return peak
    if settings.schedule == "steps":
        epoch = step * settings.epochs // total
        passed = [factor for first, factor in settings.step_factors if first <= epoch]
        return peak * (passed[-1] if passed else 1.0)
    done = (step - warmup) / max(1, total - warmup)
    end = settings.final_factor
    return peak * (end + (1 - end) * 0.5 * (1 + math.cos(math.pi * done)))


def _factor_of_epoch(epoch: int, settings: TrainSettings) -> float:
    """Return the factor of timm's cosine, which is set after an epoch by that epoch's number.

    So the second epoch has the rate of the first one. The cosine runs over all epochs, but its part
    below the warm-up is never used.
    """
    passed, warmup = max(0, epoch - 1), round(settings.warmup_share * settings.epochs)
    if passed < warmup:
        start = settings.warmup_factor
        return start + (1 - start) * passed / warmup
    end = settings.final_factor
    return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * passed / settings.epochs))
