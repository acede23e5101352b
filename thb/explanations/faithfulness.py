"""Faithfulness of the heat: how the score changes when the hottest cells are taken away.

Deletion and insertion curves (Petsiuk et al., RISE, BMVC 2018, arXiv:1806.07421), measured on the
clips that the detector saw. All cells of all frames of a video are ordered by their heat for the
target class. Deletion blurs them, the hottest first. Insertion starts with everything blurred and
brings the cells back, the hottest first. If the heat is faithful, P(target) falls quickly under
deletion and rises quickly under insertion, more quickly than for a random order of the same cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from thb.explanations.blurring import blur_frames, put_frames
from thb.prediction.inference import aggregate
from thb_dataset.clips.video_clips import prepare_pixels
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.explanations.explanation import Explanation

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """P(target) while cells are blurred and while they are brought back, in one order.

    Attributes:
        shares: The share of the cells that were changed, from 0 to 1.
        deletion: P(target) at each share, beginning with the whole video.
        insertion: P(target) at each share, beginning with everything blurred.
    """

    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]

    @property
    def deletion_auc(self) -> float:
        """Area under the deletion curve, by the trapezoid rule; low for a faithful order."""
        return float(np.trapezoid(self.deletion, self.shares))

    @property
    def insertion_auc(self) -> float:
        """Area under the insertion curve, by the trapezoid rule; high for a faithful order."""
        return float(np.trapezoid(self.insertion, self.shares))


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """How faithful the heat of one video is, compared with a random order of the same cells.

    Attributes:
        target: The target class, whose probability the curves show.
        heat: The curves in the order of the heat.
        control: The curves in a random order.
    """

    target: str
    heat: Curves
    control: Curves

    @property
    def deletion_gain(self) -> float:
        """How much lower than by chance P(target) is under deletion; above zero is good."""
        return self.control.deletion_auc - self.heat.deletion_auc

    @property
    def insertion_gain(self) -> float:
        """How much higher than by chance P(target) is under insertion; above zero is good."""
        return self.heat.insertion_auc - self.control.insertion_auc


def measure_faithfulness(
    detector: Detector,
    explanation: Explanation,
    *,
    steps: int = 10,
    batch_size: int = 4,
    seed: int = 0,
) -> Faithfulness:
    """Measure the curves of one explained video.

    Only the frames are blurred: the spectrogram of a detector that listens stays as it is. The
    detector scores every clip ``4 * steps - 2`` times, and is left as it was found.

    Args:
        detector: The detector that was explained.
        explanation: The explanation of the video.
        steps: The number of equal steps from no cell to all cells.
        batch_size: Clips per batch; it does not change a curve.
        seed: With the name of the video, the seed of the random order.

    Raises:
        DetectorError: There is less than one step, or a logit is not a finite number.
    """
    if steps < 1:
        raise DetectorError(f"steps={steps}: the curves need at least one step")
    blurred = blur_frames(explanation.frames)
    hottest = np.argsort(-explanation.evidence.ravel(), kind="stable")
    name = hashlib.sha256(f"{seed}:{explanation.video_id}".encode()).digest()
    random = np.random.default_rng(list(name)).permutation(hottest.size)

    def ask(order: npt.NDArray[np.int64], share: float, *, keep: bool) -> float:
        """Return P(target) with the first cells of the order alone kept, or alone blurred."""
        changed = np.zeros(order.size, bool)
        changed[order[: round(share * order.size)]] = True
        mask = _spread(changed.reshape(explanation.evidence.shape), explanation.spec.size)
        seen = mask if keep else ~mask
        frames = np.where(seen[..., None], explanation.frames, blurred)
        return _score(detector, explanation, frames, batch_size)

    with _evaluating(detector):
        whole, nothing = ask(hottest, 0, keep=False), ask(hottest, 1, keep=False)
        shares = np.linspace(0, 1, steps + 1).tolist()
        heat, control = (
            Curves(
                shares=tuple(shares),
                deletion=(whole, *(ask(order, s, keep=False) for s in shares[1:-1]), nothing),
                insertion=(nothing, *(ask(order, s, keep=True) for s in shares[1:-1]), whole),
            )
            for order in (hottest, random)
        )
    return Faithfulness(target=explanation.target, heat=heat, control=control)


def _spread(cells: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.bool_]:
    """Spread cells (N, T, h, w) to pixels (N, T, size, size): each takes the value of its cell."""
    rows, columns = (np.arange(size) * side // size for side in cells.shape[2:])
    pixels: npt.NDArray[np.bool_] = cells[:, :, rows[:, None], columns]
    return pixels


def _score(
    detector: Detector, explanation: Explanation, frames: Pictures, batch_size: int
) -> float:
    """Return P(target) of the video with other frames in place of its own."""
    import torch

    spec = explanation.spec
    prepared = prepare_pixels(put_frames(explanation.clips, frames), spec)
    logits: list[float] = []
    for start in range(0, len(frames), batch_size):
        part = np.s_[start : start + batch_size]
        values = torch.from_numpy(prepared[part]).to(detector.device)
        with torch.inference_mode():
            found = detector(pixel_values=values).logits
        logits += found.double().cpu().tolist()
    if not np.isfinite(logits).all():
        raise DetectorError(
            f"{explanation.video_id}: {type(detector).__name__} gave a logit that is not finite"
            " for the video with blurred cells"
        )
    fake = aggregate(logits, spec.aggregation)
    return fake if explanation.target == "fake" else 1 - fake


@contextmanager
def _evaluating(detector: Detector) -> Iterator[None]:
    """Switch the detector to evaluation mode, and afterwards each of its modules back."""
    modes = {module: module.training for module in detector.modules()}
    detector.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
