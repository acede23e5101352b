"""Two detectors compared: their numbers by counting, and no verdict where nobody can tell."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import thb
from tests.support.made_predictions import GENERATORS, change, make_predictions
from tests.support.records import make_scoring_record
from thb.evaluation.cells import MEAN
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.reports.comparing import COMPARED, compare
from thb.reports.comparison import Comparison, Difference
from thb_dataset.errors import ResultError


def find(comparison: Comparison, metric: str, generator: str) -> Difference:
    (row,) = [
        row for row in comparison.differences if (row.metric, row.generator) == (metric, generator)
    ]
    return row


def count_auc(rows: Predictions, generator: str) -> float:
    """Return the AUC by its definition: the share of pairs that are ordered right."""
    fakes = [row.score or 0 for row in rows if row.generator == generator]
    reals = [row.score or 0 for row in rows if row.label == 0]
    wins = [(fake > real) + (fake == real) / 2 for fake, real in product(fakes, reals)]
    return sum(wins) / len(wins)


def count_found(rows: Predictions, generator: str) -> float:
    """Return the share of fakes above every real video: T1 with fewer than 100 of them."""
    highest = max(row.score or 0 for row in rows if row.label == 0)
    found = [(row.score or 0) > highest for row in rows if row.generator == generator]
    return sum(found) / len(found)


def make_many(strength: float, *, n: int = 150, seed: int = 0) -> Predictions:
    """Return the scores of a detector on n fakes and n real videos; the noise is the seed's."""
    noise = np.random.default_rng(seed).normal(size=2 * n)
    rows = tuple(
        Prediction(
            video_id=f"made/{at}",
            label=int(at < n),
            generator="Hallo" if at < n else None,
            real_dataset=None if at < n else "CelebV-HQ",
            split="test",
            status=Status.OK,
            score=float(1 / (1 + np.exp(-noise[at] - strength * (at < n)))),
        )
        for at in range(2 * n)
    )
    return Predictions(rows=rows, run=make_scoring_record(fold="p1"))


def test_the_numbers_are_those_of_each_detector_counted_by_hand() -> None:
    first, second = make_predictions(seed=1), make_predictions(seed=2)
    found = compare(first, second, n_bootstrap=50)
    assert [row.metric for row in found.differences] == [
        metric for metric in COMPARED for _ in (*GENERATORS, MEAN)
    ]
    for metric, count in (("auc", count_auc), ("t1", count_found), ("t01", count_found)):
        for generator in GENERATORS:
            row = find(found, metric, generator)
            assert row.first == pytest.approx(count(first, generator))
            assert row.second == pytest.approx(count(second, generator))
            assert row.difference == pytest.approx(row.first - row.second)
            assert (row.n_fake, row.n_real, row.few) == (6, 20, True)
            assert row.below_resolution is (metric != "auc")
        mean = find(found, metric, MEAN)
        assert mean.first == pytest.approx(np.mean([count(first, name) for name in GENERATORS]))
        assert (mean.n_fake, mean.n_real) == (24, 20)
        assert mean.delong_p_value is None


def test_turned_round_it_says_the_opposite() -> None:
    first, second = make_predictions(seed=1), make_predictions(seed=2)
    one = compare(first, second, n_bootstrap=99)
    other = compare(second, first, n_bootstrap=99)
    for row, turned in zip(one.differences, other.differences, strict=True):
        assert turned.difference == pytest.approx(-row.difference)
        ends = [-(row.high or 0), -(row.low or 0)]
        assert [turned.low, turned.high] == pytest.approx(ends)
        assert turned.p_value == row.p_value
        assert turned.delong_p_value == pytest.approx(row.delong_p_value)


def test_a_detector_is_no_better_than_itself() -> None:
    found = compare(make_many(1.0), make_many(1.0), n_bootstrap=99)
    for row in found.differences:
        assert (row.difference, row.low, row.high) == (0, 0, 0)
        assert row.p_value == row.adjusted == 1
        assert row.better is None
    assert find(found, "auc", "Hallo").delong_p_value == 1


