"""Two detectors compared, against DeLong's own definition; Holm against a worked example."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.talking_head_detection.binomial import MetricError
from metrics.talking_head_detection.bootstrap import (
    Sample,
    paired_bootstrap,
    paired_p_values,
)
from metrics.talking_head_detection.delong import auc_interval, compare_aucs, holm
from metrics.talking_head_detection.roc import auc


def make_detectors(seed: int, size: int = 60, digits: int = 2) -> tuple[np.ndarray, ...]:
    """Labels, and the scores of two detectors that err on the same videos."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < 0.4).astype(int)
    labels[:4] = [0, 0, 1, 1]
    shared = rng.normal(0.4 + 0.2 * labels, 0.15)
    scores = [np.clip(shared + rng.normal(0, 0.1, size), 0, 1).round(digits) for _ in range(2)]
    return labels, *scores


def compare_by_definition(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[float, float]:
    """Return the difference and its variance from the sums over all pairs of the paper."""
    areas, by_fake, by_real = [], [], []
    for scores in (first, second):
        fakes, reals = scores[labels == 1], scores[labels == 0]
        wins = np.array([[(f > r) + (f == r) / 2 for r in reals] for f in fakes])
        areas.append(wins.mean())
        by_fake.append(wins.mean(axis=1))
        by_real.append(wins.mean(axis=0))
    contrast = np.array([1, -1])
    covariance = np.cov(by_fake) / len(by_fake[0]) + np.cov(by_real) / len(by_real[0])
    return areas[0] - areas[1], float(contrast @ covariance @ contrast)


@pytest.mark.parametrize("seed", range(40))
def test_the_comparison_is_delongs(seed: int) -> None:
    labels, first, second = make_detectors(seed, digits=1 + seed % 3)
    difference, variance = compare_by_definition(labels, first, second)
    ours = compare_aucs(labels, first, second)
    assert ours.difference == pytest.approx(auc(labels, first) - auc(labels, second), abs=1e-12)
    assert ours.difference == pytest.approx(difference, abs=1e-12)
    z = difference / math.sqrt(variance)
    assert ours.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)
    half = stats.norm.ppf(0.975) * math.sqrt(variance)
    assert ours.interval.low == pytest.approx(difference - half, abs=1e-12)
    assert ours.interval.high == pytest.approx(difference + half, abs=1e-12)


def test_the_p_value_is_uniform_where_both_detectors_are_equally_good() -> None:
    p_values = [compare_aucs(*make_detectors(seed, 200, 16)).p_value for seed in range(400)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_two_detectors_that_agree_do_not_differ() -> None:
    labels, first, _ = make_detectors(1)
    same = compare_aucs(labels, first, first)
    assert (same.difference, same.p_value) == (0, 1)
    assert same.interval.low == same.interval.high == 0
    with pytest.raises(MetricError, match="2 or more videos of each class"):
        compare_aucs([0, 1, 1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3])


def test_pairing_makes_the_interval_narrower_than_two_separate_ones() -> None:
    labels, first, second = make_detectors(3, 400, 16)
    paired = compare_aucs(labels, first, second).interval
    separate = [auc_interval(labels, scores) for scores in (first, second)]
    assert paired.high - paired.low < sum(own.high - own.low for own in separate) / 2


def test_the_paired_bootstrap_agrees_with_delong_where_nothing_is_shared() -> None:
    labels, first, second = make_detectors(3, 400, 16)
    sample = Sample(labels, first, [[None] * 400])
    interval = paired_bootstrap([sample], [second], replicates=2000)["auc"]
    delong = compare_aucs(labels, first, second).interval
    assert interval.low == pytest.approx(delong.low, abs=0.01)
    assert interval.high == pytest.approx(delong.high, abs=0.01)
    with_itself = paired_bootstrap([sample], [first], replicates=50)
    assert all(own.low == own.high == 0 for own in with_itself.values())


def test_p_values_of_the_bootstrap_agree_with_delong_where_nothing_is_shared() -> None:
    ours, delongs = [], []
    for seed in range(12):
        labels, first, second = make_detectors(seed, 300, 8)
        sample = Sample(labels, first, [[None] * 300])
        p_values = paired_p_values([sample], [second], replicates=999)
        for name, interval in paired_bootstrap([sample], [second], replicates=999).items():
            if interval.low > 0 or interval.high < 0:
                assert p_values[name] <= 0.06, name
            elif interval.low < 0 < interval.high:
                assert p_values[name] >= 0.04, name
        ours.append(p_values["auc"])
        delongs.append(compare_aucs(labels, first, second).p_value)
    assert ours == pytest.approx(delongs, abs=0.06)
    assert min(delongs) < 0.3
    assert max(delongs) > 0.7


def test_a_detector_does_not_differ_from_itself_and_no_p_value_is_zero() -> None:
    labels, first, _ = make_detectors(3, 200, 16)
    sample = Sample(labels, first, [[None] * 200])
    assert set(paired_p_values([sample], [first], replicates=50).values()) == {1.0}
    perfect = Sample(labels, labels, [[None] * 200])
    p_values = paired_p_values([perfect], [1 - labels], replicates=99)
    assert p_values["auc"] == p_values["brier"] == 2 / 100


def test_holm_equals_the_worked_example() -> None:
    # 0.01 x 4, then 0.005 x ... by hand: the smallest times 4, the next times 3, and never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    with pytest.raises(MetricError, match="within"):
        holm([1.5])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_between_the_plain_values_and_bonferroni(p_values: list[float]) -> None:
    for plain, adjusted in zip(p_values, holm(p_values), strict=True):
        assert plain <= adjusted <= min(1, plain * len(p_values)) or adjusted == max(holm(p_values))
