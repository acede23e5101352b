"""The numbers of the benchmark: AUC, TPR at a fixed false-alarm rate, Brier score, and intervals.

Scores are P(fake) in [0, 1], and label 1 is fake. Everything is computed in float64 from counts, so
tied scores move together. Only numpy is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from .binomial import Interval, MetricError, binomial_interval
from .inputs import FloatArray, IntArray, check_labels, check_scores
from .points import FixedPoint, OperatingPoint

__all__ = [
    "GRADED_FROM",
    "GRADES",
    "T01",
    "T1",
    "VERSION",
    "FixedPoint",
    "FloatArray",
    "IntArray",
    "Interval",
    "Method",
    "MetricError",
    "OperatingPoint",
    "RocCurve",
    "auc",
    "binomial_interval",
    "brier",
    "check_labels",
    "check_scores",
    "grade",
    "roc_curve",
    "tpr_at_fpr",
]

Method = Literal["conservative", "interpolate", "nearest"]
T1 = Fraction(1, 100)
T01 = Fraction(1, 1000)

VERSION = "1"
"""Raised whenever the same scores would give another number; results hold it."""

GRADED_FROM = 100
"""The least number of videos of each class behind a grade. With fewer real videos T1 allows no
false alarm, so a single video can decide it; with fewer fakes, one of them moves T1 by more than
the 0.01 that the narrowest grade is wide."""

GRADES = ((0.99, "excellent"), (0.95, "good"), (0.85, "reasonable"), (0.75, "fair"))
"""The paper's words for T1 and the least T1 of each; below the last one it is poor."""


@dataclass(frozen=True, slots=True)
class RocCurve:
    """The ROC curve as counts, from "nothing is called fake" to "everything is called fake".

    Attributes:
        false_alarms: int64 (P,), the real videos called fake at each point, from 0 on.
        hits: int64 (P,), the fake videos called fake at each point.
        thresholds: float64 (P,), the lowest score called fake; infinite at the first point.
    """

    false_alarms: IntArray
    hits: IntArray
    thresholds: FloatArray

    @property
    def n_real(self) -> int:
        """The number of real videos."""
        return int(self.false_alarms[-1])

    @property
    def n_fake(self) -> int:
        """The number of fake videos."""
        return int(self.hits[-1])

    @property
    def area(self) -> float:
        """The area under the curve: P(fake scores above real) + P(equal) / 2."""
        # Twice the area is computed in integers, so that no rounding errors add up.
        widths, sums = np.diff(self.false_alarms), self.hits[1:] + self.hits[:-1]
        return int(np.dot(widths, sums)) / (2 * self.n_real * self.n_fake)

    @property
    def average_precision(self) -> float:
        """The mean precision over the fakes found, without interpolation (as scikit-learn's)."""
        found = np.diff(self.hits)
        precision = self.hits[1:] / (self.hits[1:] + self.false_alarms[1:])
        return float(np.dot(found, precision)) / self.n_fake

    @property
    def equal_error_rate(self) -> float:
        """The rate at which false alarms and misses are equal, on a line between two points."""
        # Before the first point whose false alarms are not fewer than its misses, they were fewer.
        excess = self.false_alarms / self.n_real + self.hits / self.n_fake - 1
        point = int(np.searchsorted(excess, 0))
        before, after = excess[point - 1], excess[point]
        rates = self.false_alarms[point - 1 : point + 1] / self.n_real
        return float(rates[0] + (rates[1] - rates[0]) * before / (before - after))

    def at_fpr(
        self, target: Fraction | float, *, method: Method = "conservative"
    ) -> OperatingPoint:
        """Return the point at a target false-alarm rate, as ``tpr_at_fpr`` does.

        Raises:
            MetricError: There is no such target or method.
        """
        rate = _check_target(target)
        if method not in get_args(Method):
            raise MetricError(f"unknown method {method!r}; known: {', '.join(get_args(Method))}")
        allowed = rate.numerator * self.n_real // rate.denominator
        point = int(np.searchsorted(self.false_alarms, allowed, side="right")) - 1
        if method == "nearest":
            point = _nearest_point(self, rate, point)
        hits: float = float(self.hits[point])
        if method == "interpolate":
            exact = float(rate * self.n_real)
            before, after = (int(self.false_alarms[at]) for at in (point, point + 1))
            share = (exact - before) / (after - before)
            hits += share * float(self.hits[point + 1] - self.hits[point])
        return OperatingPoint(
            tpr=hits / self.n_fake,
            threshold=float(self.thresholds[point]),
            allowed_false_alarms=int(allowed),
            false_alarms=int(self.false_alarms[point]),
            hits=int(self.hits[point]),
            below_resolution=self.n_real * rate < 1,
        )

    def at_threshold(self, threshold: float) -> FixedPoint:
        """Return what a threshold gives that was fixed beforehand, on other videos.

        Args:
            threshold: The lowest score that is called fake.

        Raises:
            MetricError: The threshold is NaN.
        """
        if math.isnan(threshold):
            raise MetricError("the threshold is not a number")
        point = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        return FixedPoint(
            threshold=threshold,
            hits=int(self.hits[max(point, 0)]),
            false_alarms=int(self.false_alarms[max(point, 0)]),
            n_fake=self.n_fake,
            n_real=self.n_real,
        )


