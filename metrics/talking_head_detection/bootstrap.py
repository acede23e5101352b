"""Bootstrap intervals for videos that share drivers, portraits and real clips; needs only numpy.

In the benchmark, one clip drives many fakes and one portrait appears in many fakes. Its videos are
therefore not independent, and resampling single videos understates the variance. There are two
schemes:

``components`` draws videos together that are linked by any chain of shared keys. The components are
independent, so the intervals are as wide as they should be, but many small components are needed.

``crossed`` is used if videos share so much that the components merge. Each factor is resampled by
itself, and the weight of a video is the product (pigeonhole bootstrap: Owen, Annals of Applied
Statistics 2007). It errs on the side of width: if keys do not matter, the variance is up to three
times too large.

Like every percentile bootstrap, both are too narrow with a dozen clusters or fewer, and give [1, 1]
if the classes separate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .binomial import Interval, MetricError, check_confidence
from .clusters import Factors, Sample, choose_scheme, find_clusters
from .inputs import FloatArray, IntArray, check_scores
from .roc import T01, T1

__all__ = [
    "Sample",
    "choose_scheme",
    "cluster_bootstrap",
    "find_clusters",
    "mean_bootstrap",
    "paired_bootstrap",
    "paired_p_values",
]

_WEIGHTS_AT_A_TIME = 2_000_000
_NAMES = ("auc", "t1", "t01", "brier")


def cluster_bootstrap(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    factors: Factors,
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return percentile intervals of AUC, T1, T0.1 and Brier over resampled clusters.

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).
        factors: The keys of each factor, as in ``Sample``; ``choose_scheme`` tells how they are
            resampled.
        replicates: The number of resamples; those without a real or a fake video are left out.
        confidence: The coverage of the intervals, within (0, 1).
        seed: The seed; the same seed gives the same intervals.

    Returns:
        The intervals by name: ``auc``, ``t1``, ``t01``, ``brier``.

    Raises:
        MetricError: The labels or scores are invalid, as in ``check_scores``, the factors have
            another length, or there is nothing to resample.

    Examples:
        >>> drivers = ["a", "b", "c", "a", "b", "c"]
        >>> labels, scores = [0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.2, 0.35, 0.8, 0.9]
        >>> found = cluster_bootstrap(labels, scores, [drivers], replicates=50)
        >>> sorted(found)
        ['auc', 'brier', 't01', 't1']
    """
    sample = Sample(labels, scores, factors)
    return mean_bootstrap([sample], replicates=replicates, confidence=confidence, seed=seed)


