"""The metric, against scikit-learn, SciPy, brute force, and its own promises."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    precision_score,
    roc_auc_score,
)
from sklearn.metrics import roc_curve as sklearn_roc_curve

from metrics.talking_head_detection import delong, roc
from tests.support.scored_cases import make_case

TARGETS = [Fraction(1, 100), Fraction(1, 1000), Fraction(1, 10), Fraction(1, 3), Fraction(7, 100)]


@pytest.mark.parametrize("block", range(4))
def test_auc_and_tpr_equal_scikit_learn_on_many_random_cases(block: int) -> None:
    for seed in range(400 * block, 400 * (block + 1)):
        labels, scores = make_case(seed)
        assert abs(roc.auc(labels, scores) - roc_auc_score(labels, scores)) < 1e-12
        assert roc.brier(labels, scores) == pytest.approx(
            brier_score_loss(labels, scores), abs=1e-12
        )
        n_real = int((labels == 0).sum())
        fpr, tpr, _ = sklearn_roc_curve(labels, scores, drop_intermediate=False)
        alarms = np.rint(fpr * n_real).astype(int)
        for target in TARGETS:
            allowed = math.floor(target * n_real)
            point = roc.tpr_at_fpr(labels, scores, target)
            assert point.tpr == tpr[alarms <= allowed].max(), (seed, target)
            assert point.allowed_false_alarms == allowed
            assert point.false_alarms <= allowed
            assert point.below_resolution == (n_real < 1 / target)


def test_the_threshold_reproduces_the_operating_point() -> None:
    for seed in range(300):
        labels, scores = make_case(seed)
        for target in TARGETS:
            point = roc.tpr_at_fpr(labels, scores, target)
            called = scores >= point.threshold
            assert called[labels == 1].sum() == point.hits
            assert called[labels == 0].sum() == point.false_alarms


cases = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 6).map(lambda v: v / 6)), min_size=2, max_size=14
).filter(lambda rows: len({label for label, _ in rows}) == 2)


@given(cases)
def test_auc_and_tpr_equal_brute_force(rows: list[tuple[int, float]]) -> None:
    reals = [score for label, score in rows if label == 0]
    fakes = [score for label, score in rows if label == 1]
    wins = sum((f > r) + (f == r) / 2 for f, r in itertools.product(fakes, reals))
    labels, scores = zip(*rows, strict=True)
    assert roc.auc(labels, scores) == pytest.approx(wins / len(reals) / len(fakes), abs=1e-15)
    for target in TARGETS:
        thresholds = [
            t for t in {*scores, 2.0} if sum(r >= t for r in reals) <= target * len(reals)
        ]
        best = sum(f >= min(thresholds) for f in fakes) / len(fakes)
        assert roc.tpr_at_fpr(labels, scores, target).tpr == best


@given(cases)
def test_auc_mirrors_when_scores_do_and_ignores_order(rows: list[tuple[int, float]]) -> None:
    labels, scores = map(np.array, zip(*rows, strict=True))
    assert roc.auc(labels, 1 - scores) == pytest.approx(1 - roc.auc(labels, scores), abs=1e-12)
    order = np.random.default_rng(0).permutation(len(labels))
    assert roc.auc(labels[order], scores[order]) == roc.auc(labels, scores)


def test_methods_differ_as_named() -> None:
    # 10 reals at 0.0 .. 0.9, fakes at 0.85 and 0.95: at FPR 5 % the curve is between 0 and 1.
    labels = [0] * 10 + [1, 1, 1, 1]
    scores = [at / 10 for at in range(10)] + [0.95, 0.85, 0.85, 0.05]
    assert roc.tpr_at_fpr(labels, scores, 0.05).tpr == 0.25
    # Halfway from (0, 1/4) to (1, 1/4): a false alarm alone finds no more fakes.
    assert roc.tpr_at_fpr(labels, scores, 0.05, method="interpolate").tpr == 0.25
    # 0.15 lies between one false alarm (3/4 found) and two.
    assert roc.tpr_at_fpr(labels, scores, 0.15).tpr == 0.75
    assert roc.tpr_at_fpr(labels, scores, 0.06, method="nearest").tpr == 0.75
    assert roc.tpr_at_fpr(labels, scores, 0.06, method="nearest").false_alarms == 1
    assert roc.tpr_at_fpr(labels, scores, 0.05, method="nearest").false_alarms == 0


def test_interpolation_is_linear_between_tied_points() -> None:
    labels, scores = [0, 0, 1, 1], [0.5, 0.1, 0.5, 0.5]
    assert roc.tpr_at_fpr(labels, scores, 0.25, method="interpolate").tpr == 0.5
    assert roc.tpr_at_fpr(labels, scores, 0.25).tpr == 0.0


@pytest.mark.parametrize(("n_real", "allowed"), [(99, 0), (100, 1), (199, 1), (300, 3), (700, 7)])
def test_allowed_false_alarms_are_whole_numbers_without_rounding_slips(
    n_real: int, allowed: int
) -> None:
    labels = [0] * n_real + [1]
    scores = [at / n_real for at in range(n_real)] + [1.0]
    assert roc.tpr_at_fpr(labels, scores, 0.01).allowed_false_alarms == allowed


@pytest.mark.parametrize(
    ("labels", "scores", "said"),
    [
        ([], [], "nothing"),
        ([0, 0], [0.1, 0.2], "only real"),
        ([1, 1], [0.1, 0.2], "only fake"),
        ([0, 1], [0.1, math.nan], "NaN"),
        ([0, 1], [0.1, math.inf], "within"),
        ([0, 1], [-0.1, 0.2], "within"),
        ([0, 1], [0.1, 1.2], "within"),
        ([0, 2], [0.1, 0.2], "labels"),
        ([0, 1, 1], [0.1, 0.2], "equal length"),
        ([[0, 1]], [[0.1, 0.2]], "two lists"),
        (["a", "b"], [0.1, 0.2], "numbers"),
    ],
)
def test_what_has_no_answer_is_an_error(labels: list[Any], scores: list[Any], said: str) -> None:
    for measure in (roc.auc, roc.brier, delong.auc_interval, roc.roc_curve):
        with pytest.raises(roc.MetricError, match=said):
            measure(labels, scores)


@pytest.mark.parametrize(
    "target", [0, 1, -0.1, 1.5, math.nan, math.inf, Fraction(0), Fraction(3, 2)]
)
def test_impossible_targets_are_refused(target: float | Fraction) -> None:
    with pytest.raises(roc.MetricError, match="within"):
        roc.tpr_at_fpr([0, 1], [0.1, 0.2], target)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(roc.MetricError, match="conservative"):
        roc.tpr_at_fpr([0, 1], [0.1, 0.2], 0.1, method="closest")  # type: ignore[arg-type]


@pytest.mark.parametrize("trials", [1, 2, 7, 100, 1605, 100_000])
def test_binomial_interval_equals_scipy(trials: int) -> None:
    for successes in {0, 1, trials // 3, trials // 2, trials - 1, trials}:
        ours = roc.binomial_interval(successes, trials)
        exact = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
        assert ours.low == pytest.approx(exact.low, abs=1e-10)
        assert ours.high == pytest.approx(exact.high, abs=1e-10)


def test_delong_variance_equals_the_sum_over_pairs() -> None:
    for seed in range(40):
        labels, scores = make_case(seed)
        reals, fakes = scores[labels == 0], scores[labels == 1]
        area = roc.auc(labels, scores)
        if min(len(reals), len(fakes)) < 2 or area in (0, 1) or len(scores) > 300:
            continue
        wins = (fakes[:, None] > reals) + (fakes[:, None] == reals) / 2
        error = math.sqrt(
            wins.mean(axis=1).var(ddof=1) / len(fakes) + wins.mean(axis=0).var(ddof=1) / len(reals)
        )
        half = stats.norm.ppf(0.975) * error / (area * (1 - area))
        low, high = (1 / (1 + math.exp(-math.log(area / (1 - area)) - s * half)) for s in (-1, 1))
        ours = delong.auc_interval(labels, scores)
        assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)


def test_auc_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = stats.norm.cdf(1 / math.sqrt(2))
    held = 0
    for _ in range(400):
        values = np.concatenate([rng.normal(0, 1, 40), rng.normal(1, 1, 40)])
        interval = delong.auc_interval([0] * 40 + [1] * 40, stats.norm.cdf(values))
        held += interval.low <= truth <= interval.high
    assert 0.92 <= held / 400 <= 0.98


def test_perfect_separation_does_not_claim_certainty() -> None:
    interval = delong.auc_interval([0] * 5 + [1] * 20, [0.1] * 5 + [0.9] * 20)
    assert interval.high == 1.0
    assert interval.low == pytest.approx(roc.binomial_interval(5, 5).low)
    mirrored = delong.auc_interval([1] * 5 + [0] * 20, [0.1] * 5 + [0.9] * 20)
    assert (mirrored.low, mirrored.high) == pytest.approx((0.0, 1 - interval.low))
    assert delong.auc_interval([0, 1], [0.1, 0.9]) == roc.Interval(0.0, 1.0)


@pytest.mark.parametrize(
    ("t1", "word"),
    [
        (1.0, "excellent"),
        (0.99, "excellent"),
        (0.9899, "good"),
        (0.95, "good"),
        (0.85, "reasonable"),
        (0.75, "fair"),
        (0.7499, "poor"),
        (0.0, "poor"),
    ],
)
def test_grades_are_the_published_ones_of_t1(t1: float, word: str) -> None:
    assert roc.grade(t1, n_real=100, n_fake=100) == word
    assert roc.grade(t1, n_real=99, n_fake=1000) is None, "T1 allows no false alarm"
    assert roc.grade(t1, n_real=1000, n_fake=99) is None, "one fake is more than a grade"


@pytest.mark.parametrize("digits", [0, 1, 2, 16])
def test_nearest_and_interpolated_equal_a_plain_reading_of_the_curve(digits: int) -> None:
    rng = np.random.default_rng(digits)
    for _ in range(150):
        labels = rng.integers(0, 2, int(rng.integers(2, 60)))
        labels[:2] = [0, 1]
        scores = np.round(rng.random(labels.size), digits)
        reals, fakes = scores[labels == 0], scores[labels == 1]
        thresholds = sorted({*scores, 2.0}, reverse=True)
        points = [(int((reals >= t).sum()), int((fakes >= t).sum())) for t in thresholds]
        for target in TARGETS:
            exact = target * len(reals)
            nearest = min(points, key=lambda p: (abs(p[0] - exact), p[0], -p[1]))
            read = roc.tpr_at_fpr(labels, scores, target, method="nearest")
            assert (read.false_alarms, read.hits) == nearest
            before = max(p for p in points if p[0] <= exact)
            after = min(p for p in points if p[0] > exact)
            share = (exact - before[0]) / (after[0] - before[0])
            expected = (before[1] + share * (after[1] - before[1])) / len(fakes)
            got = roc.tpr_at_fpr(labels, scores, target, method="interpolate").tpr
            assert got == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("method", ["conservative", "interpolate", "nearest"])
@pytest.mark.parametrize("target", [1e-300, 0.1234567890123456])
def test_targets_of_many_digits_do_not_overflow(method: roc.Method, target: float) -> None:
    labels = [0] * 3000 + [1] * 3000
    scores = np.concatenate([np.linspace(0, 0.8, 3000), np.linspace(0.2, 1, 3000)])
    point = roc.tpr_at_fpr(labels, scores, target, method=method)
    assert abs(point.false_alarms - target * 3000) <= 1


def test_equal_scores_do_not_claim_certainty() -> None:
    interval = delong.auc_interval([0] * 5 + [1] * 20, [0.5] * 25)
    assert interval.low < 0.3
    assert interval.low + interval.high == pytest.approx(1.0)


def test_roc_needs_numpy_only() -> None:
    code = (
        "import sys, metrics.talking_head_detection.roc as roc; "
        "heavy = {'pandas', 'scipy', 'sklearn', 'datasets', 'torch'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("block", range(4))
def test_the_other_measures_equal_scikit_learns(block: int) -> None:
    for seed in range(100 * block, 100 * (block + 1)):
        labels, scores = make_case(seed)
        curve = roc.roc_curve(labels, scores)
        assert curve.average_precision == pytest.approx(
            average_precision_score(labels, scores), abs=1e-12
        )
        threshold = float(np.random.default_rng(seed).choice([0.0, 0.3, 0.5, 0.77, 1.0, 2.0]))
        called = (scores >= threshold).astype(int)
        point = curve.at_threshold(threshold)
        assert point.accuracy == pytest.approx(accuracy_score(labels, called), abs=1e-12)
        assert point.precision == pytest.approx(
            precision_score(labels, called, zero_division=0), abs=1e-12
        )
        assert point.f1 == pytest.approx(f1_score(labels, called, zero_division=0), abs=1e-12)
        assert point.fpr == called[labels == 0].mean()
        assert point.tpr == called[labels == 1].mean()


def test_the_equal_error_rate_is_where_misses_equal_false_alarms() -> None:
    for seed in range(200):
        labels, scores = make_case(seed)
        curve = roc.roc_curve(labels, scores)
        fpr, tpr, _ = sklearn_roc_curve(labels, scores, drop_intermediate=False)
        equal = (curve.equal_error_rate, 1 - curve.equal_error_rate)
        sides = itertools.pairwise(zip(fpr, tpr, strict=True))
        detours = [math.dist(a, equal) + math.dist(equal, b) - math.dist(a, b) for a, b in sides]
        assert min(detours) < 1e-9, f"{equal} is not on the curve of {seed}"
    assert roc.roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).equal_error_rate == 0.5
    assert roc.roc_curve([0, 1], [0.1, 0.9]).equal_error_rate == 0
    assert roc.roc_curve([0, 1], [0.9, 0.1]).equal_error_rate == 1


def test_scores_that_only_bits_tell_apart_keep_their_order() -> None:
    below = np.nextafter(0.5, 0)
    tiny = np.nextafter(0.0, 1)
    assert roc.auc([0, 1], [below, 0.5]) == 1
    assert roc.auc([1, 0], [below, 0.5]) == 0
    assert roc.auc([0, 1], [-0.0, 0.0]) == 0.5, "the two zeros are equal"
    assert roc.auc([0, 1], [0.0, tiny]) == 1
    curve = roc.roc_curve([0, 1, 1], [below, 0.5, 1.0])
    assert curve.thresholds.tolist() == [math.inf, 1.0, 0.5, below]
