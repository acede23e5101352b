"""Ranks that are intervals: who can be told from whom, given resamples of the same videos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Final

import numpy as np
import numpy.typing as npt

from metrics.talking_head_detection.delong import holm
from metrics.talking_head_detection.inputs import FloatArray
from thb.boards.board import Ranked

_DECIMALS: Final = 6
_TAIL: Final = 0.025
_LEVEL: Final = 0.05

Separations = npt.NDArray[np.bool_]


def rank(
    numbers: Sequence[tuple[float, float]],
    resamples: npt.NDArray[np.float32],
    *,
    least: Sequence[float],
    spans: Sequence[tuple[float, float]] = (),
) -> list[Ranked]:
    """Rank D rivals, of which more is better.

    The rank follows the numbers, the second of which decides between equal first ones; rivals
    with both equal share a rank. The rank's interval holds the middle 95 % of the ranks in the
    resamples, where equal rivals may take any of their places. Groups are made by
    :func:`find_groups`, from the pairs that :func:`separate` tells apart.

    Args:
        numbers: The two numbers of each rival.
        resamples: float32 (D, B), the first number in each resample; NaN where there is none.
        least: For each rival the smallest difference of the first number that one video makes.
        spans: The interval of each rival's first number, for rivals whose resamples are all
            equal: they may stand anywhere within it. Empty if no such interval is known.

    Returns:
        The places in the order of the rivals. Without resamples, every place is possible and all
        rivals are one group.
    """
    rounded = [(round(first, _DECIMALS), round(second, _DECIMALS)) for first, second in numbers]
    ranks = [1 + sum(other > own for other in rounded) for own in rounded]
    usable = resamples[:, ~np.isnan(resamples).any(axis=0)].astype(np.float64).round(_DECIMALS)
    order = sorted(range(len(rounded)), key=lambda place: ranks[place])
    if usable.shape[1] < 2:
        lows, highs = [1] * len(rounded), [len(rounded)] * len(rounded)
        apart = np.zeros((len(rounded), len(rounded)), np.bool_)
    else:
        lows, highs = _find_ranges(usable, spans)
        firsts = np.array([first for first, _ in rounded])
        apart = separate(firsts[order], usable[order], least=[least[place] for place in order])
    groups = dict(zip(order, find_groups(apart), strict=True))
    return [
        Ranked(
            rank=own,
            rank_low=min(own, lows[place]),
            rank_high=max(own, highs[place]),
            group=groups[place],
        )
        for place, own in enumerate(ranks)
    ]


def _find_ranges(
    resamples: FloatArray, spans: Sequence[tuple[float, float]]
) -> tuple[list[int], list[int]]:
    """Return the ends of the interval of each rival's rank, the best and the worst."""
    lowest, highest = resamples.copy(), resamples.copy()
    for place, (low, high) in enumerate(spans):
        if np.ptp(resamples[place]) == 0:
            lowest[place] = np.minimum(lowest[place], low)
            highest[place] = np.maximum(highest[place], high)
    best = np.empty(resamples.shape, np.int64)
    worst = np.empty(resamples.shape, np.int64)
    for at, (column, top) in enumerate(zip(lowest.T, highest.T, strict=True)):
        best[:, at] = 1 + top.size - np.searchsorted(np.sort(column), top, side="right")
        worst[:, at] = top.size - np.searchsorted(np.sort(top), column, side="left")
    ends = (
        np.quantile(best, _TAIL, axis=1, method="inverted_cdf"),
        np.quantile(worst, 1 - _TAIL, axis=1, method="inverted_cdf"),
    )
    return [int(own) for own in ends[0]], [int(own) for own in ends[1]]


def separate(numbers: FloatArray, resamples: FloatArray, *, least: Sequence[float]) -> Separations:
    """Return which pairs of rivals the data tell apart: bool (D, D), true above the diagonal only.

    A pair's p-value is that of the normal distribution, from the difference of the numbers and
    the standard deviation of this difference over the resamples. (The share of resamples with
    the other sign cannot be less than 1 / B, which is too coarse for hundreds of rivals.) The
    p-values of all pairs are adjusted by Holm's method, and those below 0.05 count.

    Args:
        numbers: float64 (D,).
        resamples: float64 (D, B), the numbers in each resample.
        least: For each rival what one video makes: no standard deviation of a difference is less.
    """
    size = numbers.size
    floors = np.asarray(least)
    p_values: list[float] = []
    for place in range(size - 1):
        differences = numbers[place] - numbers[place + 1 :]
        errors = np.std(resamples[place] - resamples[place + 1 :], axis=1, ddof=1)
        scaled = np.abs(differences) / np.maximum.reduce(
            [errors, floors[place + 1 :], np.full(errors.size, floors[place])]
        )
        p_values += [math.erfc(value / math.sqrt(2)) for value in scaled]
    apart = np.zeros((size, size), np.bool_)
    apart[np.triu_indices(size, 1)] = np.array(holm(p_values)) < _LEVEL
    return apart


def find_groups(apart: Separations) -> list[str]:
    """Return the letters of each rival, from the best to the worst.

    A group is a longest run of neighbours of whom no two are told apart, and each group has a
    letter. So rivals that share a letter cannot be separated, and a rival between two groups has
    the letters of both.

    Args:
        apart: bool (D, D), which pairs are told apart, in the order of the ranks.
    """
    size = len(apart)
    ends = [size] * size  # the first place after the run that begins at a place
    for place in range(size - 1, -1, -1):
        told = np.flatnonzero(apart[place])
        first = int(told[0]) if told.size else size
        ends[place] = min(first, ends[place + 1] if place + 1 < size else size)
    starts = [place for place in range(size) if place == 0 or ends[place] > ends[place - 1]]
    groups: list[list[str]] = [[] for _ in range(size)]
    for number, start in enumerate(starts):
        for place in range(start, ends[start]):
            groups[place].append(_spell(number))
    return [("" if max(map(len, own)) == 1 else " ").join(own) for own in groups]


def _spell(number: int) -> str:
    """Return a, b, …, z, aa, ab and so on."""
    letters = ascii_lowercase[number % 26]
    return letters if number < 26 else _spell(number // 26 - 1) + letters
