"""When a score counts as right: by a calibrated threshold or else by rank, never by 0.5."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

Verdict = Literal["right", "wrong"]


@dataclass(frozen=True, kw_only=True)
class VerdictRule:
    """The rule by which the scores of one detector count as right or wrong.

    Attributes:
        threshold: The lowest score at which a video is called fake; None without a calibration.
        source: Where the threshold comes from, in words.
        median_real: The median score of the real videos. Without a threshold, a fake that scores
            above it counts as right.
        median_fake: The median score of the fakes. Without a threshold, a real video that scores
            below it counts as right.
    """

    threshold: float | None = None
    source: str = ""
    median_real: float | None = None
    median_fake: float | None = None

    def judge(self, label: int | None, score: float | None) -> Verdict | None:
        """Return whether a score is right or wrong; None if the rule cannot tell.

        Args:
            label: 1 fake, 0 real; None if it is unknown.
            score: P(fake); None if the video has no score.
        """
        if label is None or score is None:
            return None
        if self.threshold is not None:
            return "right" if (score >= self.threshold) == bool(label) else "wrong"
        other = self.median_real if label else self.median_fake
        if other is None:
            return None
        return "right" if (score > other if label else score < other) else "wrong"

    def call(self, label: int | None, score: float) -> str:
        """Return what a score counts as, in a few words."""
        if self.threshold is None:
            return f"{self.judge(label, score) or 'unknown'} by rank (no threshold)"
        return "called fake" if score >= self.threshold else "not called fake"

    def __str__(self) -> str:
        if self.threshold is not None:
            return f"by its own threshold. {self.source}"
        if self.median_real is None and self.median_fake is None:
            return (
                "no calibrated threshold, and not both classes for a ranking, so no score counts"
                " as right or wrong"
            )
        return (
            "no calibrated threshold; by rank: a fake counts as right above the median real video"
            f" ({_number(self.median_real)}), a real video below the median fake"
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
    """Return the rule of a detector: its calibrated threshold, or else a ranking.

    Without a calibration no threshold is made up: a fake counts as right if it scores above the
    median real video, and a real video if it scores below the median fake.

    Args:
        reference: The detector's folder or Hub id; any other reference has no calibration.
        scored: The label and the score of each video to rank, either of them None if unknown.
        weights_sha256: The digest of the detector's weights; a calibration of other weights is
            ignored.

    Raises:
        DetectorError: The detector's calibration is damaged.
    """
    from thb.prediction.thresholds import read_calibration

    calibration = read_calibration(reference, weights_sha256=weights_sha256)
    if calibration is not None:
        return VerdictRule(threshold=calibration.threshold, source=str(calibration).rstrip("."))
    scores: dict[int, list[float]] = {0: [], 1: []}
    for label, score in scored:
        if label is not None and score is not None:
            scores[label].append(score)
    reals, fakes = (median(scores[label]) if scores[label] else None for label in (0, 1))
    return VerdictRule(median_real=reals, median_fake=fakes)
