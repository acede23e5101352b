"""New fakes beside a detector's own result: its test fakes, given as new, must be their cell."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from thb.boards.alarm_thresholds import OwnResult, find_own_result, find_thresholds
from thb.boards.detectability import detectability
from thb.boards.detectability_page import list_lines
from thb.boards.detectability_record import Caught, Finding
from thb.boards.neighbours import compare_with_result
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.evaluation.result import Result
from thb.prediction.calls import Grounds
from thb.prediction.inference import PredictSettings
from thb.prediction.thresholds import Calibration, find_threshold, read_calibration
from thb_dataset.errors import SettingsError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

GENERATOR = "Hallo"


@pytest.fixture(scope="module")
def scoring(tmp_path_factory: pytest.TempPathFactory) -> PredictSettings:
    store = tmp_path_factory.mktemp("store")
    return PredictSettings(progress=False, store=store, workers=2)


@pytest.fixture(scope="module")
def run(
    tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory, scoring: PredictSettings
) -> Path:
    """A detector with the result and the predictions of its test on P1."""
    from detectors.registry import create_detector, find_detector_class

    kind = find_detector_class("baseline")
    folder = tmp_path_factory.mktemp("run") / "mine"
    detector = create_detector(kind, seed=3, config=kind.tiny)
    detector.config.untrained = False
    detector.save_pretrained(folder)
    evaluate(
        folder,
        protocol="p1",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        settings=EvaluateSettings(scoring=scoring),
    )
    return folder


def test_own_test_fakes_stand_where_their_cell_stands(
    tiny_release: MiniRelease, run: Path, scoring: PredictSettings, tmp_path: Path
) -> None:
    result = Result.load(run / "result-p1.json")
    found = detectability(
        tiny_release.hub / "fake" / GENERATOR / "test",
        [run],
        protocol="p1",
        out=tmp_path / "out",
        settings=scoring,
    )
    (own,) = found.findings
    (cell,) = (cell for cell in result.cells if cell.generator == GENERATOR)
    for metric in ("t1", "t01"):
        expected, caught = cell.measures[metric], own.caught[metric]
        assert caught.share == pytest.approx(expected.value, abs=1e-6)
        assert (caught.low, caught.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
        assert caught.below_resolution == expected.below_resolution
        assert f"{cell.n_real} real videos of the test of p1" in caught.source
    place = own.neighbours
    assert place is not None
    assert place.source == "result-p1.json"
    assert {one.name.removesuffix(" (test-only)") for one in place.known} == {
        cell.generator for cell in result.cells if cell.measures
    }
    lower = sum(one.measures["t1"].value < cell.measures["t1"].value for one in result.cells)
    assert place.place == 1 + lower
    assert place.place_low <= place.place <= place.place_high
    assert any("by result-p1.json" in line for line in list_lines(found))
    assert any("was trained with fakes" in note for note in found.notes)
    page = (tmp_path / "out" / "detectability.html").read_text("utf-8")
    assert "→ this generator" in page
    assert json.loads((tmp_path / "out" / "detectability.json").read_text("utf-8"))["findings"]


def test_a_result_of_other_weights_is_refused(
    run: Path, tiny_release: MiniRelease, scoring: PredictSettings, tmp_path: Path
) -> None:
    result = Result.load(run / "result-p1.json")
    foreign = replace(
        result,
        runs={
            name: replace(own, detector=replace(own.detector, weights_sha256="0" * 64))
            for name, own in result.runs.items()
        },
    )
    foreign.save(tmp_path / "result-other.json")
    fakes = tiny_release.hub / "fake" / GENERATOR / "test"
    with pytest.raises(SettingsError, match=r"result-other\.json is of none of these"):
        detectability(fakes, [run], results=[tmp_path / "result-other.json"], settings=scoring)
    result.save(tmp_path / "moved.json")
    found = detectability(fakes, [run], results=[tmp_path / "moved.json"], settings=scoring)
    assert found.findings[0].neighbours is not None
    assert found.findings[0].neighbours.source == "moved.json"


def test_a_threshold_serves_every_rate_that_allows_as_many_alarms(
    run: Path, scoring: PredictSettings, tmp_path: Path
) -> None:
    from detectors.registry import load_detector

    detector = load_detector(run)
    base = Calibration(
        target_fpr=0.01,
        threshold=0.7,
        n_real=50,
        false_alarms=0,
        n_fake=50,
        true_positive_rate=0.5,
        excluded={},
        release=Result.load(run / "result-p1.json").release,
        fold="p1",
        split_by="release",
        weights_sha256="",
        face_pack="embedded",
        precision="float32",
        resolved=False,
    )
    assert read_calibration(run) is None
    for n_real, rate, metrics in (
        (50, 0.01, {"t1": False, "t01": False}),
        (500, 0.01, {"t1": True}),
        (500, 0.001, {"t01": False}),
        (2000, 0.001, {"t01": True}),
    ):
        own = replace(base, n_real=n_real, target_fpr=rate, resolved=n_real * rate >= 1)
        found = find_thresholds(
            detector, Grounds(calibration=own), None, reals=None, files=(), settings=scoring
        )
        assert {name: one.resolved for name, one in found.by_metric.items()} == metrics
        assert all(one.threshold == 0.7 for one in found.by_metric.values())
        assert f"{n_real} real validation videos" in found.source
    assert (
        find_thresholds(detector, Grounds(), None, reals=None, files=(), settings=scoring).by_metric
        == {}
    )


def test_pictures_quote_the_threshold_of_the_table(
    run: Path, tiny_release: MiniRelease, scoring: PredictSettings
) -> None:
    from detectors.registry import load_detector
    from thb.explanations.explain import ExplainSettings, explain

    detector = load_detector(run)
    own = find_own_result(detector, (), "p1", reference=run)
    grounds = Grounds.find(detector, run)
    found = find_thresholds(detector, grounds, own, reals=None, files=(), settings=scoring)
    video = min((tiny_release.hub / "fake" / GENERATOR / "test").glob("*.mp4"))
    settings = ExplainSettings(progress=False, store=scoring.store, workers=1)
    explained = explain(detector, video, settings=settings, grounds=found.ground(grounds))
    assert explained.alarm.threshold == found.by_metric["t1"].threshold
    plain = explain(detector, video, settings=settings)
    assert plain.alarm.threshold is None
    reals = [row for row in read_scores(run) if row < found.by_metric["t1"].threshold]
    assert len(reals) == len(read_scores(run)), "no false alarm is allowed with so few"
    assert found.by_metric["t1"].threshold == find_threshold(reals)


def read_scores(run: Path) -> list[float]:
    from thb.prediction.predictions import read_predictions

    rows = read_predictions(run / "p1" / "predictions.parquet").rows
    return [row.score for row in rows if row.label == 0 and row.score is not None]


def test_places_span_the_overlap_of_intervals(run: Path) -> None:
    result = Result.load(run / "result-p1.json")
    values = {"A": (0.1, 0.05, 0.15), "B": (0.4, 0.3, 0.5), "C": (0.9, 0.85, 0.95)}
    cell = next(cell for cell in result.cells if cell.measures)
    cells = tuple(
        replace(
            cell,
            generator=name,
            part="test",
            measures={
                "t1": replace(
                    cell.measures["t1"],
                    value=value,
                    low=low,
                    high=high,
                    bootstrap_low=None,
                    bootstrap_high=None,
                )
            },
        )
        for name, (value, low, high) in values.items()
    )
    own = OwnResult(result=replace(result, cells=cells), fold="p1", file="r.json", places=())
    scores = {f"{n}.mp4": 1.0 if n < 45 else 0.0 for n in range(100)}
    caught = Caught(threshold=0.5, source="", hits=45, fakes=100, share=0.45, low=0.0, high=0.0)
    place = compare_with_result(Finding(detector="d", caught={"t1": caught}, scores=scores), own)
    assert place is not None
    assert (place.place, place.place_low, place.place_high) == (3, 2, 3)
    assert math.isclose(place.share, 0.45)
    ends = (place.low, place.high)
    assert ends == pytest.approx((0.3503, 0.5527), abs=1e-3), "Clopper and Pearson of 45 in 100"
