"""The zero of the heat: the alarm, that is the threshold at which a detector calls a video fake.

What the cells of a layer add is relative to the blurred video, which a detector may judge one way
or the other. The part of the score that no cell answers for is shared out evenly, so that all heat
of a video adds up to the distance of its score from the alarm: above zero for a video that is
called fake, below zero for one that is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from detectors.explain import ClipHeat, Target
    from thb.explanations.heat import Floats
    from thb_dataset.clip_spec import Aggregation

TOLERANCE: Final = 0.05
"""The largest gap of a complete map, over all heat of its clip for and against together."""

LEAST_HEAT: Final = 1.0
"""In logits; the gap of a clip with less heat is measured against this instead."""

FULL_MARGIN: Final = 2.0
"""The distance from the alarm, in logits, from which on the colours have their full strength."""

PALEST: Final = 0.2
"""The strength of the colours at the alarm itself."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """What the heat of one video is measured against.

    Attributes:
        threshold: The lowest score that is called fake; None if the detector has none.
        margin: The logit of the score minus the logit of the threshold; None if there is no
            threshold that a score can reach.
        complete: Whether what the cells add makes up the change of the logit.
    """

    threshold: float | None = None
    margin: float | None = None
    complete: bool = True

    @property
    def is_zero(self) -> bool:
        """Whether zero is the alarm; otherwise it is the mean of the video's own heat."""
        return self.margin is not None and self.complete

    def name_colours(self, target: Target) -> tuple[str, str]:
        """Return what heat above zero and heat below zero mean."""
        if self.is_zero:
            return f"speaks for {target}", f"against {target}"
        return f"more for {target} than the rest of this video", "less"

    def explain_zero(self) -> str:
        """Return what no colour means, in one or two sentences."""
        if self.is_zero:
            return (
                "No colour is the alarm: all colours of a video add up to the distance of its"
                " score from the alarm, and are pale where that is short."
            )
        why = "no score can reach the alarm threshold"
        if not self.complete:
            why = "the cells do not make up the whole score"
        elif self.threshold is None:
            why = "no alarm threshold is known"
        return (
            f"No colour is the mean of the video, because {why}. So colours only compare places"
            " of one video, and none of them says fake or not."
        )

    @property
    def strength(self) -> float:
        """The strength of the colours, from ``PALEST`` to 1: near the alarm they are pale."""
        if not self.is_zero or self.margin is None:
            return 1.0
        return max(PALEST, min(1.0, abs(self.margin) / FULL_MARGIN))


def find_alarm(maps: ClipHeat, aggregation: Aggregation, threshold: float | None) -> Alarm:
    """Return what the heat of a video is measured against.

    Args:
        maps: The maps of its clips.
        aggregation: The way in which the scores of the clips become one score.
        threshold: The lowest score that is called fake; None if it is unknown.
    """
    heat = np.abs(maps.heat).sum(axis=(1, 2, 3), dtype=np.float64)
    allowed = TOLERANCE * np.maximum(heat, LEAST_HEAT)
    complete = bool((np.abs(maps.gaps) <= allowed).all())
    if threshold is None or not 0 < threshold < 1:
        return Alarm(threshold=threshold, complete=complete)
    logit = float(np.log(threshold) - np.log1p(-threshold))
    margin = find_logit(maps.logits.tolist(), aggregation) - logit
    return Alarm(threshold=threshold, margin=margin, complete=complete)


def find_logit(clip_logits: Sequence[float], aggregation: Aggregation) -> float:
    """Return the logit of a video's score, which is finite even where the score rounds to 1."""
    logits = np.asarray(clip_logits, np.float64)
    if aggregation == "mean_logit":
        return float(logits.mean())
    fake, real = (np.logaddexp.reduce(-np.logaddexp(0, sign * logits)) for sign in (-1, 1))
    return float(fake - real)


def set_zero(evidence: Floats, covered: npt.NDArray[np.bool_], margin: float | None) -> Floats:
    """Return heat that adds up to a margin in the mean of the clips, or to zero without one.

    Args:
        evidence: float32 (N, T, h, w), what each cell adds to the logit of its clip.
        covered: bool (T, h, w), the cells among which the rest is shared out.
        margin: How far the score lies from the alarm, for the target class, in logits.
    """
    found = float(evidence.sum(dtype=np.float64)) / len(evidence)
    rest = ((margin or 0.0) - found) / max(1, int(covered.sum()))
    return (evidence + rest * covered).astype(np.float32)
