"""The numbers of the benchmark: AUC, TPR at a fixed false-alarm rate, Brier score, and intervals.

Scores are P(fake) in [0, 1], and label 1 is fake. Everything is computed in float64 from counts, so
tied scores move together. Only numpy is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from .binomial import Interval, MetricError, binomial_interval, check_confidence

__all__ = [
    "GRADED_FROM",
    "T01",
    "T1",
    "FloatArray",
    "IntArray",
    "Interval",
    "Method",
    "MetricError",
    "OperatingPoint",
    "RocCurve",
    "auc",
    "auc_interval",
    "binomial_interval",
    "brier",
    "check_labels",
    "check_scores",
    "grade",
    "roc_curve",
    "tpr_at_fpr",
]

Method = Literal["conservative", "interpolate", "nearest"]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

T1 = Fraction(1, 100)
T01 = Fraction(1, 1000)

GRADED_FROM = 100
"""The least number of videos of each class behind a grade. With fewer real videos T1 allows no
false alarm, so a single video can decide it; with fewer fakes, one of them moves T1 by more than
the 0.01 that the narrowest grade is wide."""

_GRADES = ((0.99, "excellent"), (0.95, "good"), (0.85, "reasonable"), (0.75, "fair"))


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


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The TPR at a target false-alarm rate.

    Attributes:
        tpr: The share of fakes called fake.
        threshold: The score from which videos are called fake; infinite if none are. With
            ``interpolate`` it belongs to the point of the curve just before the target.
        allowed_false_alarms: The number of false alarms that the target allows,
            floor(target x n_real).
        false_alarms: The number of false alarms at the threshold.
        hits: The number of fakes found at the threshold.
        below_resolution: Whether n_real < 1 / target. The target then allows less than one false
            alarm, so this is the TPR without any false alarm.
    """

    tpr: float
    threshold: float
    allowed_false_alarms: int
    false_alarms: int
    hits: int
    below_resolution: bool


def check_scores(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Return labels as int64 and scores as float64, both (N,).

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).

    Raises:
        MetricError: The input is empty, not one-dimensional or of unequal length, a label is not 0
            or 1, a class is missing, or a score is NaN or outside [0, 1].
    """
    try:
        marks = np.asarray(labels, np.float64)
        values = np.asarray(scores, np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"labels and scores must be numbers: {error}") from error
    if marks.ndim != 1 or values.ndim != 1 or marks.shape != values.shape:
        raise MetricError(
            f"labels {marks.shape} and scores {values.shape} must be two lists of equal length"
        )
    if marks.size == 0:
        raise MetricError("there are no scores, so nothing can be measured")
    check_labels(marks)
    if np.isnan(values).any():
        raise MetricError(f"{int(np.isnan(values).sum())} of {values.size} scores are NaN")
    if values.min() < 0 or values.max() > 1:
        raise MetricError(
            f"scores must be P(fake) within [0, 1], but these go from {values.min():g} to "
            f"{values.max():g}; pass logits through a sigmoid first"
        )
    if marks.min() == marks.max():
        raise MetricError(
            f"there are only {'fake' if marks[0] else 'real'} videos, but both classes are needed"
        )
    return marks.astype(np.int64), values


def check_labels(labels: object) -> None:
    """Refuse labels other than 0 and 1.

    Raises:
        MetricError: A label is not a number, or another number.
    """
    try:
        marks = np.asarray(labels, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"labels must be numbers: {error}") from error
    wrong = marks[(marks != 0) & (marks != 1)]
    if wrong.size:
        raise MetricError(
            f"labels must be 0 (real) or 1 (fake), but {wrong.size} of {marks.size} are not, such"
            f" as {wrong.flat[0]:g}; were scores given as labels?"
        )


def roc_curve(labels: npt.ArrayLike, scores: npt.ArrayLike) -> RocCurve:
    """Return the ROC curve, with one point per distinct score and one point before them.

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).

    Raises:
        MetricError: The input is invalid, as in ``check_scores``.
    """
    marks, values = check_scores(labels, scores)
    order = np.argsort(-values)  # tied scores are one point, so their order does not matter
    marks, values = marks[order], values[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(values)), values.size - 1)
    hits = np.cumsum(marks)[last_of_tie]
    return RocCurve(
        false_alarms=np.concatenate([[0], last_of_tie + 1 - hits]),
        hits=np.concatenate([[0], hits]),
        thresholds=np.concatenate([[math.inf], values[last_of_tie]]),
    )


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: P(fake scores above real) + P(equal) / 2.

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).

    Raises:
        MetricError: The input is invalid, as in ``check_scores``.
    """
    return _area(roc_curve(labels, scores))


