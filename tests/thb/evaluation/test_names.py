"""Detectors in one table are told apart by the names of their run folders, or by names given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.records import make_scoring_record
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.runs.folders import default_out, name_run
from thb.runs.provenance import ScoredDetector

if TYPE_CHECKING:
    from tests.support.command_line import Run


def write_run(folder: Path, *, right: float, fold: str = "p1", **run: Any) -> Path:
    """Write the predictions of a fold in which this share of the fakes scores above all reals."""
    scores = [(0, 0.5), (0, 0.4), *((1, 0.9 if at < right * 10 else 0.1) for at in range(10))]
    rows = tuple(
        Prediction(
            video_id=f"{'Hallo' if label else 'CelebV-HQ'}/{at}",
            label=label,
            generator="Hallo" if label else None,
            split="test",
            status=Status.OK,
            score=score,
        )
        for at, (label, score) in enumerate(scores)
    )
    record = make_scoring_record(fold=fold, **run)
    write_predictions(folder / fold / "predictions.parquet", Predictions(rows=rows, run=record))
    return folder


def test_two_detectors_are_told_apart_and_ranked(tmp_path: Path, run_thb: Run) -> None:
    good = write_run(tmp_path / "good", right=1.0)
    weak = write_run(tmp_path / "weak", right=0.5)
    told = run_thb("score", weak, good, "--bootstrap", "0")
    assert told.code == 0, told.err
    assert told.out.index("good") < told.out.index("weak")
    told = run_thb("score", weak, good, "--bootstrap", "0", "--format", "json")
    assert [result["name"] for result in json.loads(told.out)["results"]] == ["good", "weak"]
    words = ["--name", "w", "--name", "g", "--out", tmp_path / "out", "--format", "markdown"]
    told = run_thb("score", weak, good, "--bootstrap", "0", *words)
    assert "| g | AUC" in told.out
    assert "| w | AUC" in told.out
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "g-result-p1.json",
        "w-result-p1.json",
    }


def test_names_that_are_too_few_or_equal_are_refused(tmp_path: Path, run_thb: Run) -> None:
    runs = [write_run(tmp_path / name, right=1.0) for name in "ab"]
    for names in (["--name", "x"], ["--name", "x", "--name", "x"]):
        told = run_thb("score", *runs, *names)
        assert told.code == 2
        assert "2 run folders need as many different names" in " ".join(told.err.split())


def test_two_folders_of_one_name_are_told_apart(
    tmp_path: Path, run_thb: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "x" / "mine", right=1.0)
    write_run(tmp_path / "y" / "mine", right=0.5, name="mine")
    told = run_thb("score", "x/mine", "y", "--bootstrap", "0")
    assert "mine (x/mine)" in told.out
    assert "mine (y/mine)" in told.out


@pytest.mark.parametrize(
    ("detector", "fold", "title"),
    [
        ("runs/small/p1", "p1", "small"),
        ("/home/me/runs/small/p1", "p1", "small"),
        ("someone/small", "p1", "small"),
        ("", "p1", "baseline"),
    ],
)
def test_records_of_before_are_named_by_their_reference(
    detector: str, fold: str, title: str
) -> None:
    scored = ScoredDetector(name=detector, model_type="baseline")
    record = make_scoring_record(fold=fold, detector=scored)
    assert record.title == title
    assert replace(record, name="given").title == "given"


def test_the_folder_of_a_fold_belongs_to_its_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold, alone = tmp_path / "run" / "p3-hallo", tmp_path / "alone"
    for folder in (fold, alone):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    assert default_out(fold, ["p3-hallo"]) == tmp_path / "run"
    assert default_out(fold, ["p3-hallo2"]) == fold, "another fold of this name may lie beside it"
    assert default_out(fold, ["p3-hallo", "p3-hallo2"]) == fold
    assert default_out(alone, ["p3-hallo"]) == alone
    assert default_out("org/name", ["p3-hallo"]) == Path("runs/org--name")
    monkeypatch.chdir(fold)
    assert default_out(".", ["p3-hallo"]) == tmp_path / "run"
    assert name_run(".", "p3-hallo") == name_run(fold, "p3-hallo") == "run"
    assert name_run(alone, "p3-hallo") == "alone"
    assert name_run("org/name", "p3-hallo") == "org/name"


@pytest.mark.parametrize("columns", ["60", "80", "100", "200"])
def test_a_table_keeps_to_the_columns_asked_for(
    columns: str, tmp_path: Path, run_thb: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    told = run_thb("score", write_run(tmp_path / "run", right=1.0), "--bootstrap", "0")
    tables = told.out.partition("Brackets hold")[0].splitlines()
    assert max(map(len, tables)) <= int(columns)
