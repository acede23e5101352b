"""The validation after each epoch, and the choice of the epoch whose weights are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate.utils import gather_object
from torch import Tensor

from detectors.base import Detector
from metrics.talking_head_detection.roc import auc
from thb.prediction.inference import aggregate
from thb.training.data import LabelledClips
from thb.training.settings import TrainSettings
from thb_dataset.clips.video_clips import prepare_pixels
from thb_dataset.errors import DetectorError
from thb_dataset.records import Label

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """The numbers of one epoch.

    Attributes:
        epoch: The number of the epoch, from 1.
        steps: The number of steps from the start of the training.
        learning_rate: The learning rate of the last step.
        train_loss: The detector's own loss, the mean over the steps.
        validation_loss: The mean binary cross-entropy of the validation videos; None without any.
        validation_auc: The AUC over the validation videos; None if a class is missing.
        seconds: The wall time, validation included.
    """

    epoch: int
    steps: int
    learning_rate: float
    train_loss: float
    validation_loss: float | None
    validation_auc: float | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def choose_epoch(history: Sequence[Epoch], settings: TrainSettings) -> int:
    """Return the number of the epoch whose weights are kept, by the rule ``settings.keep``."""
    return history[-1].epoch if settings.keep == "last" else find_best(history)


def find_best(history: Sequence[Epoch]) -> int:
    """Return the number of the epoch with the best validation; the last one if none has an AUC."""
    judged = [epoch for epoch in history if epoch.validation_auc is not None]
    if not judged:
        return history[-1].epoch
    best = max(judged, key=lambda epoch: (epoch.validation_auc, -(epoch.validation_loss or 0.0)))
    return best.epoch


def validate(
    detector: Detector,
    videos: Sequence[LabelledClips],
    batch_size: int,
    accelerator: Accelerator,
    *,
    features: Mapping[str, Tensor] | None = None,
) -> tuple[float | None, float | None]:
    """Score the validation videos; each process scores its share.

    Args:
        detector: The detector, on the accelerator's device. It is left in evaluation mode.
        videos: The validation videos.
        batch_size: The number of clips given to the detector at once.
        accelerator: The processes.
        features: What the detector's frozen part has made of the clips, by the id of each video;
            None or empty if nothing was made.

    Returns:
        The mean binary cross-entropy over the videos, None without any, and their AUC, None if a
        class is missing. Every process returns the same.

    Raises:
        DetectorError: A score is not finite.
    """
    detector.eval()
    share = videos[accelerator.process_index :: accelerator.num_processes]
    spec = detector.config.clip_spec
    if features:
        logits = _score_features(detector, share, features, accelerator.device)
    else:
        logits = _score_clips(detector, share, batch_size, accelerator.device)
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
    if not np.isfinite(scores).all():
        raise DetectorError(
            "the detector's scores of the validation videos are not finite numbers: lower the"
            " learning rate"
        )
    certain = np.clip(np.where(labels == Label.FAKE, scores, 1 - scores), 1e-12, 1)
    both = 0 < labels.sum() < len(labels)
    return float(-np.log(certain).mean()), float(auc(labels, scores)) if both else None


def _score_clips(
    detector: Detector, videos: Sequence[LabelledClips], batch_size: int, device: torch.device
) -> Iterator[float]:
    """Yield the logit of every clip, video by video; a batch may hold clips of several videos."""
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


def _score_features(
    detector: Detector,
    videos: Sequence[LabelledClips],
    features: Mapping[str, Tensor],
    device: torch.device,
) -> Iterator[float]:
    """Yield the logit of every clip, video by video, from what the frozen part has made of it."""
    for video in videos:
        with torch.inference_mode():
            logits = detector(features=features[video.video_id].to(device)).logits
        yield from logits.double().cpu().tolist()
