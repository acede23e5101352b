"""The loop of every training: steps, a validation after each epoch, the weights that are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from detectors.base import Detector
from thb.runtime.progress import progress_bar
from thb.training.batches import BalancedBatches
from thb.training.checkpoint import Checkpoint, CheckpointFolder, restore_random, store_random
from thb.training.data import LabelledClips, TrainingClips
from thb.training.features import FrozenFeatures
from thb.training.optimiser import learning_rate, make_optimiser
from thb.training.pairs import find_partners
from thb.training.precision import autocast
from thb.training.pseudo_batches import PseudoFakeBatches
from thb.training.settings import TrainSettings
from thb.training.validation import Epoch, choose_epoch, find_best, validate
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from tqdm import tqdm


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The result of a training.

    Attributes:
        history: The numbers of each epoch.
        kept_epoch: The epoch whose weights are kept.
        weights: Those of its weights that are trained, and its buffers, on the CPU.
        resumed_after: The last epoch that an earlier process had finished; 0 if there was none.
    """

    history: tuple[Epoch, ...]
    kept_epoch: int
    weights: dict[str, Tensor]
    resumed_after: int = 0


def fit(  # noqa: PLR0913 — what is trained, on what, by whom, and what is kept of it
    detector: Detector,
    train: Sequence[LabelledClips],
    validation: Sequence[LabelledClips],
    *,
    settings: TrainSettings,
    accelerator: Accelerator,
    accumulate: int = 1,
    checkpoints: CheckpointFolder | None = None,
    features: FrozenFeatures | None = None,
    description: str | None = None,
) -> Fit:
    """Train a detector.

    Args:
        detector: The detector. It is trained in place and ends with the weights of the last epoch.
        train: Videos of both classes.
        validation: Videos that decide which epoch is kept; may be empty.
        settings: The recipe.
        accelerator: The processes; with ``split_batches``, so that a batch is the same for any
            number of them.
        accumulate: The number of parts in which each process computes its share of a batch.
        checkpoints: The folder that keeps the state after each epoch. If it holds a state, the
            training continues from it.
        features: Where the features of frozen layers are kept; None makes them at every step.
        description: The text of the progress bar on stderr; None for no bar.

    Raises:
        DetectorError: The batch cannot be shared by the processes and parts, the loss is not
            finite, or the checkpoint belongs to another training.
    """
    check_shares(settings, accelerator.num_processes, accumulate)
    training = _Training(detector, train, validation, settings, accelerator, accumulate, features)
    before = None if checkpoints is None else checkpoints.read()
    if before is not None:
        training.restore(before)
    resumed = len(training.history)
    with progress_bar(
        total=training.total, description=description or "", unit="step", shown=bool(description)
    ) as bar:
        bar.update(resumed * training.steps)
        while not training.is_finished():
            training.do_epoch(bar)
            if checkpoints is not None and not training.is_finished():
                checkpoints.write(training.store(), accelerator)
    return Fit(
        history=tuple(training.history),
        kept_epoch=choose_epoch(training.history, settings),
        weights=training.kept,
        resumed_after=resumed,
    )


def check_shares(settings: TrainSettings, processes: int, accumulate: int) -> None:
    """Refuse a batch that cannot be divided evenly among the processes and their parts.

    Raises:
        DetectorError: The message says which multiple the batch size must be.
    """
    if accumulate < 1 or settings.batch_size % (processes * accumulate):
        raise DetectorError(
            f"batch_size={settings.batch_size} cannot be shared by {processes} processes in"
            f" {accumulate} parts each: choose a multiple of {processes * max(1, accumulate)}"
        )