def mean_bootstrap(
    samples: Sequence[Sample],
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return percentile intervals of the unweighted means over several comparisons.

    All comparisons are resampled together. A key in several of them is drawn equally often in each,
    so that shared real videos and drivers count as shared.

    Args:
        samples: The comparisons, with the same factors in the same order. Real videos in several
            comparisons need a key.
        replicates: The number of resamples; those in which a comparison lacks a class are left
            out.
        confidence: The coverage of the intervals, within (0, 1).
        seed: The seed; the same seed gives the same intervals.

    Returns:
        The intervals by name: ``auc``, ``t1``, ``t01``, ``brier``.

    Raises:
        MetricError: The labels or scores are invalid, as in ``check_scores``, the factors do not
            fit, or there is nothing to resample.

    Examples:
        >>> sample = Sample([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [["a", "b", "a", "b"]])
        >>> mean_bootstrap([sample, sample], replicates=50)["brier"]
        Interval(low=..., high=...)
    """
    checked = [check_scores(sample.labels, sample.scores) for sample in samples]
    tables = [
        np.mean([_measure(*own, part) for own, part in zip(checked, parts, strict=True)], axis=0)
        for parts in _draw_resamples(samples, replicates, seed)
    ]
    return _find_intervals(np.concatenate(tables, axis=1), confidence)


def paired_bootstrap(
    samples: Sequence[Sample],
    others: Sequence[npt.ArrayLike],
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return percentile intervals of how much one detector's means exceed another's.

    Both detectors are measured on the same resamples, so what makes a resample easy or hard for
    both cancels out. An interval without 0 is a difference that the videos can show.

    Args:
        samples: The comparisons with the first detector's scores, as in ``mean_bootstrap``.
        others: The second detector's scores of the same videos, an array for each comparison.
        replicates: The number of resamples; those in which a comparison lacks a class are left
            out.
        confidence: The coverage of the intervals, within (0, 1).
        seed: The seed; the same seed gives the same intervals.

    Returns:
        The intervals of first minus second by name: ``auc``, ``t1``, ``t01``, ``brier``.

    Raises:
        MetricError: The labels or scores are invalid, as in ``check_scores``, the factors do not
            fit, or there is nothing to resample.

    Examples:
        >>> sample = Sample([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [["a", "b", "a", "b"]])
        >>> paired_bootstrap([sample], [sample.scores], replicates=50)["auc"]
        Interval(low=0.0, high=0.0)
    """
    table = _draw_differences(samples, others, replicates, seed)
    return _find_intervals(table, confidence)


def paired_p_values(
    samples: Sequence[Sample],
    others: Sequence[npt.ArrayLike],
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """Return two-sided p-values of "both detectors have the same means".

    A p-value is twice the share of resamples, the one at hand included, in which the difference is
    zero or has the rarer sign: it is below 1 - confidence where the interval of
    ``paired_bootstrap`` leaves 0 out. It is never below 2 / (replicates + 1).

    Args:
        samples: The comparisons with the first detector's scores, as in ``mean_bootstrap``.
        others: The second detector's scores of the same videos, an array for each comparison.
        replicates: The number of resamples.
        seed: The seed; the same seed gives the same p-values.

    Returns:
        The p-values by name: ``auc``, ``t1``, ``t01``, ``brier``.

    Raises:
        MetricError: As in ``paired_bootstrap``.

    Examples:
        >>> sample = Sample([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [["a", "b", "a", "b"]])
        >>> paired_p_values([sample], [sample.scores], replicates=50)["auc"]
        1.0
    """
    table = _drop_unusable(_draw_differences(samples, others, replicates, seed))
    rarer = np.minimum((table <= 0).sum(axis=1), (table >= 0).sum(axis=1))
    shares = np.minimum(1.0, 2 * (rarer + 1) / (table.shape[1] + 1))
    return {name: float(shares[at]) for at, name in enumerate(_NAMES)}


def _draw_differences(
    samples: Sequence[Sample], others: Sequence[npt.ArrayLike], replicates: int, seed: int
) -> FloatArray:
    """Return first minus second detector's means in each resample: float64 (4, B)."""
    firsts = [check_scores(sample.labels, sample.scores) for sample in samples]
    seconds = [
        check_scores(sample.labels, scores) for sample, scores in zip(samples, others, strict=True)
    ]
    tables = [
        np.mean(
            [
                _measure(*first, part) - _measure(*second, part)
                for first, second, part in zip(firsts, seconds, parts, strict=True)
            ],
            axis=0,
        )
        for parts in _draw_resamples(samples, replicates, seed)
    ]
    differences: FloatArray = np.concatenate(tables, axis=1)
    return differences


def _draw_resamples(
    samples: Sequence[Sample], replicates: int, seed: int
) -> Iterator[list[IntArray]]:
    """Yield blocks of resamples: how often each video is drawn, int64 (b, N) for each sample."""
    if replicates < 1:
        raise MetricError(f"at least 1 resample is needed, not {replicates}")
    codes = find_clusters(samples)
    ends = np.cumsum([np.size(sample.labels) for sample in samples])[:-1]
    rng = np.random.default_rng(seed)
    size = max(1, min(100, _WEIGHTS_AT_A_TIME // codes[0].size))
    for start in range(0, replicates, size):
        weights = _draw_weights(codes, min(size, replicates - start), rng)
        yield np.split(weights, ends, axis=1)


def _find_intervals(table: FloatArray, confidence: float) -> dict[str, Interval]:
    """Return the percentile interval of each row of a table of resamples, float64 (4, B)."""
    tail = (1 - check_confidence(confidence)) / 2
    low, high = np.quantile(_drop_unusable(table), [tail, 1 - tail], axis=1)
    return {name: Interval(float(low[at]), float(high[at])) for at, name in enumerate(_NAMES)}


def _drop_unusable(table: FloatArray) -> FloatArray:
    """Return the resamples that hold both classes: float64 (4, B)."""
    usable: FloatArray = table[:, ~np.isnan(table).any(axis=0)]
    if usable.shape[1] == 0:
        raise MetricError("no resample holds both classes: there are too few clusters to resample")
    return usable


def _draw_weights(codes: Sequence[IntArray], size: int, rng: np.random.Generator) -> IntArray:
    """Return how often each video is drawn in each resample: int64 (size, N)."""
    weights = np.ones((size, codes[0].size), np.int64)
    for code in codes:
        clusters = int(code.max()) + 1
        if clusters == 0:
            continue
        drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=size)
        # A video without a key has the code -1 and takes the last column: it is drawn once.
        weights *= np.hstack([drawn, np.ones((size, 1), np.int64)])[:, code]
    return weights


def _measure(marks: IntArray, values: FloatArray, weights: IntArray) -> FloatArray:
    """Return AUC, T1, T0.1 and Brier per resample, NaN without a class: float64 (4, B)."""
    fakes, reals = weights * marks, weights * (1 - marks)
    usable = (fakes.sum(axis=1) > 0) & (reals.sum(axis=1) > 0)
    fakes, reals = fakes[usable], reals[usable]
    order = np.argsort(-values, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(values[order])), values.size - 1)
    hits = np.cumsum(fakes[:, order], axis=1)[:, last_of_tie]
    alarms = np.cumsum(reals[:, order], axis=1)[:, last_of_tie]
    n_fake, n_real = hits[:, -1], alarms[:, -1]
    before = np.pad(hits, ((0, 0), (1, 0)))[:, :-1]
    widths = np.diff(alarms, axis=1, prepend=0)
    measured = np.full((len(_NAMES), weights.shape[0]), np.nan)
    measured[0, usable] = (widths * (hits + before)).sum(axis=1) / (2 * n_fake * n_real)
    for row, target in ((1, T1), (2, T01)):
        allowed = target.numerator * n_real // target.denominator
        within = alarms <= allowed[:, None]
        measured[row, usable] = np.where(within, hits, 0).max(axis=1, initial=0) / n_fake
    both = fakes + reals
    measured[3, usable] = both @ (values - marks) ** 2 / both.sum(axis=1)
    return measured
