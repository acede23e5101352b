"""Ranks, their intervals and their groups against a brute force over every pair and resample."""

from __future__ import annotations

import itertools
from statistics import NormalDist, stdev

import numpy as np
import pytest

from thb.boards.ranking import find_groups, rank


def draw(numbers: list[float], spread: float = 0.05, size: int = 200) -> np.ndarray:
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=spread, size=(len(numbers), size))
    return (np.array(numbers)[:, None] + noise).clip(0, 1).round(2).astype(np.float32)


def test_ranks_and_intervals_are_those_of_counting() -> None:
    numbers = [0.9, 0.3, 0.88, 0.5, 0.5]
    resamples = draw(numbers)
    ranked = rank([(own, 0.0) for own in numbers], resamples, least=[0.001] * len(numbers))
    assert [own.rank for own in ranked] == [1, 5, 2, 3, 3]
    for place, own in enumerate(ranked):
        best, worst = [], []
        for column in resamples.T.round(6):
            best.append(1 + sum(other > column[place] for other in column))
            worst.append(sum(other >= column[place] for other in column))
        assert own.rank_low == min(own.rank or 0, sorted(best)[int(np.ceil(200 * 0.025)) - 1])
        assert own.rank_high == max(own.rank or 0, sorted(worst)[int(np.ceil(200 * 0.975)) - 1])


def test_the_second_number_decides_between_equal_first_ones() -> None:
    ranked = rank([(0.5, 0.6), (0.5, 0.7), (0.5, 0.6)], draw([0.5] * 3), least=[0.001] * 3)
    assert [own.rank for own in ranked] == [2, 1, 2]


def test_letters_are_shared_by_exactly_the_runs_that_holm_cannot_break() -> None:
    numbers = [0.9, 0.88, 0.75, 0.7, 0.68, 0.2]
    resamples = draw(numbers, spread=0.03)
    ranked = rank([(own, 0.0) for own in numbers], resamples, least=[0.001] * len(numbers))
    pairs = list(itertools.combinations(range(6), 2))
    p_values = {
        (i, j): 2
        * NormalDist().cdf(
            -abs(numbers[i] - numbers[j])
            / stdev((resamples[i].astype(float) - resamples[j]).tolist())
        )
        for i, j in pairs
    }
    apart, still = set(), True
    for steps, pair in enumerate(sorted(pairs, key=lambda pair: p_values[pair])):
        still = still and p_values[pair] * (len(pairs) - steps) < 0.05
        apart |= {pair} if still else set()
    assert apart
    assert len(apart) < len(pairs)
    for i, j in pairs:
        inside = itertools.combinations(range(i, j + 1), 2)
        expected = not apart & set(inside)
        assert bool(set(ranked[i].group) & set(ranked[j].group)) is expected, (i, j)


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_the_longest_runs(seed: int) -> None:
    size = 9
    apart = np.triu(np.random.default_rng(seed).random((size, size)) < 0.25, 1)
    runs = [
        (first, last)
        for first, last in itertools.combinations_with_replacement(range(size), 2)
        if not apart[first : last + 1, first : last + 1].any()
    ]
    longest = [
        own
        for own in runs
        if not any(other != own and other[0] <= own[0] and own[1] <= other[1] for other in runs)
    ]
    expected = [
        "".join(
            "abcdefghi"[at] for at, (first, last) in enumerate(longest) if first <= place <= last
        )
        for place in range(size)
    ]
    assert find_groups(apart) == expected


def test_more_groups_than_letters_have_two_letters_each() -> None:
    apart = np.triu(np.ones((30, 30), np.bool_), 1)
    groups = find_groups(apart)
    assert groups[0] == "a"
    assert groups[25:28] == ["z", "aa", "ab"]
    assert len(set(groups)) == 30


def test_a_difference_that_no_resample_changes_is_as_uncertain_as_one_video() -> None:
    resamples = np.repeat(np.array([[1.0], [0.9]], np.float32), 50, axis=1)
    numbers = [(1.0, 1.0), (0.9, 1.0)]
    assert [own.group for own in rank(numbers, resamples, least=[0.01] * 2)] == ["a", "b"]
    assert [own.group for own in rank(numbers, resamples, least=[0.01, 0.1])] == ["a", "a"]


def test_without_resamples_every_place_is_possible() -> None:
    ranked = rank([(0.9, 0.9), (0.1, 0.1)], np.full((2, 4), np.nan, np.float32), least=[0.1] * 2)
    assert [(own.rank, own.rank_low, own.rank_high, own.group) for own in ranked] == [
        (1, 1, 2, "a"),
        (2, 1, 2, "a"),
    ]


def test_nobody_is_ranked_among_nobody() -> None:
    assert rank([], np.zeros((0, 4), np.float32), least=[]) == []


def test_resamples_that_say_nothing_leave_every_place_within_the_interval() -> None:
    resamples = draw([0.9, 0.5, 0.1], spread=0.01)
    resamples[2] = 0.0  # a single fake, never caught
    numbers = [(0.9, 0.0), (0.5, 0.0), (0.0, 0.0)]
    spans = [(0.88, 0.92), (0.48, 0.52), (0.0, 0.975)]
    ranked = rank(numbers, resamples, least=[0.01, 0.01, 1.0], spans=spans)
    assert [(own.rank_low, own.rank_high) for own in ranked] == [(1, 2), (2, 3), (1, 3)]
    assert [own.group for own in ranked] == ["a", "b", "b"]