def roc_curve(labels: npt.ArrayLike, scores: npt.ArrayLike) -> RocCurve:
    """Return the ROC curve, with one point per distinct score and one point before them.

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).

    Raises:
        MetricError: The input is invalid, as in ``check_scores``.

    Examples:
        >>> roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).hits
        array([0, 1, 1, 2, 2])
    """
    marks, values = _sort_by_score(*check_scores(labels, scores))
    last_of_tie = np.append(np.flatnonzero(values[1:] != values[:-1]), values.size - 1)
    hits = np.cumsum(marks)[last_of_tie]
    return RocCurve(
        false_alarms=np.concatenate([[0], last_of_tie + 1 - hits]),
        hits=np.concatenate([[0], hits]),
        thresholds=np.concatenate([[math.inf], values[last_of_tie]]),
    )


def _sort_by_score(marks: IntArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the labels and the scores by falling score.

    The bits of floats that are not negative, read as whole numbers, have the order of the floats.
    Scores up to 1 leave the highest two bits free, so that the label can become the lowest one:
    plain numbers are sorted, which is several times as fast as finding an order.
    """
    keys = (values + 0.0).view(np.int64)  # adding 0 turns -0.0 into 0.0
    keys <<= 1
    keys |= marks
    keys.sort()
    keys = keys[::-1]
    return keys & 1, (keys >> 1).view(np.float64)


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: P(fake scores above real) + P(equal) / 2.

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).

    Raises:
        MetricError: The input is invalid, as in ``check_scores``.

    Examples:
        >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    return roc_curve(labels, scores).area


def tpr_at_fpr(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    target: Fraction | float,
    *,
    method: Method = "conservative",
) -> OperatingPoint:
    """Return the TPR at a target false-alarm rate (T1: 1 %, T0.1: 0.1 %).

    ``conservative`` takes the lowest threshold with at most floor(target x n_real) false alarms.
    ``interpolate`` draws a line between the curve's points around the target. ``nearest`` takes
    the nearest FPR, the lower one of two equally near, and its highest TPR. The last two may allow
    more false alarms than the target; they exist for comparisons with the numbers of others.

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).
        target: The false-alarm rate, within (0, 1); a float stands for the decimal that it prints.
        method: One of the three methods.

    Raises:
        MetricError: The input is invalid, as in ``check_scores``, or there is no such target or
            method.

    Examples:
        >>> point = tpr_at_fpr([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.01)
        >>> point.tpr, point.threshold, point.below_resolution
        (0.5, 0.8, True)
    """
    _check_target(target)
    return roc_curve(labels, scores).at_fpr(target, method=method)


def _check_target(target: Fraction | float) -> Fraction:
    if not 0 < float(target) < 1:
        raise MetricError(f"the false-alarm rate must be within (0, 1), not {target}")
    return target if isinstance(target, Fraction) else Fraction(str(float(target)))


def _nearest_point(curve: RocCurve, rate: Fraction, before: int) -> int:
    """Return the last point with the FPR nearest to the rate; ``before`` is the last one below."""
    exact = rate * curve.n_real
    alarms = int(curve.false_alarms[before + 1])  # this point exists, since the rate is below 1
    if exact - int(curve.false_alarms[before]) <= alarms - exact:
        return before
    return int(np.searchsorted(curve.false_alarms, alarms, side="right")) - 1


def brier(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the mean squared distance of P(fake) from the label: 0 is best, 1 is worst.

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).

    Raises:
        MetricError: The input is invalid, as in ``check_scores``.

    Examples:
        >>> round(brier([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 3)
        0.158
    """
    marks, values = check_scores(labels, scores)
    return float(np.mean((values - marks) ** 2))


def grade(t1: float, *, n_real: int, n_fake: int) -> str | None:
    """Return the paper's grade of a T1: excellent, good, reasonable, fair or poor.

    Args:
        t1: The TPR at 1 % false alarms.
        n_real: The number of real videos behind it.
        n_fake: The number of fakes behind it.

    Returns:
        The grade; None if there are fewer than ``GRADED_FROM`` videos of a class.

    Examples:
        >>> grade(0.96, n_real=500, n_fake=200)
        'good'
    """
    if min(n_real, n_fake) < GRADED_FROM:
        return None
    return next((word for least, word in GRADES if t1 >= least), "poor")
