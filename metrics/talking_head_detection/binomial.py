"""Exact intervals of proportions, in plain Python, and what every measure here may raise."""

from __future__ import annotations

import math
from dataclasses import dataclass


class MetricError(ValueError):
    """The input is empty, of one class, NaN, out of range or of unequal length."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: The lower end.
        high: The upper end.
    """

    low: float
    high: float


def binomial_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a proportion (Clopper and Pearson, Biometrika 1934).

    Args:
        successes: The number of successes.
        trials: The number of trials, 1 or more.
        confidence: The coverage of the interval, within (0, 1).

    Raises:
        MetricError: The successes are not within 0 and the trials, there is no trial, or the
            confidence is outside (0, 1).

    Examples:
        >>> interval = binomial_interval(8, 10)
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.444, 0.975)
    """
    alpha = 1 - check_confidence(confidence)
    if not 0 <= successes <= trials or trials < 1:
        raise MetricError(f"there cannot be {successes} successes in {trials} trials")
    low = high = 0.0
    if successes > 0:
        low = _beta_quantile(alpha / 2, successes, trials - successes + 1)
    high = 1.0
    if successes < trials:
        high = _beta_quantile(1 - alpha / 2, successes + 1, trials - successes)
    return Interval(low, high)


def check_confidence(confidence: float) -> float:
    """Return the coverage of an interval if it can have that coverage.

    Raises:
        MetricError: The coverage is outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise MetricError(f"confidence must be within (0, 1), not {confidence}")
    return confidence


def _beta_quantile(probability: float, a: int, b: int) -> float:
    low, high = 0.0, 1.0
    while (middle := (low + high) / 2) not in (low, high):
        if _beta_cdf(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return high


def _beta_cdf(x: float, a: int, b: int) -> float:
    """Return the regularised incomplete beta function for 0 < x < 1."""
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_cdf(1 - x, b, a)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(scale + a * math.log(x) + b * math.log1p(-x)) / a
    return front / _continued_fraction(x, a, b)


def _continued_fraction(x: float, a: int, b: int) -> float:
    """Evaluate the continued fraction of DLMF 8.17.22 by Lentz's method."""
    tiny = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 100_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + term * d) or tiny)
        c = (1 + term / c) or tiny
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
