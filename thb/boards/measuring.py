"""Every detector of a board measured on every fold: the numbers, and what resamples make of them.

The resamples of all detectors would not fit into memory, so each fold is measured by itself, and
only what ranks need is kept: the resamples of the means over a protocol's generators.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from metrics.talking_head_detection.binomial import binomial_interval
from metrics.talking_head_detection.inputs import FloatArray
from metrics.talking_head_detection.roc import T01, T1
from thb.boards.board import Estimate
from thb.boards.collection import Entry
from thb.boards.reference import Reference
from thb.boards.replicates import FoldWeights, Part, measure_fold
from thb.evaluation.cells import METRICS

Resamples = npt.NDArray[np.float32]
Numbers = Mapping[str, Estimate]

CAUGHT: Final = slice(1, 3)
"""The rows of T1 and T0.1 among those of the metrics."""
_BLOCK: Final = 8
"""The number of detectors measured at a time: more need more memory and are no faster."""
_TAIL: Final = 0.025
_TARGETS: Final = {"t1": T1, "t01": T01}
_DECIMALS: Final = 6
_INTERVAL_DECIMALS: Final = 4  # float32 sums differ from machine to machine beyond them


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """The detectors of one protocol.

    Attributes:
        reference: The videos.
        entries: The D detectors.
        points: float64 (D, 4): AUC, T1, T0.1 and Brier, the means over the generators.
        means: float32 (D, 4, 1 + B): the same in each resample, after a first column of no use.
        cells: The numbers of each detector by part and generator; those of a part ``extra`` are
            means over the folds.
        caught: float32 (2, 1 + B) by part and generator: the mean T1 and T0.1 of the verified
            detectors.
        least: One fake of the smallest cell, as a share of the mean: no difference of two means
            is known more precisely.
        fewest: The number of videos of a class in the smallest cell.
        resolutions: Whether T1 and T0.1 are below their resolution.
    """

    reference: Reference
    entries: tuple[Entry, ...]
    points: FloatArray
    means: Resamples
    cells: tuple[Mapping[Part, Numbers], ...]
    caught: Mapping[Part, Resamples]
    least: float
    fewest: int
    resolutions: Mapping[str, bool]

    def find_mean(self, place: int) -> Numbers:
        """Return the means of a detector with their intervals."""
        return estimate_mean(
            self.points[place], self.means[place], self.resolutions, trials=self.fewest
        )


def measure_protocol(
    reference: Reference,
    entries: Sequence[Entry],
    weights: Mapping[str, FoldWeights],
    *,
    verified: Sequence[bool],
    threads: int,
) -> Measured:
    """Measure detectors on all folds of a protocol.

    Args:
        reference: The videos.
        entries: The detectors, all of which scored these videos.
        weights: The resamples by fold.
        verified: Whether each detector counts among those that say how hard a generator is.
        threads: The number of detectors measured at a time.
    """
    columns = next(iter(weights.values())).reals.shape[1]
    parts = [(name, part) for name, fold in reference.folds.items() for part in fold.fakes]
    tests = [(name, part) for name, part in parts if part[0] == "test"]
    folds_of = Counter(part for _, part in parts)
    points = np.zeros((len(entries), len(METRICS)))
    means = np.zeros((len(entries), len(METRICS), columns), np.float32)
    totals: list[dict[Part, FloatArray]] = [{} for _ in entries]
    cells: list[dict[Part, Numbers]] = [{} for _ in entries]
    caught = {part: np.zeros((2, columns)) for part in folds_of}
    below = dict.fromkeys(_TARGETS, False)
    for at, (name, fold) in enumerate(reference.folds.items()):
        below = {key: below[key] or rate * fold.reals.size < 1 for key, rate in _TARGETS.items()}
        done = {part for part in fold.fakes if _is_last(reference, at, part)}
        found = _measure_blocks(weights[name], [own.folds[name].scores for own in entries], threads)
        for place, measured in enumerate(found):
            for part, numbers in measured.items():
                if part[0] == "test":
                    points[place] += numbers[:, 0] / len(tests)
                    means[place] += (numbers / len(tests)).astype(np.float32)
                total = totals[place].pop(part, 0.0) + numbers / folds_of[part]
                if part not in done:
                    totals[place][part] = total
                    continue
                trials = min(fold.fakes[part].size, fold.reals.size)
                cells[place][part] = estimate(total, below, trials=trials)
                if verified[place]:
                    caught[part] += total[CAUGHT] / sum(verified)
    fewest = min(
        min(reference.folds[name].fakes[part].size, reference.folds[name].reals.size)
        for name, part in tests
    )
    return Measured(
        reference=reference,
        entries=tuple(entries),
        points=points,
        means=means,
        cells=tuple(cells),
        caught={part: own.astype(np.float32) for part, own in caught.items()},
        least=1 / (fewest * len(tests)),
        fewest=fewest,
        resolutions=below,
    )


def _measure_blocks(
    weights: FoldWeights, scores: Sequence[FloatArray], threads: int
) -> Iterator[dict[Part, FloatArray]]:
    """Yield what :func:`measure_fold` gives for each detector, some detectors ahead."""
    from threadpoolctl import threadpool_limits

    blocks = [scores[at : at + _BLOCK] for at in range(0, len(scores), _BLOCK)]
    # Threads of BLAS would wait for each other, which costs several times what they compute.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(measure_fold, weights, own) for own in blocks[:threads])
        for following in [*blocks[threads:], *[None] * len(waiting)]:
            yield from waiting.popleft().result()
            if following is not None:
                waiting.append(pool.submit(measure_fold, weights, following))


def _is_last(reference: Reference, place: int, part: Part) -> bool:
    """Return whether no later fold has fakes of a part: those of all folds are then at hand."""
    return not any(part in fold.fakes for fold in [*reference.folds.values()][place + 1 :])


def estimate_mean(
    points: FloatArray, means: Resamples, below: Mapping[str, bool], *, trials: int
) -> dict[str, Estimate]:
    """Return the means of a detector with their intervals.

    Args:
        points: float64 (4,), the means.
        means: float32 (4, 1 + B), their resamples.
        below: Whether T1 and T0.1 are below their resolution.
        trials: The number of videos of a class in the smallest cell.
    """
    numbers = means.astype(np.float64)
    numbers[:, 0] = points
    return estimate(numbers, below, trials=trials)


def estimate(numbers: FloatArray, below: Mapping[str, bool], *, trials: int) -> dict[str, Estimate]:
    """Return numbers with the percentile intervals of their resamples.

    If every resample gives 0 or every one gives 1, resampling says nothing of what other videos
    would give. The interval is then the exact binomial one of that many trials.

    Args:
        numbers: float64 (4, 1 + B), or (2, 1 + B) for T1 and T0.1 alone; NaN in resamples that
            lack a class. Numbers that are NaN themselves are left out.
        below: Whether T1 and T0.1 are below their resolution.
        trials: The number of fakes, or of the real videos if they are fewer; for a mean, those of
            the smallest cell.
    """
    names = METRICS if len(numbers) == len(METRICS) else METRICS[CAUGHT]
    usable = numbers[:, 1:][:, ~np.isnan(numbers[:, 1:]).any(axis=0)]
    ends = None
    if usable.shape[1] > 1:
        ends = np.quantile(usable, [_TAIL, 1 - _TAIL], axis=1).round(_INTERVAL_DECIMALS)
        for at in np.flatnonzero((ends[0] == ends[1]) & np.isin(ends[0], (0, 1))):
            ends[:, at] = _bound(int(ends[0, at]) * trials, trials)
    return {
        name: Estimate(
            value=round(float(value), _DECIMALS),
            low=None if ends is None else float(ends[0, at]),
            high=None if ends is None else float(ends[1, at]),
            below_resolution=bool(below.get(name)),
        )
        for at, (name, value) in enumerate(zip(names, numbers[:, 0], strict=True))
        if not np.isnan(value)
    }


def find_span(own: Estimate) -> tuple[float, float]:
    """Return the interval of a number; the number itself at both ends if it has none."""
    return (
        own.value if own.low is None else own.low,
        own.value if own.high is None else own.high,
    )


@cache
def _bound(successes: int, trials: int) -> tuple[float, float]:
    interval = binomial_interval(successes, trials)
    return round(interval.low, _INTERVAL_DECIMALS), round(interval.high, _INTERVAL_DECIMALS)
