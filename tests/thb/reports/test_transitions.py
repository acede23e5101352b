"""Transitions on made predictions, in which every fall is planted."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.support.records import make_scoring_record
from thb.prediction.predictions import Prediction, Predictions, Status
from thb.reports.transitions import find_transitions
from thb_dataset.errors import ResultError

HALLO, LIVE = {"H/1": 0.95, "H/2": 0.99, "H/3": 0.6}, {"L/1": 0.92, "L/2": 0.91}


def make_fold(
    protocol: str, fold: str, scores: Mapping[str, float | None], **changes: object
) -> Predictions:
    rows = [
        Prediction(
            video_id=name,
            label=0 if name.startswith("R/") else 1,
            generator={"H": "Hallo", "L": "LivePortrait", "M": "MAGI-1"}.get(name[0]),
            split="extra" if name.startswith("M/") else "test",
            status=Status.NO_FACE if score is None else Status.OK,
            score=score,
        )
        for name, score in scores.items()
    ]
    run = make_scoring_record(protocol=protocol, fold=fold, **changes)
    return Predictions(rows=tuple(rows), run=run)


P1 = make_fold("p1", "p1", {**HALLO, **LIVE, "R/1": 0.99, "M/1": 0.99})
P3 = [
    make_fold("p3", "p3-hallo", {"H/1": 0.2, "H/2": 0.4, "H/3": 0.1, "R/1": 0.0, "M/1": 0.0}),
    make_fold("p3", "p3-liveportrait", {"L/1": 0.8, "L/2": 0.49, "R/1": 0.0}),
]


def test_confident_hits_that_become_misses_are_counted_by_generator() -> None:
    found = find_transitions([P1], P3)
    counts = {
        row.generator: (row.compared, row.true_positives, row.false_negatives) for row in found.rows
    }
    assert counts == {"Hallo": (3, 2, 2), "LivePortrait": (2, 2, 1)}
    assert [row.drop for row in found.rows] == [1.0, 0.5]
    assert [video.video_id for video in found.videos] == ["H/1", "H/2", "L/2"], "the steepest first"
    assert found.videos[0].fold == "p3-hallo"
    assert json.loads(json.dumps(found.to_dict()))["rows"][1]["drop"] == 0.5


def test_each_fold_may_miss_by_its_own_threshold() -> None:
    found = find_transitions([P1], P3, missed_below={"p3-hallo": 0.3, "p3-liveportrait": 0.85})
    assert [row.false_negatives for row in found.rows] == [1, 2]
    assert [row.missed_below for row in found.rows] == [0.3, 0.85]


def test_confident_may_be_a_quantile_of_the_detectors_own_scores() -> None:
    found = find_transitions([P1], P3, quantile=0.8)
    assert found.quantile == 0.8
    assert {row.confident_from for row in found.rows} == {0.99}
    assert [video.video_id for video in found.videos] == ["H/2"]
    with pytest.raises(ResultError, match="quantile"):
        find_transitions([P1], P3, quantile=1)


def test_videos_without_a_score_are_not_compared() -> None:
    found = find_transitions([P1], [make_fold("p3", "p3-hallo", {"H/1": None, "H/2": 0.0})])
    (row,) = found.rows
    assert (row.compared, row.true_positives, row.drop) == (1, 1, 1.0)


def test_a_generator_without_a_confident_hit_has_no_drop() -> None:
    (row,) = find_transitions([make_fold("p1", "p1", {"H/3": 0.6})], P3).rows
    assert (row.true_positives, row.drop) == (0, None)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ResultError, match="share no test fake"):
        find_transitions([make_fold("p1", "p1", {"H/9": 0.9})], P3)
    with pytest.raises(ResultError, match="not none"):
        find_transitions([], P3)
    with pytest.raises(ResultError, match="one protocol of one detector"):
        find_transitions([P1, *P3], P3)