class _Training:
    """The state of one training, which advances epoch by epoch.

    Accelerate divides the batches and joins the gradients.
    """

    def __init__(
        self,
        detector: Detector,
        train: Sequence[LabelledClips],
        validation: Sequence[LabelledClips],
        settings: TrainSettings,
        accelerator: Accelerator,
        accumulate: int,
        features: FrozenFeatures | None,
    ) -> None:
        self.history: list[Epoch] = []
        self.kept: dict[str, Tensor] = {}
        self._detector, self._settings, self._accelerator = detector, settings, accelerator
        self._accumulate, self._validation = accumulate, validation
        self._batches: BalancedBatches | PseudoFakeBatches = BalancedBatches(
            [video.label for video in train],
            batch_size=settings.batch_size,
            seed=settings.seed,
            draws=settings.draws_per_video,
            partners=find_partners(train) if settings.pairs else None,
        )
        if settings.pseudo_fakes:
            self._batches = PseudoFakeBatches(
                self._batches, train, share=settings.pseudo_fake_share, seed=settings.seed
            )
        self.steps = len(self._batches)
        self.total = settings.epochs * self.steps
        detector.to(accelerator.device)
        data: Dataset[dict[str, Tensor]] | None = None
        self._validated: Mapping[str, Tensor] = {}
        if features is not None:
            data = features.make_training_clips(detector, train, settings, accelerator)
        if data is None:
            data = TrainingClips(train, detector.config.clip_spec, settings)
        elif features is not None:
            self._validated = features.make_validation(detector, validation, settings, accelerator)
        self._optimiser = make_optimiser(detector, settings)
        self._model, self._loader = accelerator.prepare(
            detector, DataLoader(data, batch_sampler=self._batches)
        )
        self._scaler = torch.amp.GradScaler(
            accelerator.device.type, enabled=settings.mixed_precision == "fp16"
        )

    def is_finished(self) -> bool:
        """Return whether all epochs are done, or the last ``patience`` ones improved nothing."""
        done, patience = len(self.history), self._settings.patience
        if done in (0, self._settings.epochs):
            return done > 0
        return patience is not None and done - find_best(self.history) >= patience

    def do_epoch(self, bar: tqdm[None]) -> None:
        """Train for one epoch, validate, and keep the weights if the epoch is the one to keep."""
        began, number = time.perf_counter(), len(self.history) + 1
        self._batches.epoch = number - 1
        losses, rate = [], 0.0
        self._model.train()
        for step, batch in enumerate(self._loader, start=(number - 1) * self.steps):
            rate = learning_rate(step, self.total, self._settings)
            losses.append(self._do_step(batch, rate))
            bar.set_postfix_str(f"loss {losses[-1]:.3f}", refresh=False)
            bar.update()
        validation_loss, validation_auc = validate(
            self._detector,
            self._validation,
            self._settings.batch_size,
            self._accelerator,
            features=self._validated,
        )
        self.history.append(
            Epoch(
                epoch=number,
                steps=number * self.steps,
                learning_rate=rate,
                train_loss=float(np.mean(losses)),
                validation_loss=validation_loss,
                validation_auc=validation_auc,
                seconds=round(time.perf_counter() - began, 3),
            )
        )
        if choose_epoch(self.history, self._settings) == number:
            self.kept = copy_trained(self._detector)

    def _do_step(self, batch: Mapping[str, Tensor], rate: float) -> float:
        """Train for one step and return its loss, the mean over the processes.

        Raises:
            DetectorError: The loss is not finite.
        """
        settings, model = self._settings, self._model
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        device = self._accelerator.device
        value = torch.zeros((), device=device)
        name = "features" if "features" in batch else "pixel_values"
        parts = [batch[each].chunk(self._accumulate) for each in (name, "labels")]
        for number, (inputs, labels) in enumerate(zip(*parts, strict=True), start=1):
            last, cast = number == self._accumulate, autocast(device, settings.mixed_precision)
            # The processes join their gradients once, with the last part.
            with nullcontext() if last else self._accelerator.no_sync(model), cast:
                loss = model(**{name: inputs.flatten(0, 1)}, labels=labels).loss
                loss = loss / self._accumulate
                self._scaler.scale(loss).backward()
            value += loss.detach()
        weights = [weight for weight in self._detector.parameters() if weight.grad is not None]
        self._scaler.unscale_(self._optimiser)
        if settings.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(weights, settings.max_gradient_norm)
        if settings.gradient_value_clip is not None:
            torch.nn.utils.clip_grad_value_(weights, settings.gradient_value_clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._optimiser.zero_grad()
        mean = float(self._accelerator.reduce(value, reduction="mean"))
        if not math.isfinite(mean):
            raise DetectorError(
                f"the loss is not finite: lower the learning rate ({settings.learning_rate:g})"
            )
        return mean

    def store(self) -> Checkpoint:
        """Return a copy of everything that the next epochs depend on."""
        return Checkpoint(
            history=tuple(self.history),
            weights=copy_trained(self._detector),
            kept=self.kept,
            optimiser=self._optimiser.state_dict()["state"],
            scaler=self._scaler.state_dict(),
            random=store_random(self._accelerator.device),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from the state that :meth:`store` returned."""
        self.history = list(checkpoint.history)
        self.kept = checkpoint.kept
        load_trained(self._detector, checkpoint.weights)
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": checkpoint.optimiser, "param_groups": groups})
        if checkpoint.scaler:
            self._scaler.load_state_dict(checkpoint.scaler)
        restore_random(checkpoint.random, self._accelerator.device)


def copy_trained(detector: Detector) -> dict[str, Tensor]:
    """Return a copy, on the CPU, of a detector's trained weights and its buffers."""
    frozen = _find_frozen(detector)
    return {
        name: tensor.detach().to("cpu", copy=True)
        for name, tensor in detector.state_dict().items()
        if name not in frozen
    }


def load_trained(detector: Detector, weights: Mapping[str, Tensor]) -> None:
    """Put back what :func:`copy_trained` returned.

    Raises:
        DetectorError: A trained weight is missing, or one is unknown.
    """
    missing, unknown = detector.load_state_dict(weights, strict=False)
    lost = sorted({*missing} - _find_frozen(detector))
    if lost or unknown:
        raise DetectorError(f"the weights of a training lack or add {', '.join([*lost, *unknown])}")


def _find_frozen(detector: Detector) -> set[str]:
    return {name for name, weight in detector.named_parameters() if not weight.requires_grad}
