"""Does the heat tell the truth: what happens to the score when the hot cells are taken away.

Deletion and insertion curves (Petsiuk et al., RISE, BMVC 2018, arXiv:1806.07421) on the very clips
that the detector saw. All cells of all frames of a video are put in the order of their heat for the
class asked for. Deletion blurs them away, the hottest first; insertion begins with everything
blurred and brings them back, the hottest first. If the heat is true, P(class) falls quickly in
the one and rises quickly in the other, quicker than in a random order of the same cells.

Both use the blurred picture and no grey: a grey square is nothing that a camera gives, and a
detector of forgeries may answer to its edges rather than to what it hides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb.prediction.inference import aggregate
from thb_dataset.clips.video_clips import prepare_pixels
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.explanations.explanation import Explanation

Pictures = npt.NDArray[np.uint8]

BLUR: Final = 1 / 14
"""Standard deviation of the blur over the side of the crop: an eye is gone, the colours are left.
Of a picture of 224 pixels it is 16; RISE takes 5, which leaves a face to be known."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """P(class) as cells are taken away, and as they are brought back, in one order.

    Attributes:
        shares: Share of the cells that were changed, from 0 to 1.
        deletion: P(class) at each share; it begins with the whole video.
        insertion: P(class) at each share; it begins with everything blurred.
    """

    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]

    @property
    def deletion_auc(self) -> float:
        """Area under the deletion curve, by trapezes; low where the order is true."""
        return float(np.trapezoid(self.deletion, self.shares))

    @property
    def insertion_auc(self) -> float:
        """Area under the insertion curve, by trapezes; high where the order is true."""
        return float(np.trapezoid(self.insertion, self.shares))


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """How far the heat of one video is true, against a random order of the same cells.

    Attributes:
        target: The class whose probability the curves show.
        heat: The curves in the order of the heat.
        control: The curves in a random order.
    """

    target: str
    heat: Curves
    control: Curves

    @property
    def deletion_gain(self) -> float:
        """How much lower than by chance P(class) is while cells are taken away; > 0 is good."""
        return self.control.deletion_auc - self.heat.deletion_auc

    @property
    def insertion_gain(self) -> float:
        """How much higher than by chance P(class) is while cells come back; > 0 is good."""
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

    Only the frames are touched: the spectrogram of a detector that listens stays as it is. The
    detector is asked ``4 * steps - 2`` times about every clip, and left as it was found.

    Args:
        detector: The one that was explained.
        explanation: Of the video; its clips are what is changed.
        steps: Equal steps from nothing to everything.
        batch_size: Clips scored together; it does not change a curve.
        seed: Of the random order, together with the name of the video.

    Raises:
        DetectorError: There are fewer steps than one, or a logit is not a finite number.
    """
    if steps < 1:
        raise DetectorError(f"steps={steps}: the curves need one step at least")
    blurred = _blur(explanation.frames)
    hottest = np.argsort(-explanation.heat.ravel(), kind="stable")
    name = hashlib.sha256(f"{seed}:{explanation.video_id}".encode()).digest()
    anyhow = np.random.default_rng(list(name)).permutation(hottest.size)

    def ask(order: npt.NDArray[np.int64], share: float, *, keep: bool) -> float:
        changed = np.zeros(order.size, bool)
        changed[order[: round(share * order.size)]] = True
        mask = _spread(changed.reshape(explanation.heat.shape), explanation.spec.size)
        seen = mask if keep else ~mask
        frames = np.where(seen[..., None], explanation.frames, blurred)
        return _score(detector, explanation, frames, batch_size)

    with _judging(detector):
        whole, nothing = ask(hottest, 0, keep=False), ask(hottest, 1, keep=False)
        shares = np.linspace(0, 1, steps + 1).tolist()
        curves = [
            Curves(
                shares=tuple(shares),
                deletion=(whole, *(ask(o, s, keep=False) for s in shares[1:-1]), nothing),
                insertion=(nothing, *(ask(o, s, keep=True) for s in shares[1:-1]), whole),
            )
            for o in (hottest, anyhow)
        ]
    return Faithfulness(target=explanation.target, heat=curves[0], control=curves[1])


def _blur(frames: Pictures) -> Pictures:
    """Blur each picture, the edge repeated outside of it."""
    import cv2

    size = frames.shape[2]
    flat = frames.reshape(-1, *frames.shape[2:])
    sigma = size * BLUR
    blurred = [
        cv2.GaussianBlur(one, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for one in flat
    ]
    return np.stack(blurred).reshape(frames.shape)


def _spread(cells: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.bool_]:
    """Bring cells (N, T, h, w) to pixels (N, T, size, size): each has that of the cell it is in."""
    rows, columns = (np.arange(size) * side // size for side in cells.shape[2:])
    pixels: npt.NDArray[np.bool_] = cells[:, :, rows[:, None], columns]
    return pixels


def _score(
    detector: Detector, explanation: Explanation, frames: Pictures, batch_size: int
) -> float:
    """Return P(class) of the video with other frames in the place of its own."""
    import torch

    clips, spec = explanation.clips, explanation.spec
    logits: list[float] = []
    for start in range(0, len(frames), batch_size):
        part = np.s_[start : start + batch_size]
        before = clips.pixels[part, : -frames.shape[1]]
        changed = replace(clips, pixels=np.concatenate([before, frames[part]], axis=1))
        values = torch.from_numpy(prepare_pixels(changed, spec)).to(detector.device)
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
def _judging(detector: Detector) -> Iterator[None]:
    """Switch to evaluation, and afterwards back to what every part was in."""
    modes = {module: module.training for module in detector.modules()}
    detector.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
