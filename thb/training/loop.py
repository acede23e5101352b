"""The loop of every training: steps, a validation after each epoch, the weights that are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from detectors.base import Detector
from thb.runtime.progress import progress_bar
from thb.training.checkpoint import Checkpoint, CheckpointFolder, restore_random, store_random
from thb.training.data import BalancedBatches, LabelledClips, TrainingClips
from thb.training.optimiser import learning_rate, make_optimiser
from thb.training.pseudo_batches import PseudoFakeBatches
from thb.training.settings import TrainSettings
from thb.training.validation import Epoch, choose_epoch, find_best, validate
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from tqdm import tqdm

_PRECISIONS = {"fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The result of a training.

    Attributes:
        history: The numbers of each epoch.
        kept_epoch: The epoch whose weights are kept.
        weights: Those weights, on the CPU.
        resumed_after: The last epoch that an earlier process had finished; 0 if there was none.
    """

    history: tuple[Epoch, ...]
    kept_epoch: int
    weights: dict[str, Tensor]
    resumed_after: int = 0


def fit(
    detector: Detector,
    train: Sequence[LabelledClips],
    validation: Sequence[LabelledClips],
    *,
    settings: TrainSettings,
    accelerator: Accelerator,
    accumulate: int = 1,
    checkpoints: CheckpointFolder | None = None,
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
        description: The text of the progress bar on stderr; None for no bar.

    Raises:
        DetectorError: The batch cannot be shared by the processes and parts, the loss is not
            finite, or the checkpoint belongs to another training.
    """
    check_shares(settings, accelerator.num_processes, accumulate)
    training = _Training(detector, train, settings, accelerator, accumulate)
    before = None if checkpoints is None else checkpoints.read()
    if before is not None:
        training.restore(before)
    resumed = len(training.history)
    with progress_bar(
        total=training.total, description=description or "", unit="step", shown=bool(description)
    ) as bar:
        bar.update(resumed * training.steps)
        while not training.is_finished():
            training.do_epoch(validation, bar)
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

    Accelerate divides the batches and joins the gradients. Mixed precision is torch's own, because
    Accelerate's is fixed for the life of the process.
    """

    def __init__(
        self,
        detector: Detector,
        train: Sequence[LabelledClips],
        settings: TrainSettings,
        accelerator: Accelerator,
        accumulate: int,
    ) -> None:
        self.history: list[Epoch] = []
        self.kept: dict[str, Tensor] = {}
        self._detector, self._settings, self._accelerator = detector, settings, accelerator
        self._accumulate = accumulate
        self._batches: BalancedBatches | PseudoFakeBatches = BalancedBatches(
            [video.label for video in train],
            batch_size=settings.batch_size,
            seed=settings.seed,
            draws=settings.draws_per_video,
        )
        if settings.pseudo_fakes:
            self._batches = PseudoFakeBatches(
                self._batches, train, share=settings.pseudo_fake_share, seed=settings.seed
            )
        self.steps = len(self._batches)
        self.total = settings.epochs * self.steps
        data = TrainingClips(train, detector.config.clip_spec, settings)
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

    def do_epoch(self, validation: Sequence[LabelledClips], bar: tqdm[None]) -> None:
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
            self._detector, validation, self._settings.batch_size, self._accelerator
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
            self.kept = copy_weights(self._detector)

    def _do_step(self, batch: Mapping[str, Tensor], rate: float) -> float:
        """Train for one step and return its loss, the mean over the processes.

        Raises:
            DetectorError: The loss is not finite.
        """
        settings, model = self._settings, self._model
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        value = torch.zeros((), device=self._accelerator.device)
        parts = [batch[name].chunk(self._accumulate) for name in ("pixel_values", "labels")]
        for number, (pixels, labels) in enumerate(zip(*parts, strict=True), start=1):
            last = number == self._accumulate
            # The processes join their gradients once, with the last part.
            with nullcontext() if last else self._accelerator.no_sync(model), self._autocast():
                loss = model(pixel_values=pixels.flatten(0, 1), labels=labels).loss
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

    def _autocast(self) -> Any:  # noqa: ANN401 — one of two context managers
        kind = _PRECISIONS.get(self._settings.mixed_precision)
        if kind is None:
            return nullcontext()
        return torch.autocast(self._accelerator.device.type, dtype=kind)

    def store(self) -> Checkpoint:
        """Return a copy of everything that the next epochs depend on."""
        return Checkpoint(
            history=tuple(self.history),
            weights=copy_weights(self._detector),
            kept=self.kept,
            optimiser=self._optimiser.state_dict()["state"],
            scaler=self._scaler.state_dict(),
            random=store_random(self._accelerator.device),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from the state that :meth:`store` returned."""
        self.history = list(checkpoint.history)
        self.kept = checkpoint.kept
        self._detector.load_state_dict(checkpoint.weights)
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": checkpoint.optimiser, "param_groups": groups})
        if checkpoint.scaler:
            self._scaler.load_state_dict(checkpoint.scaler)
        restore_random(checkpoint.random, self._accelerator.device)


def copy_weights(detector: Detector) -> dict[str, Tensor]:
    """Return a copy of a detector's weights on the CPU, which later steps do not change."""
    return {
        name: tensor.detach().to("cpu", copy=True) for name, tensor in detector.state_dict().items()
    }
