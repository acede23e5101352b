"""DeLong's interval of the AUC, and the comparison of two detectors on the same videos.

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 1988; midranks after Sun and Xu, IEEE Signal
Processing Letters 2014; the logit scale after Pepe, 2003.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from .binomial import Interval, MetricError, check_confidence
from .inputs import FloatArray, IntArray, check_scores
from .roc import RocCurve, roc_curve


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference of two detectors' AUCs on the same videos.

    Attributes:
        difference: The AUC of the first detector minus that of the second.
        interval: DeLong's interval of the difference.
        p_value: The two-sided p-value of "both AUCs are equal".
    """

    difference: float
    interval: Interval
    p_value: float


def auc_interval(
    labels: npt.ArrayLike, scores: npt.ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Return DeLong's interval of the AUC, taken on the logit scale so that it stays in [0, 1].

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

    Examples:
        >>> interval = auc_interval([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.2, 0.35, 0.8, 0.9])
        >>> interval.low < 8 / 9 < interval.high
        True
    """
    return area_interval(roc_curve(labels, scores), confidence=confidence)


def area_interval(curve: RocCurve, *, confidence: float = 0.95) -> Interval:
    """Return DeLong's interval of the area under a curve, as ``auc_interval`` does.

    Raises:
        MetricError: The confidence is outside (0, 1).
    """
    alpha = 1 - check_confidence(confidence)
    area, fewest = curve.area, min(curve.n_real, curve.n_fake)
    if fewest < 2:
        return Interval(0.0, 1.0)
    if area in (0.0, 1.0):
        reach = (alpha / 2) ** (1 / fewest)
        return Interval(reach, 1.0) if area == 1.0 else Interval(0.0, 1 - reach)
    error = math.sqrt(_delong_variance(curve) or area * (1 - area) / fewest)
    half = NormalDist().inv_cdf(1 - alpha / 2) * error / (area * (1 - area))
    centre = math.log(area / (1 - area))
    return Interval(_sigmoid(centre - half), _sigmoid(centre + half))


def compare_aucs(
    labels: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    confidence: float = 0.95,
) -> Comparison:
    """Compare the AUCs of two detectors that scored the same videos.

    The test takes into account that both saw the same videos, but not that videos share drivers
    and portraits: ``paired_bootstrap`` does.

    Args:
        labels: (N,), 0 for real and 1 for fake; 2 or more of each.
        first: (N,), P(fake) by the first detector.
        second: (N,), P(fake) by the second detector, of the same videos in the same order.
        confidence: The coverage of the interval, within (0, 1).

    Returns:
        The comparison. If the difference has no variance (two detectors that order all pairs
        alike), the interval is the difference itself, and the p-value 1 for no difference, else 0.

    Raises:
        MetricError: The input is invalid, as in ``check_scores``, or a class has a single video.

    Examples:
        >>> labels, first = [0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.2, 0.35, 0.8, 0.9]
        >>> compared = compare_aucs(labels, first, [0.5, 0.4, 0.6, 0.35, 0.8, 0.9])
        >>> round(compared.difference, 3), compared.p_value > 0.05
        (0.222, True)
    """
    quantile = NormalDist().inv_cdf((1 + check_confidence(confidence)) / 2)
    marks, _ = check_scores(labels, first)
    check_scores(labels, second)
    if min(np.bincount(marks)) < 2:
        raise MetricError("a comparison needs 2 or more videos of each class")
    shares = [_compare_pairs(marks, np.asarray(scores, np.float64)) for scores in (first, second)]
    areas = [float(fakes.mean()) for fakes, _ in shares]
    difference = areas[0] - areas[1]
    variance = sum(
        float(np.var(shares[0][at] - shares[1][at], ddof=1)) / shares[0][at].size for at in (0, 1)
    )
    if variance == 0:
        return Comparison(difference, Interval(difference, difference), float(difference == 0))
    error = math.sqrt(variance)
    return Comparison(
        difference,
        Interval(difference - quantile * error, difference + quantile * error),
        math.erfc(abs(difference) / error / math.sqrt(2)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm, Scandinavian Journal of Statistics 1979).

    Args:
        p_values: The p-values of a whole table, within [0, 1].

    Raises:
        MetricError: A p-value is outside [0, 1].

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    if any(not 0 <= value <= 1 for value in p_values):
        raise MetricError("p-values must be within [0, 1]")
    adjusted, worst = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        worst = max(worst, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = worst
    return adjusted


def _compare_pairs(marks: IntArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return for each fake the share of reals below it, for each real that of fakes above it."""
    fakes, reals = scores[marks == 1], scores[marks == 0]
    return _share_below(fakes, np.sort(reals)), 1 - _share_below(reals, np.sort(fakes))


def _share_below(values: FloatArray, others: FloatArray) -> FloatArray:
    below, not_above = (np.searchsorted(others, values, side) for side in ("left", "right"))
    shares: FloatArray = (below + not_above) / (2 * others.size)
    return shares


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


def _sigmoid(value: float) -> float:
    return (1 + math.tanh(value / 2)) / 2
