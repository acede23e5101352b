"""When an answer counts as right: by a calibrated threshold, or else by rank; never by 0.5."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

Verdict = Literal["right", "wrong"]


@dataclass(frozen=True, kw_only=True)
class VerdictRule:
    """When the answer of one detector counts as right.

    Attributes:
        threshold: Score from which on a video is called fake; None without a calibration.
        source: Where the threshold comes from, in words.
        median_real: Without a threshold: a fake that scores above it counts as right.
        median_fake: Without a threshold: a real video that scores below it counts as right.
    """

    threshold: float | None = None
    source: str = ""
    median_real: float | None = None
    median_fake: float | None = None

    def judge(self, label: int | None, score: float | None) -> Verdict | None:
        """Say whether a score is right; None where nothing can tell."""
        if label is None or score is None:
            return None
        if self.threshold is not None:
            return "right" if (score >= self.threshold) == bool(label) else "wrong"
        other = self.median_real if label else self.median_fake
        if other is None:
            return None
        return "right" if (score > other if label else score < other) else "wrong"

    def call(self, label: int | None, score: float) -> str:
        """Say in a few words what a score counts as."""
        if self.threshold is None:
            return f"{self.judge(label, score) or 'unknown'} by rank (no threshold)"
        return "called fake" if score >= self.threshold else "passes as real"

    def __str__(self) -> str:
        if self.threshold is not None:
            return f"the calibrated threshold; {self.source}"
        if self.median_real is None and self.median_fake is None:
            return "no calibrated threshold, and not both classes to rank: right and wrong unknown"
        return (
            "no calibrated threshold; by rank: a fake is right above the median real"
            f" ({_number(self.median_real)}), a real below the median fake"
            f" ({_number(self.median_fake)})"
        )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def find_rule(
    reference: str | Path,
    scored: Iterable[tuple[int | None, float | None]],
    *,
    weights_sha256: str | None = None,
) -> VerdictRule:
    """Find the rule of a detector.

    Its calibrated threshold where it has one. Without, no threshold is made up: the answer to a
    fake then counts as right where it scores above the median real video, that to a real one
    where it scores below the median fake, whatever the numbers themselves are.

    Args:
        reference: The detector's folder or Hub id; another reference has no calibration.
        scored: Label and score of the videos that are ranked, None where there is none.
        weights_sha256: Of the detector; a calibration of other weights is passed over.

    Raises:
        DetectorError: The detector's calibration is damaged.
    """
    from thb.prediction.calibration import read_calibration

    calibration = read_calibration(reference, weights_sha256=weights_sha256)
    if calibration is not None:
        return VerdictRule(threshold=calibration.threshold, source=str(calibration).rstrip("."))
    scores: dict[int, list[float]] = {0: [], 1: []}
    for label, score in scored:
        if label is not None and score is not None:
            scores[label].append(score)
    reals, fakes = (median(scores[label]) if scores[label] else None for label in (0, 1))
    return VerdictRule(median_real=reals, median_fake=fakes)
