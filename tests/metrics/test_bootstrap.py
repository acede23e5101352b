"""The bootstrap is right for independent videos, wider for others, and reproducible."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from metrics.talking_head_detection import bootstrap, clusters, roc
from metrics.talking_head_detection.bootstrap import (
    Sample,
    choose_scheme,
    cluster_bootstrap,
    mean_bootstrap,
)
from metrics.talking_head_detection.delong import auc_interval


def draw_sample(rng: np.random.Generator, *, drivers: int, portraits: int, spread: float) -> Sample:
    """Return 60 fakes of drivers and portraits with random effects, and 120 real videos."""
    driver, portrait = rng.integers(0, drivers, 60), rng.integers(0, portraits, 60)
    effects = rng.normal(0, spread, drivers)[driver] + rng.normal(0, spread, portraits)[portrait]
    fakes, reals = 1.5 + effects + rng.normal(size=60), rng.normal(size=120)
    return Sample(
        labels=np.repeat([0, 1], [120, 60]),
        scores=stats.norm.cdf(np.concatenate([reals, fakes]) / 3),
        factors=(
            [*(f"real {at}" for at in range(120)), *(f"driver {at}" for at in driver)],
            [*[None] * 120, *(f"portrait {at}" for at in portrait)],
        ),
    )


def width(interval: roc.Interval) -> float:
    return interval.high - interval.low


def test_bootstrap_without_shared_keys_is_the_ordinary_one() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    ours = cluster_bootstrap(labels, scores, [[None] * 120], replicates=2000)["auc"]
    delong = auc_interval(labels, scores)
    assert ours.low == pytest.approx(delong.low, abs=0.03)
    assert ours.high == pytest.approx(delong.high, abs=0.03)


def test_bootstrap_is_wider_where_videos_share_a_driver() -> None:
    rng = np.random.default_rng(2)
    drivers = np.repeat(np.arange(20), 12)
    labels = np.tile(np.repeat([0, 1], 6), 20)
    level = rng.normal(0, 0.15, 20)[drivers] * labels
    scores = np.clip(0.4 + 0.15 * labels + level + rng.normal(0, 0.02, 240), 0, 1)
    alone = cluster_bootstrap(labels, scores, [[None] * 240])["auc"]
    shared = cluster_bootstrap(labels, scores, [list(drivers)])["auc"]
    assert shared.high - shared.low > 1.5 * (alone.high - alone.low)
    assert cluster_bootstrap(labels, scores, [list(drivers)])["auc"] == shared


def test_bootstrap_replicates_equal_the_plain_metric_on_the_drawn_videos() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1], 30)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1).round(1).astype(np.float64)
    weights = rng.integers(0, 3, (5, 60))
    table = bootstrap._measure(labels, scores, weights)
    for column, weight in zip(table.T, weights, strict=True):
        drawn = np.repeat(labels, weight), np.repeat(scores, weight)
        expected = [
            roc.auc(*drawn),
            roc.tpr_at_fpr(*drawn, roc.T1).tpr,
            roc.tpr_at_fpr(*drawn, roc.T01).tpr,
            roc.brier(*drawn),
        ]
        assert column == pytest.approx(expected, abs=1e-12)


def test_bootstrap_refuses_what_it_cannot_resample() -> None:
    with pytest.raises(roc.MetricError, match="key per video"):
        cluster_bootstrap([0, 1], [0.1, 0.9], [[1]])
    with pytest.raises(roc.MetricError, match="too few clusters"):
        # With one driver of fakes and one of reals, no resample of one draw holds both.
        cluster_bootstrap([0, 1], [0.1, 0.9], [["a", "b"]], replicates=1, seed=3)


def test_keys_that_nobody_shares_change_nothing() -> None:
    # Every fake has its own driver and its own portrait. One draw per fake is right; two would
    # triple the variance.
    sample = draw_sample(np.random.default_rng(3), drivers=10**6, portraits=10**6, spread=0)
    assert choose_scheme([sample]) == "components"
    keyed = cluster_bootstrap(sample.labels, sample.scores, sample.factors, replicates=2000)
    delong = auc_interval(sample.labels, sample.scores)
    assert width(keyed["auc"]) == pytest.approx(width(delong), rel=0.15)


def test_a_factor_nested_in_another_adds_nothing() -> None:
    sample = draw_sample(np.random.default_rng(4), drivers=10**6, portraits=15, spread=0.5)
    both = cluster_bootstrap(sample.labels, sample.scores, sample.factors, replicates=2000)
    portraits = [*sample.factors[0][:120], *sample.factors[1][120:]]
    one = cluster_bootstrap(sample.labels, sample.scores, [portraits], replicates=2000, seed=1)
    assert width(both["auc"]) == pytest.approx(width(one["auc"]), rel=0.15)


@pytest.mark.parametrize(
    ("drivers", "portraits", "scheme"), [(10**6, 15, "components"), (12, 12, "crossed")]
)
def test_intervals_hold_the_truth_where_videos_share(
    drivers: int, portraits: int, scheme: str
) -> None:
    spread = 0.6
    truth = stats.norm.cdf(1.5 / np.sqrt(2 + 2 * spread**2))
    rng = np.random.default_rng(0)
    held = {"clusters": 0, "DeLong": 0}
    for _ in range(100):
        sample = draw_sample(rng, drivers=drivers, portraits=portraits, spread=spread)
        assert choose_scheme([sample]) == scheme
        intervals = {
            "clusters": cluster_bootstrap(
                sample.labels, sample.scores, sample.factors, replicates=200
            )["auc"],
            "DeLong": auc_interval(sample.labels, sample.scores),
        }
        for name, interval in intervals.items():
            held[name] += interval.low <= truth <= interval.high
    assert held["clusters"] >= 85
    assert held["clusters"] > held["DeLong"]


def test_a_chain_of_shared_keys_is_one_component() -> None:
    codes = [np.array([0, 0, 1, 2, -1]), np.array([5, 1, 1, -1, 5])]
    assert clusters._find_components(codes).tolist() == [0, 0, 0, 1, 0]


def test_a_real_clip_is_drawn_with_the_fakes_that_it_drives() -> None:
    codes = clusters._join(
        [Sample([0, 1, 1], [0.1, 0.2, 0.3], [["a", "a", "b"], [None, "x", "y"]])],
    )[1]
    weights = bootstrap._draw_weights(codes, 50, np.random.default_rng(0))
    # The real video has no portrait, so its weight is that of its driver and divides the fake's.
    assert set(weights[:, 0]) == {0, 1, 2}
    assert not weights[weights[:, 0] == 0, 1].any()


def test_videos_without_any_key_are_drawn_one_by_one() -> None:
    marks, codes = clusters._join(
        [Sample([0, 1, 1], [0.1, 0.2, 0.3], [[None, None, "b"], [None, None, None]])],
    )
    assert marks.tolist() == [0, 1, 1]
    assert len(set(codes[0].tolist())) == 3
    assert (codes[1] == -1).all()


def test_the_mean_over_comparisons_knows_that_they_share_their_reals() -> None:
    rng = np.random.default_rng(6)
    sample = draw_sample(rng, drivers=10**6, portraits=10**6, spread=0)
    alone = cluster_bootstrap(sample.labels, sample.scores, sample.factors)
    twice = mean_bootstrap([sample, sample])
    assert twice == alone  # the same videos twice are not more evidence
    renamed = [[key and f"other {key}" for key in keys] for keys in sample.factors]
    other = Sample(sample.labels, sample.scores, renamed)
    independent = mean_bootstrap([sample, other])
    assert width(independent["auc"]) == pytest.approx(width(alone["auc"]) / np.sqrt(2), rel=0.15)


def test_samples_of_different_factors_are_refused() -> None:
    one = Sample([0, 1], [0.1, 0.9], [["a", "b"]])
    two = Sample([0, 1], [0.1, 0.9], [["a", "b"], ["c", "d"]])
    with pytest.raises(roc.MetricError, match="all factors"):
        mean_bootstrap([one, two])
    with pytest.raises(roc.MetricError, match="all factors"):
        mean_bootstrap([])


def test_an_input_too_large_for_one_piece_is_resampled_in_several() -> None:
    labels = [0, 0, 1, 1] * 60_000  # 8 of the 10 replicates fit into the first piece
    scores, keys = [0.1, 0.4, 0.35, 0.8] * 60_000, list(range(240)) * 1000
    intervals = cluster_bootstrap(labels, scores, [keys], replicates=10)
    assert 0 <= intervals["auc"].low <= 0.75 <= intervals["auc"].high <= 1


def test_clusters_are_the_components_or_each_factor_by_itself() -> None:
    chain = Sample([0, 1, 1, 0], [0.1] * 4, [["a", "a", None, "b"], [None, "x", "x", None]])
    alone = Sample([0, 1], [0.1] * 2, [["c", "d"], [None, None]])
    assert [codes.tolist() for codes in bootstrap.find_clusters([chain, alone])] == [
        [0, 0, 0, 1, 2, 3]
    ]
    drivers, portraits = [f"d{at % 9}" for at in range(90)], [f"p{at // 9}" for at in range(90)]
    crossed = Sample([0, 1] * 45, [0.5] * 90, [drivers, portraits])
    assert [int(codes.max()) + 1 for codes in bootstrap.find_clusters([crossed])] == [9, 10]
