"""Which videos are drawn together: those that share drivers, portraits and real clips."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .binomial import MetricError
from .inputs import IntArray, check_scores

Scheme = Literal["components", "crossed"]
Factors = Sequence[Sequence[Hashable | None]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One comparison of fakes with real videos.

    Attributes:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).
        factors: A sequence of N keys per factor, for instance the drivers and the portraits.
            Videos with the same key are drawn together; None means that the video has no key of
            this factor. A video without any key is drawn by itself. A real clip that drives fakes
            has the key of their driver.
    """

    labels: npt.ArrayLike
    scores: npt.ArrayLike
    factors: Factors


def find_clusters(samples: Sequence[Sample]) -> list[IntArray]:
    """Return by which clusters samples are resampled.

    Args:
        samples: The comparisons, as in ``mean_bootstrap``.

    Returns:
        For ``components`` one array, for ``crossed`` one per factor: the cluster of each video of
        all samples one after another, int64 (N,); -1 for a video without a key of the factor.

    Raises:
        MetricError: The samples are invalid, as in ``mean_bootstrap``.
    """
    marks, codes = _join(samples)
    return [_find_components(codes)] if _scheme_of(marks, codes) == "components" else codes


def choose_scheme(samples: Sequence[Sample]) -> Scheme:
    """Return the scheme by which samples are resampled.

    It is ``components`` unless too much has merged: if the fakes or the real videos have fewer
    than half as many components as the coarsest factor has clusters, it is ``crossed``.

    Raises:
        MetricError: The samples are invalid, as in ``mean_bootstrap``.
    """
    return _scheme_of(*_join(samples))


def _join(samples: Sequence[Sample]) -> tuple[IntArray, list[IntArray]]:
    """Return the labels of all samples, and for each factor the cluster of each video or -1."""
    marks = [check_scores(sample.labels, sample.scores)[0] for sample in samples]
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
    """Return the group of each video, linked by chains of shared keys: int64 (N,)."""
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
