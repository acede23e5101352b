"""Bootstrap intervals for videos that share drivers, portraits and real clips. Needs numpy only.

The benchmark drives many fakes by one clip and shows one portrait in many fakes, so its videos are
not independent, and resampling them one by one understates the variance. Videos are crossed by two
factors (portrait and driver), which no single clustering respects; the pigeonhole bootstrap
(Owen, Annals of Applied Statistics 2007) resamples each factor by itself and weighs a video by the
product. It errs on the side of width.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from .roc import T01, T1, FloatArray, IntArray, Interval, MetricError, check_scores

_REPLICATES_AT_A_TIME = 100


def cluster_bootstrap(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    factors: Sequence[Sequence[Hashable | None]],
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return percentile intervals of AUC, T1, T0.1 and Brier over resampled clusters.

    Args:
        labels: (N,) of 0 (real) and 1 (fake).
        scores: (N,) of P(fake).
        factors: One sequence of N keys per factor, for instance the drivers and the portraits.
            Videos of one key are drawn together; None is a cluster of its own. A real clip that
            drives fakes has their driver's key.
        replicates: How many resamples; those without a real or a fake video are left out.
        confidence: Coverage of the intervals, within (0, 1).
        seed: The same seed gives the same intervals.

    Returns:
        Intervals by name: ``auc``, ``t1``, ``t01``, ``brier``.

    Raises:
        MetricError: As ``check_scores``; factors of another length; nothing to resample.
    """
    marks, values = check_scores(labels, scores)
    if not factors or any(len(keys) != marks.size for keys in factors):
        raise MetricError("every factor needs one key per video")
    if not 0 < confidence < 1 or replicates < 1:
        raise MetricError("confidence must be within (0, 1) and replicates 1 or more")
    rng = np.random.default_rng(seed)
    codes = [_codes(keys) for keys in factors]
    columns: list[FloatArray] = []
    for start in range(0, replicates, _REPLICATES_AT_A_TIME):
        size = min(_REPLICATES_AT_A_TIME, replicates - start)
        columns.append(_measure(marks, values, _draw_weights(codes, size, rng)))
    table = np.concatenate(columns, axis=1)
    if table.shape[1] == 0:
        raise MetricError("no resample holds both classes: too few clusters for a bootstrap")
    tail = (1 - confidence) / 2
    low, high = np.quantile(table, [tail, 1 - tail], axis=1)
    names = ("auc", "t1", "t01", "brier")
    return {name: Interval(float(low[at]), float(high[at])) for at, name in enumerate(names)}


def _codes(keys: Sequence[Hashable | None]) -> IntArray:
    seen: dict[Hashable, int] = {}
    named = [("alone", at) if key is None else ("key", key) for at, key in enumerate(keys)]
    return np.array([seen.setdefault(name, len(seen)) for name in named], np.int64)


def _draw_weights(codes: Sequence[IntArray], size: int, rng: np.random.Generator) -> IntArray:
    """Return int64 (size, N): how often each video is drawn in each resample."""
    weights = np.ones((size, codes[0].size), np.int64)
    for code in codes:
        clusters = int(code.max()) + 1
        share = np.full(clusters, 1 / clusters)
        weights *= rng.multinomial(clusters, share, size=size)[:, code]
    return weights


def _measure(marks: IntArray, values: FloatArray, weights: IntArray) -> FloatArray:
    """Return float64 (4, B'): AUC, T1, T0.1, Brier of the resamples that hold both classes."""
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
    area = (widths * (hits + before)).sum(axis=1) / (2 * n_fake * n_real)
    rates = []
    for target in (T1, T01):
        allowed = target.numerator * n_real // target.denominator
        within = alarms <= allowed[:, None]
        rates.append(np.where(within, hits, 0).max(axis=1, initial=0) / n_fake)
    squares = (values - marks) ** 2
    both = fakes + reals
    return np.stack([area, *rates, both @ squares / both.sum(axis=1)])