def test_a_large_difference_on_many_videos_is_named_and_a_small_test_names_none() -> None:
    found = compare(make_many(3.0), make_many(1.0, seed=1))
    auc = find(found, "auc", "Hallo")
    assert auc.better == "first"
    assert auc.low is not None
    assert auc.high is not None
    assert 0 < auc.low < auc.difference < auc.high
    assert auc.delong_p_value is not None
    assert auc.delong_p_value < 0.001
    assert find(compare(make_many(1.0, seed=1), make_many(3.0)), "t1", "Hallo").better == "second"
    t01 = find(found, "t01", "Hallo")  # 150 real videos cannot tell 0.1 %
    assert t01.below_resolution
    assert t01.adjusted is not None
    assert t01.adjusted < 0.05
    assert t01.better is None
    small = find(compare(make_many(3.0, n=99), make_many(1.0, n=99, seed=1)), "auc", "Hallo")
    assert small.adjusted is not None
    assert small.adjusted < 0.05
    assert small.better is None


def test_p_values_are_adjusted_for_the_rows_of_their_metric() -> None:
    found = compare(make_predictions(seed=1), make_predictions(seed=2), n_bootstrap=99)
    for metric in COMPARED:
        rows = [row for row in found.differences if row.metric == metric]
        plain = sorted(row.p_value or 0 for row in rows)
        # Holm: the smallest times n, the next times n - 1, …, never less than the one before.
        steps = [min(1.0, p * (len(plain) - at)) for at, p in enumerate(plain)]
        expected = [max(steps[: at + 1]) for at in range(len(steps))]
        assert sorted(row.adjusted or 0 for row in rows) == pytest.approx(expected)


def test_only_videos_that_both_scored_count() -> None:
    first, second = make_predictions(seed=1), make_predictions(seed=2)
    gone = [row.video_id for row in first.rows if row.generator == "Hallo"][:2]
    second = change(second, gone[0], status=Status.NO_FACE, reason="none", score=None)
    second = Predictions(
        rows=tuple(row for row in second.rows if row.video_id != gone[1]), run=second.run
    )
    row = find(compare(first, second, n_bootstrap=20), "auc", "Hallo")
    kept = Predictions(
        rows=tuple(row for row in first.rows if row.video_id not in gone), run=first.run
    )
    assert row.n_fake == 4
    assert row.first == pytest.approx(count_auc(kept, "Hallo"))


def test_run_folders_files_and_predictions_give_the_same(tmp_path: Path) -> None:
    first, second = make_predictions(seed=1), make_predictions(seed=2)
    for name, own in (("one", first), ("two", second)):
        write_predictions(tmp_path / name / "p1" / "predictions.parquet", own)
    expected = compare(first, second, n_bootstrap=20).differences
    assert compare(tmp_path / "one", tmp_path / "two", n_bootstrap=20).differences == expected
    file = tmp_path / "two" / "p1" / "predictions.parquet"
    assert compare(tmp_path / "one", file, protocol="p1", n_bootstrap=20).differences == expected


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    first = make_predictions(seed=1)
    other_release = replace(make_scoring_record(fold="p1").release, name="another", revision="2")
    with pytest.raises(ResultError, match="scored on two releases"):
        compare(first, make_predictions(seed=2, release=other_release))
    with pytest.raises(ResultError, match="not scored on the same folds and generators"):
        compare(first, make_predictions(GENERATORS[:2], seed=2))
    with pytest.raises(ResultError, match=r"name one protocol.*the first has predictions for p1"):
        compare(first, make_predictions(seed=2), protocol="p3")
    strangers = tuple(replace(row, video_id=f"x/{row.video_id}") for row in first.rows)
    with pytest.raises(ResultError, match="share no fake, or no real video"):
        compare(first, Predictions(rows=strangers, run=first.run))
    for name in ("one", "two"):
        write_predictions(tmp_path / name / "p1" / "predictions.parquet", first)
    with pytest.raises(ResultError, match="holds several detectors"):
        compare(tmp_path, first)


def test_the_table_shows_every_row_and_obeys_no_name() -> None:
    first = make_predictions(seed=1, name="a|b\x1b[31m")
    found = compare(first, make_predictions(seed=2, name="second"), n_bootstrap=20)
    text = found.to_markdown()
    assert "\x1b" not in text
    assert "a\\|b" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "cannot tell" in line]
    assert len(rows) == len(found.differences)
    assert json.loads(json.dumps(found.to_dict()))["differences"][0]["better"] is None
    assert len(found.to_pandas()) == len(found.differences)
    same = compare(first, first, n_bootstrap=20)
    assert same.first.endswith("(first)")
    assert same.second.endswith("(second)")
    assert thb.compare is compare
