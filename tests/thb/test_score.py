"""From predictions to numbers, records and tables."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sklearn.metrics import roc_auc_score

from thb.predictions import Prediction, Predictions, Status
from thb.result import Result
from thb.score import score
from thb.tables import markdown_table, print_results
from thb_dataset.errors import ResultError

GENERATORS = ("Hallo", "Hallo2", "AniPortraitAudio", "LivePortrait")


def make_predictions(
    generators: tuple[str, ...] = GENERATORS,
    *,
    fold: str = "p1",
    seed: int = 0,
    n_real: int = 20,
    **run: Any,
) -> Predictions:
    """A fold with six fakes a generator, two of MAGI-1, and reals that drive some of the fakes."""
    rng = random.Random(seed)

    def draw(mean: float) -> float:
        return min(1.0, max(0.0, rng.gauss(mean, 0.2)))

    rows = [
        Prediction(
            video_id=f"CelebV-HQ/driver{at}_1",
            label=0,
            real_dataset="CelebV-HQ",
            split="test",
            status=Status.OK,
            score=draw(0.4),
        )
        for at in range(n_real)
    ]
    for name, part, count in [*((name, "test", 6) for name in generators), ("MAGI-1", "extra", 2)]:
        rows.extend(
            Prediction(
                video_id=f"{name}/{at}",
                label=1,
                generator=name,
                portrait=f"{at // 2:05}",
                driver=f"driver{at}_1",
                split=part,
                status=Status.OK,
                score=draw(0.6),
            )
            for at in range(count)
        )
    record = {
        "protocol": "p1",
        "fold": fold,
        "split_by": "release",
        "release": {"name": "toy", "revision": "abc", "synthetic": False},
        "detector": {"model_type": "baseline"},
    }
    return Predictions(rows=tuple(rows), run=record | run)


def change(predictions: Predictions, video_id: str, **values: Any) -> Predictions:
    rows = tuple(
        replace(row, **values) if row.video_id == video_id else row for row in predictions.rows
    )
    return Predictions(rows=rows, run=predictions.run)


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
    assert result.mean["auc"] == pytest.approx(sum(main) / len(main), abs=1e-12)


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
    alone = score(folds[0], n_bootstrap=20).cells[0]
    assert alone in result.cells


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"protocol": "p3"}, "protocol"),
        ({"split_by": "driver"}, "split_by"),
        ({"release": {"name": "other"}}, "release"),
        ({"detector": {"model_type": "tall"}}, "detector"),
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
    with pytest.raises(ResultError, match="no fake"):
        score(Predictions(rows=make_predictions(()).rows[:20], run=make_predictions().run))
    with pytest.raises(ResultError, match="label"):
        score(change(make_predictions(), "Hallo/1", label=None))
    with pytest.raises(ResultError, match="protocol and fold"):
        score(Predictions(rows=make_predictions().rows, run={}))
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
    (counted,) = [
        c for c in score(gone, no_face="as_fake", n_bootstrap=0).cells if c.generator == "Hallo"
    ]
    assert (counted.n_real, counted.n_fake) == (20, 4)
    assert counted.unscored == {"error": 1, "missing": 1}
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
    assert result.mean["auc"] == other.measures["auc"].value


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


def test_the_record_is_read_as_it_was_written_and_has_the_same_bytes(tmp_path: Path) -> None:
    result = score(make_predictions(), n_bootstrap=50)
    result.save(tmp_path / "a" / "result.json")
    read = Result.load(tmp_path / "a" / "result.json")
    read.save(tmp_path / "b.json")
    text = (tmp_path / "a" / "result.json").read_text()
    assert text == (tmp_path / "b.json").read_text()
    assert text.endswith("}\n")
    assert json.loads(text)["schema_version"] == 1
    assert read.to_dict() == result.to_dict()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}']
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ResultError):
        Result.load(tmp_path / "x.json")


def render(results: list[Result], width: int) -> str:
    stream = io.StringIO()
    print_results(results, Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_number_is_cut_off_however_narrow_the_console(width: int) -> None:
    result = score(make_predictions(), n_bootstrap=20)
    text = render([result], width)
    for cell in result.cells:
        if cell.part == "test":
            assert f"{cell.measures['auc'].value:.3f}" in text
    assert "…" not in text
    assert "6 fake" in text
    assert "20 real" in text
    assert "†" in text
    assert "MAGI-1" in text
    assert "SYNTHETIC" not in text


def test_a_synthetic_release_is_named_so_everywhere() -> None:
    made_up = {"name": "mini", "revision": "x", "synthetic": True}
    result = score(make_predictions(release=made_up), n_bootstrap=0)
    assert "SYNTHETIC" in render([result], 120)
    assert "SYNTHETIC" in result.to_markdown()


def test_the_paper_table_has_a_row_a_detector_and_four_columns_a_generator() -> None:
    ours = score(make_predictions(), n_bootstrap=0)
    other = score(make_predictions(detector={"model_type": "tall"}, seed=5), n_bootstrap=0)
    lines = [line for line in markdown_table([ours, other]).splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {1 + 1 + 4 * len(GENERATORS) + 4}
    assert lines[2].startswith("| baseline |")
    assert lines[3].startswith("| tall |")
    assert lines[0].index("Hallo AUC") < lines[0].index("Hallo2 AUC") < lines[0].index("Live")
