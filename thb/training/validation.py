"""Validation after an epoch: its numbers, and which epoch's weights are kept by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate.utils import gather_object

from detectors.base import Detector
from metrics.talking_head_detection.roc import auc
from thb.prediction.inference import aggregate
from thb.training.data import LabelledClips
from thb.training.settings import TrainSettings
from thb_dataset.clips.video_clips import prepare_pixels
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


def choose_epoch(history: Sequence[Epoch], settings: TrainSettings) -> int:
    """Return the epoch whose weights are kept, by the rule of ``settings.keep``."""
    return history[-1].epoch if settings.keep == "last" else find_best(history)


def find_best(history: Sequence[Epoch]) -> int:
    """Return the epoch with the best validation; the last one where none was validated."""
    judged = [one for one in history if one.validation_auc is not None]
    if not judged:
        return history[-1].epoch
    best = max(judged, key=lambda one: (one.validation_auc, -(one.validation_loss or 0.0)))
    return best.epoch


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
