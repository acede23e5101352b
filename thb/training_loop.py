"""The inner loop of every training: steps, validation after each epoch, which weights are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate.utils import gather_object
from torch import Tensor
from torch.utils.data import DataLoader

from detectors.base import Detector
from metrics.talking_head_detection.roc import auc
from thb.inference import aggregate
from thb.progress import progress_bar
from thb.train_settings import TrainSettings
from thb.training_data import BalancedBatches, LabelledClips, TrainingClips
from thb_dataset.clips import prepare_pixels
from thb_dataset.errors import DetectorError
from thb_dataset.records import Label

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """How an epoch went.

    Attributes:
        epoch: From 1.
        steps: Steps done so far.
        learning_rate: Of its last step.
        train_loss: Mean over its steps of the detector's own loss.
        validation_loss: Mean binary cross-entropy of the validation videos; None without any.
        validation_auc: Over the validation videos; None where a class is missing.
        seconds: Wall time, validation included.
    """

    epoch: int
    steps: int
    learning_rate: float
    train_loss: float
    validation_loss: float | None
    validation_auc: float | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a training came to.

    Attributes:
        history: Its epochs.
        kept_epoch: Whose weights are kept.
        weights: Those weights, on the CPU.
    """

    history: tuple[Epoch, ...]
    kept_epoch: int
    weights: dict[str, Tensor]


def fit(
    detector: Detector,
    train: Sequence[LabelledClips],
    validation: Sequence[LabelledClips],
    *,
    settings: TrainSettings,
    accelerator: Accelerator,
    description: str | None = None,
) -> Fit:
    """Train a detector.

    Args:
        detector: Trained in place, which leaves it with the weights of the last epoch.
        train: Videos of both classes.
        validation: Videos to choose an epoch by; may be empty.
        settings: The recipe.
        accelerator: With ``split_batches``, so that a batch is the same for any number of
            processes.
        description: Of the bar on stderr; None: no bar.

    Raises:
        DetectorError: The batch cannot be shared by the processes, or the loss is not finite.
    """
    if settings.batch_size % accelerator.num_processes:
        raise DetectorError(
            f"batch_size={settings.batch_size} cannot be shared by {accelerator.num_processes}"
            " processes: choose a multiple of their number"
        )
    batches = BalancedBatches(
        [video.label for video in train], batch_size=settings.batch_size, seed=settings.seed
    )
    data = TrainingClips(train, detector.config.clip_spec, settings)
    optimizer = torch.optim.AdamW(group_parameters(detector, settings), lr=settings.learning_rate)
    model, optimizer, loader = accelerator.prepare(
        detector, optimizer, DataLoader(data, batch_sampler=batches)
    )
    total = settings.epochs * len(batches)
    history: list[Epoch] = []
    weights: dict[str, Tensor] = {}
    with progress_bar(
        total=total, description=description or "", unit="step", shown=description is not None
    ) as bar:
        for number in range(1, settings.epochs + 1):
            began = time.perf_counter()
            batches.epoch = number - 1
            losses, rate = [], 0.0
            model.train()
            for step, batch in enumerate(loader, start=(number - 1) * len(batches)):
                rate = learning_rate(step, total, settings)
                losses.append(_step(model, optimizer, batch, rate, settings, accelerator))
                bar.set_postfix_str(f"loss {losses[-1]:.3f}", refresh=False)
                bar.update()
            validation_loss, validation_auc = validate(
                detector, validation, settings.batch_size, accelerator
            )
            history.append(
                Epoch(
                    epoch=number,
                    steps=number * len(batches),
                    learning_rate=rate,
                    train_loss=float(np.mean(losses)),
                    validation_loss=validation_loss,
                    validation_auc=validation_auc,
                    seconds=round(time.perf_counter() - began, 3),
                )
            )
            if choose_epoch(history, settings) == number:
                weights = copy_weights(detector)
    kept = choose_epoch(history, settings)
    return Fit(history=tuple(history), kept_epoch=kept, weights=weights)