def _area(curve: RocCurve) -> float:
    # Twice the area is computed in integers, so that no rounding errors add up.
    widths, sums = np.diff(curve.false_alarms), curve.hits[1:] + curve.hits[:-1]
    doubled = int(np.dot(widths, sums))
    return doubled / (2 * curve.n_real * curve.n_fake)


def auc_interval(
    labels: npt.ArrayLike, scores: npt.ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Return DeLong's interval of the AUC, taken on the logit scale so that it stays in [0, 1].

    Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 1988; midranks after Sun and Xu, 2014;
    the logit scale after Pepe, 2003.

    DeLong's variance is zero, although nothing is certain, in two cases. If the classes separate,
    the interval is that of n successes in n trials, where n is the size of the smaller class. If
    all scores are equal, it is that of the largest variance that an AUC can have
    (area (1 - area) / n: Birnbaum and Klose, 1957). With a single video in a class the variance is
    unknown and the interval is [0, 1].

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).
        confidence: The coverage of the interval, within (0, 1).

    Raises:
        MetricError: The input is invalid, as in ``check_scores``, or the confidence is outside
            (0, 1).
    """
    alpha = 1 - check_confidence(confidence)
    curve = roc_curve(labels, scores)
    area, fewest = _area(curve), min(curve.n_real, curve.n_fake)
    if fewest < 2:
        return Interval(0.0, 1.0)
    if area in (0.0, 1.0):
        reach = (alpha / 2) ** (1 / fewest)
        return Interval(reach, 1.0) if area == 1.0 else Interval(0.0, 1 - reach)
    error = math.sqrt(_delong_variance(curve) or area * (1 - area) / fewest)
    half = NormalDist().inv_cdf(1 - alpha / 2) * error / (area * (1 - area))
    centre = math.log(area / (1 - area))
    return Interval(_sigmoid(centre - half), _sigmoid(centre + half))


def _delong_variance(curve: RocCurve) -> float:
    reals, fakes = np.diff(curve.false_alarms), np.diff(curve.hits)
    # For each fake the share of reals below it, and for each real the share of fakes above it.
    beaten = (curve.n_real - (curve.false_alarms[1:] + curve.false_alarms[:-1]) / 2) / curve.n_real
    beating = (curve.hits[1:] + curve.hits[:-1]) / 2 / curve.n_fake
    return _spread(beaten, fakes) / curve.n_fake + _spread(beating, reals) / curve.n_real


def _spread(values: FloatArray, counts: IntArray) -> float:
    total = int(counts.sum())
    mean = float(np.dot(values, counts)) / total
    return float(np.dot((values - mean) ** 2, counts)) / (total - 1)


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
    """
    if not 0 < float(target) < 1:
        raise MetricError(f"the false-alarm rate must be within (0, 1), not {target}")
    rate = target if isinstance(target, Fraction) else Fraction(str(float(target)))
    if method not in get_args(Method):
        raise MetricError(f"unknown method {method!r}; known: {', '.join(get_args(Method))}")
    curve = roc_curve(labels, scores)
    allowed = rate.numerator * curve.n_real // rate.denominator
    point = int(np.searchsorted(curve.false_alarms, allowed, side="right")) - 1
    if method == "nearest":
        point = _nearest_point(curve, rate, point)
    hits: float = float(curve.hits[point])
    if method == "interpolate":
        exact = float(rate * curve.n_real)
        before, after = (int(curve.false_alarms[at]) for at in (point, point + 1))
        share = (exact - before) / (after - before)
        hits += share * float(curve.hits[point + 1] - curve.hits[point])
    return OperatingPoint(
        tpr=hits / curve.n_fake,
        threshold=float(curve.thresholds[point]),
        allowed_false_alarms=int(allowed),
        false_alarms=int(curve.false_alarms[point]),
        hits=int(curve.hits[point]),
        below_resolution=curve.n_real * rate < 1,
    )


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
    """
    marks, values = check_scores(labels, scores)
    return float(np.mean((values - marks) ** 2))


def _sigmoid(value: float) -> float:
    return (1 + math.tanh(value / 2)) / 2


def grade(t1: float, *, n_real: int, n_fake: int) -> str | None:
    """Return the paper's grade of a T1: excellent, good, reasonable, fair or poor.

    Args:
        t1: The TPR at 1 % false alarms.
        n_real: The number of real videos behind it.
        n_fake: The number of fakes behind it.

    Returns:
        The grade; None if there are fewer than ``GRADED_FROM`` videos of a class.
    """
    if min(n_real, n_fake) < GRADED_FROM:
        return None
    return next((word for least, word in _GRADES if t1 >= least), "poor")
