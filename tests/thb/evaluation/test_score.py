"""The numbers that are computed from predictions."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import roc_auc_score

from metrics.talking_head_detection.delong import auc_interval
from tests.support.made_predictions import GENERATORS, change, make_predictions
from tests.support.records import FACE_PACK
from thb.evaluation.cells import Cell
from thb.evaluation.score import score
from thb.evaluation.tables import markdown_table
from thb.prediction.predictions import (
    Prediction,
    Predictions,
    Status,
    read_predictions,
    write_predictions,
)
from thb.runs.provenance import ScoredDetector, ScoringRecord
from thb.runs.record import ReleaseRecord
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import ResultError


def test_each_generator_meets_the_same_reals() -> None:
    predictions = make_predictions()
    result = score(predictions, n_bootstrap=50)
    reals = [row.score for row in predictions.rows if row.label == 0]
    assert [cell.generator for cell in result.cells] == [*sorted(GENERATORS), "MAGI-1"]
    for cell in result.cells:
        fakes = [row.score for row in predictions.rows if row.generator == cell.generator]
        assert (cell.n_real, cell.n_fake) == (20, len(fakes))
        expected = roc_auc_score([0] * 20 + [1] * len(fakes), [*reals, *fakes])
        assert cell.measures["auc"].value == pytest.approx(expected, abs=1e-12)
        assert cell.measures["t1"].below_resolution
    main = [cell.measures["auc"].value for cell in result.cells if cell.part == "test"]
    assert result.mean["auc"].value == pytest.approx(sum(main) / len(main), abs=1e-12)
    assert result.mean_over == tuple(sorted(GENERATORS))


def test_intervals_hold_their_number() -> None:
    for cell in score(make_predictions(), n_bootstrap=200).cells:
        for measure in cell.measures.values():
            assert measure.low is not None
            assert measure.high is not None
            assert measure.low <= measure.value <= measure.high


def test_folds_of_one_protocol_join() -> None:
    folds = [
        make_predictions((name,), fold=f"p3-{name.lower()}", seed=at, protocol="p3")
        for at, name in enumerate(GENERATORS)
    ]
    result = score(folds, n_bootstrap=20)
    assert [cell.generator for cell in result.cells if cell.part == "test"] == sorted(GENERATORS)
    assert sum(cell.generator == "MAGI-1" for cell in result.cells) == len(GENERATORS)
    assert set(result.runs) == {f"p3-{name.lower()}" for name in GENERATORS}
    alone = score(folds[0], n_bootstrap=20)
    assert alone.cells[0] in result.cells
    assert alone.thresholds["p3-hallo"] == result.thresholds["p3-hallo"]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"protocol": "p3"}, "protocol"),
        ({"split_by": "driver"}, "split_by"),
        ({"release": ReleaseRecord(name="other")}, "release"),
        ({"detector": ScoredDetector(model_type="tall")}, "detector"),
        ({"clip_spec": ClipSpec(frames=16)}, "clip_spec"),
        ({"face_pack": FACE_PACK}, "face_pack"),
    ],
)
def test_what_does_not_belong_together_is_refused(run: dict[str, Any], said: str) -> None:
    with pytest.raises(ResultError, match=said):
        score([make_predictions(), make_predictions(fold="other", **run)])


def test_one_fold_twice_is_refused() -> None:
    with pytest.raises(ResultError, match="twice"):
        score([make_predictions(), make_predictions(seed=1)])


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ResultError, match="nothing to score"):
        score([])
    with pytest.raises(ResultError, match="hold no fake"):
        score(Predictions(rows=make_predictions(()).rows[:20], run=make_predictions().run))
    with pytest.raises(ResultError, match="label"):
        score(change(make_predictions(), "Hallo/1", label=None))
    loose = ScoringRecord(detector=ScoredDetector(model_type="baseline"))
    with pytest.raises(ResultError, match="do not name their protocol and fold"):
        score(Predictions(rows=make_predictions().rows, run=loose))
    rows = make_predictions().rows
    with pytest.raises(ResultError, match="two or more rows, the first is Hallo/0"):
        score(Predictions(rows=(*rows, rows[20]), run=make_predictions().run))
    with pytest.raises(ResultError, match="no generator"):
        score(change(make_predictions(), "Hallo/1", generator=None))
    with pytest.raises(ResultError, match="exclude"):
        score(make_predictions(), no_face="guess")  # type: ignore[arg-type]


def test_videos_without_a_score_are_counted_and_follow_the_policy() -> None:
    gone = make_predictions()
    for name, status in (("Hallo/0", "no_face"), ("Hallo/1", "error"), ("Hallo/2", "missing")):
        gone = change(gone, name, status=Status(status), score=None, reason="x")
    gone = change(gone, "CelebV-HQ/driver3_1", status=Status.NO_FACE, score=None)
    (left_out,) = [c for c in score(gone, n_bootstrap=0).cells if c.generator == "Hallo"]
    assert (left_out.n_real, left_out.n_fake) == (19, 3)
    assert left_out.unscored == {"error": 1, "missing": 1, "no_face": 2}
    assert left_out.assumed == 0
    (counted,) = [
        c for c in score(gone, no_face="as_fake", n_bootstrap=0).cells if c.generator == "Hallo"
    ]
    assert (counted.n_real, counted.n_fake) == (20, 4)
    assert counted.unscored == {"error": 1, "missing": 1}
    assert counted.assumed == 2
    by_hand = change(gone, "Hallo/0", status=Status.OK, score=1.0)
    by_hand = change(by_hand, "CelebV-HQ/driver3_1", status=Status.OK, score=1.0)
    (same,) = [c for c in score(by_hand, n_bootstrap=0).cells if c.generator == "Hallo"]
    assert same.measures == counted.measures


def test_a_generator_without_scored_fakes_has_no_number_and_says_why() -> None:
    predictions = make_predictions(("Hallo", "Hallo2"))
    for at in range(6):
        predictions = change(predictions, f"Hallo/{at}", status=Status.ERROR, score=None)
    result = score(predictions, n_bootstrap=0)
    (empty,) = [cell for cell in result.cells if cell.generator == "Hallo"]
    assert empty.measures == {}
    assert "only real" in (empty.problem or "")
    assert "–" in markdown_table([result])
    (other,) = [cell for cell in result.cells if cell.generator == "Hallo2"]
    assert result.mean["auc"].value == other.measures["auc"].value
    assert result.mean_over == ("Hallo2",)


def pick(cells: tuple[Cell, ...], generator: str, part: str = "test") -> Cell:
    (cell,) = [cell for cell in cells if (cell.generator, cell.part) == (generator, part)]
    return cell


def test_a_generator_in_two_parts_is_scored_in_each_by_itself() -> None:
    predictions = make_predictions()
    for at in (4, 5):
        predictions = change(predictions, f"Hallo/{at}", split="extra")
    cells = score(predictions, n_bootstrap=0).cells
    assert (pick(cells, "Hallo").n_fake, pick(cells, "Hallo", "extra").n_fake) == (4, 2)


def test_the_interval_of_the_mean_knows_what_the_folds_share() -> None:
    folds = [make_predictions((name,), fold=name, seed=0) for name in ("Hallo", "Hallo2")]
    mean = score(folds, n_bootstrap=400).mean["auc"]
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low <= mean.value <= mean.high
    # The two folds have the same reals, drivers and scores, so they know no more than one fold.
    alone = pick(score(folds[0], n_bootstrap=400).cells, "Hallo").measures["auc"]
    assert (mean.low, mean.high) == pytest.approx((alone.bootstrap_low, alone.bootstrap_high))


@pytest.mark.parametrize(
    ("real_dataset", "lowest"), [("CelebV-HQ", 0.75), ("FaceForensics++", 0.0)]
)
def test_a_real_clip_is_resampled_with_the_fakes_that_it_drives(
    real_dataset: str, lowest: float
) -> None:
    # Real 1 < fake 1 < real 2 < fake 2: the AUC is 0 only if real 2 is drawn without its fake.
    rows = []
    for at, (real, fake) in enumerate([(0.1, 0.2), (0.3, 0.4)]):
        rows += [
            Prediction(
                video_id=f"{real_dataset}/clip{at}",
                label=0,
                real_dataset=real_dataset,
                split="test",
                status=Status.OK,
                score=real,
            ),
            Prediction(
                video_id=f"Hallo/{at}",
                label=1,
                generator="Hallo",
                driver=f"clip{at}",
                split="test",
                status=Status.OK,
                score=fake,
            ),
        ]
    cell = score(Predictions(rows=tuple(rows), run=make_predictions().run)).cells[0]
    assert cell.measures["auc"].bootstrap_low == lowest


def test_bootstrap_of_videos_that_share_nothing_is_as_wide_as_delong() -> None:
    predictions = make_predictions(("Hallo",), n_real=150)
    rows = [
        replace(
            row, video_id=f"{row.video_id}{copy}", driver=f"d{copy}{at}", portrait=f"p{copy}{at}"
        )
        for copy in range(10)
        for at, row in enumerate(make_predictions(("Hallo",), seed=copy).rows)
        if row.generator == "Hallo"
    ]
    reals = [row for row in predictions.rows if row.label == 0]
    cell = score(Predictions(rows=(*reals, *rows), run=predictions.run)).cells[0]
    delong = auc_interval(
        [0] * len(reals) + [1] * len(rows), [row.score or 0 for row in (*reals, *rows)]
    )
    measure = cell.measures["auc"]
    assert measure.bootstrap_low == pytest.approx(delong.low, abs=0.02)
    assert measure.bootstrap_high == pytest.approx(delong.high, abs=0.02)
    assert cell.resampling == "components"


@pytest.mark.parametrize("method", ["nearest", "interpolate"])
def test_other_methods_are_named_and_have_no_bootstrap_of_theirs(method: Any) -> None:
    result = score(make_predictions(), method=method, n_bootstrap=20)
    assert result.settings.method == method
    for cell in result.cells:
        assert cell.measures["t1"].bootstrap_low is None
        assert cell.measures["auc"].bootstrap_low is not None
        assert (cell.measures["t1"].low is None) == (method == "interpolate")


def test_the_threshold_of_a_fold_keeps_to_its_false_alarms_over_all_fakes() -> None:
    predictions = make_predictions(n_real=250)
    threshold = score(predictions, n_bootstrap=0).thresholds["p1"]["t1"]
    assert threshold is not None
    reals = sorted((row.score or 0 for row in predictions.rows if row.label == 0), reverse=True)
    assert reals[1] >= threshold > reals[2]  # 1 % of 250 allows two
    scores = [row.score or 0 for row in predictions.rows]
    assert threshold == min(value for value in scores if value > reals[2])


def test_scores_of_the_parquet_file_are_those_of_the_run(tmp_path: Path) -> None:
    predictions = make_predictions()
    write_predictions(tmp_path / "predictions.parquet", predictions)
    read = read_predictions(tmp_path / "predictions.parquet")
    assert score(read).to_dict() == score(predictions).to_dict()


def test_one_real_and_one_fake_claim_nothing() -> None:
    predictions = make_predictions(("Hallo",), n_real=1)
    rows = [row for row in predictions.rows if row.label == 0 or row.video_id == "Hallo/0"]
    cell = score(Predictions(rows=tuple(rows), run=predictions.run)).cells[0]
    assert cell.measures["auc"].low == 0.0
    assert cell.measures["auc"].high == 1.0


def test_the_threshold_gives_the_t1_again() -> None:
    predictions = make_predictions(n_real=150)
    for cell in score(predictions, n_bootstrap=0).cells:
        measure = cell.measures["t1"]
        assert not measure.below_resolution
        called = [
            row
            for row in predictions.rows
            if measure.threshold is not None and (row.score or 0) >= measure.threshold
        ]
        assert sum(row.label == 0 for row in called) <= 1
        found = sum(row.generator == cell.generator for row in called)
        assert found / cell.n_fake == pytest.approx(measure.value)


def test_order_of_rows_changes_nothing() -> None:
    predictions = make_predictions()
    mixed = Predictions(
        rows=tuple(random.Random(3).sample(predictions.rows, len(predictions.rows))),
        run=predictions.run,
    )
    assert score(predictions).to_dict() == score(mixed).to_dict()