def _step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: dict[str, Tensor],
    rate: float,
    settings: TrainSettings,
    accelerator: Accelerator,
) -> float:
    """Do one step and return its loss, the mean over the processes.

    Raises:
        DetectorError: The loss is not a finite number.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = model(**batch).loss
    accelerator.backward(loss)
    accelerator.clip_grad_norm_(model.parameters(), settings.max_gradient_norm)
    optimizer.step()
    optimizer.zero_grad()
    value = float(accelerator.reduce(loss.detach(), reduction="mean"))
    if not math.isfinite(value):
        raise DetectorError(
            f"the loss is not a finite number: lower the learning rate ({settings.learning_rate:g})"
        )
    return value


def group_parameters(detector: Detector, settings: TrainSettings) -> list[dict[str, Any]]:
    """Return the trained weights in two groups: matrices and kernels decay, the others do not."""
    trained = [weight for weight in detector.parameters() if weight.requires_grad]
    return [
        {
            "params": [weight for weight in trained if weight.ndim > 1],
            "weight_decay": settings.weight_decay,
        },
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
    ]


def learning_rate(step: int, total: int, settings: TrainSettings) -> float:
    """Return the rate of a step, counted from 0: a linear rise, then half a cosine to zero."""
    rising = max(1, round(settings.warmup_share * total))
    if step < rising:
        return settings.learning_rate * (step + 1) / rising
    done = (step - rising) / max(1, total - rising)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def choose_epoch(history: Sequence[Epoch], settings: TrainSettings) -> int:
    """Return the epoch whose weights are kept, by the rule of ``settings.keep``."""
    judged = [one for one in history if one.validation_auc is not None]
    if settings.keep == "last" or not judged:
        return history[-1].epoch
    best = max(judged, key=lambda one: (one.validation_auc, -(one.validation_loss or 0.0)))
    return best.epoch


def copy_weights(detector: Detector) -> dict[str, Tensor]:
    """Return a copy of a detector's weights on the CPU, which further steps leave alone."""
    return {
        name: tensor.detach().to("cpu", copy=True) for name, tensor in detector.state_dict().items()
    }


def validate(
    detector: Detector,
    videos: Sequence[LabelledClips],
    batch_size: int,
    accelerator: Accelerator,
) -> tuple[float | None, float | None]:
    """Score videos, each process its share.

    Args:
        detector: On the accelerator's device; left in evaluation mode.
        videos: With their labels.
        batch_size: Clips given to the detector at a time.
        accelerator: Knows the processes.

    Returns:
        The mean binary cross-entropy over the videos, None without any, and their AUC, None where
        a class is missing. The same for every process.
    """
    detector.eval()
    share = videos[accelerator.process_index :: accelerator.num_processes]
    spec = detector.config.clip_spec
    logits = iter(_score_clips(detector, share, batch_size, accelerator.device))
    own = [
        (
            video.video_id,
            int(video.label),
            aggregate([next(logits) for _ in video.clips.pixels], spec.aggregation),
        )
        for video in share
    ]
    rows = sorted(gather_object(own))
    if not rows:
        return None, None
    labels = np.array([label for _, label, _ in rows])
    scores = np.array([score for _, _, score in rows])
    certain = np.clip(np.where(labels == Label.FAKE, scores, 1 - scores), 1e-12, 1)
    both = 0 < labels.sum() < len(labels)
    return float(-np.log(certain).mean()), float(auc(labels, scores)) if both else None


def _score_clips(
    detector: Detector, videos: Sequence[LabelledClips], batch_size: int, device: torch.device
) -> Iterator[float]:
    """Yield the logit of every clip of every video in turn, computed in batches across videos."""
    spec = detector.config.clip_spec
    waiting: list[npt.NDArray[np.float32]] = []
    for last, video in enumerate(videos, 1 - len(videos)):
        waiting.extend(prepare_pixels(video.clips, spec))
        while len(waiting) >= batch_size or (waiting and last == 0):
            pixels = torch.from_numpy(np.stack(waiting[:batch_size])).to(device)
            del waiting[:batch_size]
            with torch.inference_mode():
                logits = detector(pixel_values=pixels).logits
            yield from logits.double().cpu().tolist()
