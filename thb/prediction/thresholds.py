"""The arithmetic of thresholds: scores of real videos in, one number out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from thb_dataset.errors import ReleaseError

TARGET_FPR: Final = 0.01


def find_threshold(reals: Iterable[float], target_fpr: float = TARGET_FPR) -> float:
    """Return the lowest threshold that at most floor(target_fpr x n) real scores reach.

    Args:
        reals: P(fake) of n real videos.
        target_fpr: The share of real videos that may reach the threshold, within (0, 1).

    Raises:
        ReleaseError: There is no score.
        ValueError: The target is impossible.
    """
    if not 0 < target_fpr < 1:
        raise ValueError(f"the false-alarm rate must be within (0, 1), not {target_fpr}")
    falling = sorted(reals, reverse=True)
    if not falling:
        raise ReleaseError("no real video has a score, so there is no threshold")
    allowed, _ = count_allowed(len(falling), target_fpr)
    # The metric's threshold is one of the scores; a verdict needs the lowest possible number.
    return math.nextafter(falling[allowed], math.inf)


def count_allowed(n_real: int, target_fpr: float) -> tuple[int, bool]:
    """Return how many false alarms a target allows, and whether it allows one at all."""
    rate = Fraction(str(target_fpr))
    return math.floor(rate * n_real), rate * n_real >= 1
