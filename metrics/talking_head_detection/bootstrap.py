"""Bootstrap intervals for videos that share drivers, portraits and real clips. Needs numpy only.

The benchmark drives many fakes by one clip and shows one portrait in many fakes, so its videos are
not independent, and resampling them one by one understates the variance. Two schemes:

``components``: videos linked by any chain of shared keys are drawn together. What is drawn is
then independent, so the intervals are as wide as they should be; it needs many small components.

``crossed``: where sharing is so dense that the components merge, each factor is resampled by
itself and a video weighs the product (pigeonhole bootstrap: Owen, Annals of Applied Statistics
2007). It errs on the side of width: up to three times the variance where keys do not matter.

As every percentile bootstrap, both are too narrow with a dozen clusters or fewer, and say [1, 1]
where the classes separate.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .roc import T01, T1, FloatArray, IntArray, Interval, MetricError, check_scores

Scheme = Literal["components", "crossed"]
Factors = Sequence[Sequence[Hashable | None]]

_WEIGHTS_AT_A_TIME = 2_000_000
_NAMES = ("auc", "t1", "t01", "brier")


@dataclass(frozen=True, slots=True)
class Sample:
    """One comparison of fakes with reals.

    Attributes:
        labels: (N,) of 0 (real) and 1 (fake).
        scores: (N,) of P(fake).
        factors: One sequence of N keys per factor, for instance the drivers and the portraits.
            Videos of one key are drawn together; None says that the factor has no key for the
            video. A video without any key is drawn by itself. A real clip that drives fakes has
            their driver's key.
    """

    labels: npt.ArrayLike
    scores: npt.ArrayLike
    factors: Factors


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
        labels: As in ``Sample``.
        scores: As in ``Sample``.
        factors: As in ``Sample``; ``choose_scheme`` says how they are resampled.
        replicates: How many resamples; those without a real or a fake video are left out.
        confidence: Coverage of the intervals, within (0, 1).
        seed: The same seed gives the same intervals.

    Returns:
        Intervals by name: ``auc``, ``t1``, ``t01``, ``brier``.

    Raises:
        MetricError: As ``check_scores``; factors of another length; nothing to resample.
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
    """Return percentile intervals of the plain means over several comparisons.

    All comparisons are resampled at once: a key that several of them hold is drawn as often in
    each, so that shared reals and drivers count as shared.

    Args:
        samples: With the same factors in the same order. Reals that stand in several need a key.
        replicates: How many resamples; those that leave a comparison one class are left out.
        confidence: Coverage of the intervals, within (0, 1).
        seed: The same seed gives the same intervals.

    Returns:
        Intervals by name: ``auc``, ``t1``, ``t01``, ``brier``.

    Raises:
        MetricError: As ``check_scores``; factors that do not fit; nothing to resample.
    """
    if not 0 < confidence < 1 or replicates < 1:
        raise MetricError("confidence must be within (0, 1) and replicates 1 or more")
    checked = [check_scores(sample.labels, sample.scores) for sample in samples]
    marks, codes = _join(samples, [marks for marks, _ in checked])
    if _scheme_of(marks, codes) == "components":
        codes = [_find_components(codes)]
    ends = np.cumsum([marks.size for marks, _ in checked])[:-1]
    rng = np.random.default_rng(seed)
    size = max(1, min(100, _WEIGHTS_AT_A_TIME // marks.size))
    tables = []
    for start in range(0, replicates, size):
        weights = _draw_weights(codes, min(size, replicates - start), rng)
        parts = zip(checked, np.split(weights, ends, axis=1), strict=True)
        tables.append(np.mean([_measure(*pair, part) for pair, part in parts], axis=0))
    table = np.concatenate(tables, axis=1)
    table = table[:, ~np.isnan(table).any(axis=0)]
    if table.shape[1] == 0:
        raise MetricError("no resample holds both classes: too few clusters for a bootstrap")
    tail = (1 - confidence) / 2
    low, high = np.quantile(table, [tail, 1 - tail], axis=1)
    return {name: Interval(float(low[at]), float(high[at])) for at, name in enumerate(_NAMES)}


def choose_scheme(samples: Sequence[Sample]) -> Scheme:
    """Say how these samples are resampled.

    ``components`` unless, among the fakes or among the reals, they are fewer than half the
    clusters of the coarsest factor: then too much has merged.

    Raises:
        MetricError: As ``mean_bootstrap``.
    """
    return _scheme_of(
        *_join(samples, [check_scores(sample.labels, sample.scores)[0] for sample in samples])
    )


def _join(samples: Sequence[Sample], marks: Sequence[IntArray]) -> tuple[IntArray, list[IntArray]]:
    """Return the labels of all samples, and per factor a cluster number per video or -1."""
    numbers = {len(sample.factors) for sample in samples}
    lengths = all(
        len(keys) == own.size
        for sample, own in zip(samples, marks, strict=True)
        for keys in sample.factors
    )
    if len(numbers) != 1 or 0 in numbers or not lengths:
        raise MetricError("every factor needs one key per video, and every sample all factors")
    codes = []
    for at in range(numbers.pop()):
        seen: dict[Hashable, int] = {}
        keys = [key for sample in samples for key in sample.factors[at]]
        codes.append(
            np.array([-1 if k is None else seen.setdefault(k, len(seen)) for k in keys], np.int64)
        )
    alone = np.flatnonzero(np.all([code < 0 for code in codes], axis=0))
    codes[0][alone] = codes[0].max() + 1 + np.arange(alone.size)
    return np.concatenate(marks), codes


def _find_components(codes: Sequence[IntArray]) -> IntArray:
    """Number the groups of videos that chains of shared keys link, (N,)."""
    group = np.arange(codes[0].size)
    while True:
        before = group.copy()
        for code in codes:
            keyed = code >= 0
            lowest = np.full(int(code.max()) + 1, group.size)
            np.minimum.at(lowest, code[keyed], group[keyed])
            group[keyed] = lowest[code[keyed]]
        if np.array_equal(before, group):
            return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _scheme_of(marks: IntArray, codes: Sequence[IntArray]) -> Scheme:
    components = _find_components(codes)
    for label in (0, 1):
        own = marks == label
        coarsest = min(
            np.unique(code[own & (code >= 0)]).size + int((own & (code < 0)).sum())
            for code in codes
        )
        if 2 * np.unique(components[own]).size < coarsest:
            return "crossed"
    return "components"


def _draw_weights(codes: Sequence[IntArray], size: int, rng: np.random.Generator) -> IntArray:
    """Return int64 (size, N): how often each video is drawn in each resample."""
    weights = np.ones((size, codes[0].size), np.int64)
    for code in codes:
        clusters = int(code.max()) + 1
        if clusters == 0:
            continue
        drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=size)
        # Where the factor has no key the code is -1 and finds the last column: drawn once.
        weights *= np.hstack([drawn, np.ones((size, 1), np.int64)])[:, code]
    return weights


def _measure(marks: IntArray, values: FloatArray, weights: IntArray) -> FloatArray:
    """Return float64 (4, B): AUC, T1, T0.1, Brier per resample; NaN where a class is missing."""
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
