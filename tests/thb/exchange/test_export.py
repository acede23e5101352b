"""Exports hold what the predictions give, in the form that their readers ask for."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.made_predictions import change, make_predictions
from thb.evaluation.score import score
from thb.exchange.exporting import Export, ExportSettings, export
from thb.exchange.importing import ImportSettings, import_scores
from thb.exchange.score_files import read_score_file
from thb.prediction.predictions import Status, read_predictions, write_predictions
from thb.runs.provenance import ScoredDetector
from thb_dataset.errors import ResultError, SettingsError
from thb_dataset.protocols import build_folds
from thb_dataset.release.scan import read_release

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SETTINGS = ExportSettings(n_bootstrap=20, created=NOON, model="some-org/net")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two folds, in which one video has no face and one could not be read."""
    folder = tmp_path / "run"
    for seed, (fold, generator) in enumerate({"p3-hallo": "Hallo", "p3-hallo2": "Hallo2"}.items()):
        made = make_predictions((generator,), fold=fold, seed=seed, protocol="p3", name="net")
        nothing = {"score": None, "reason": "=1+1 is the reason"}
        made = change(made, f"{generator}/1", status=Status.NO_FACE, **nothing)
        made = change(made, f"{generator}/2", status=Status.ERROR, **nothing)
        write_predictions(folder / fold / "predictions.parquet", made)
    return folder


def send(run: Path, to: Any, **changes: Any) -> Export:
    return export(run, to=to, out=run.parent / to, settings=replace(SETTINGS, **changes))


def read_table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_csv_holds_every_row_and_every_digit(run: Path) -> None:
    done = send(run, "csv")
    assert done.files == ("p3-hallo.csv", "p3-hallo2.csv", "results.csv")
    rows = read_predictions(run / "p3-hallo" / "predictions.parquet")
    lines = {line["video_id"]: line for line in read_table(done.folder / "p3-hallo.csv")}
    assert len(lines) == len(rows)
    for row in rows:
        line = lines[row.video_id]
        assert (line["score"] == "") is (row.score is None)
        assert row.score is None or float(line["score"]) == row.score
        assert line["label"] == str(row.label)
    assert lines["Hallo/1"]["reason"] == "'=1+1 is the reason", "a spreadsheet would compute it"


def test_the_csv_of_results_holds_the_numbers_of_the_score(run: Path) -> None:
    send(run, "csv")
    lines = read_table(run.parent / "csv" / "results.csv")
    result = score(run, n_bootstrap=20)
    for cell in result.cells:
        for metric, measure in cell.measures.items():
            (line,) = [
                line
                for line in lines
                if (line["fold"], line["generator"], line["metric"])
                == (cell.fold, cell.generator, metric)
            ]
            assert float(line["value"]) == measure.value
            assert (line["low"] == "") is (measure.low is None)
    assert {(line["synthetic"], line["not_comparable"]) for line in lines} == {("false", "false")}
    means = {line["metric"]: line["value"] for line in lines if line["generator"] == "mean"}
    assert {name: float(value) for name, value in means.items()} == {
        name: measure.value for name, measure in result.mean.items()
    }


def test_exported_scores_are_imported_as_they_were(
    tmp_path: Path, tiny_release: MiniRelease
) -> None:
    (fold, *_) = build_folds(read_release(tiny_release.hub).videos, "p1")
    values = {video.video_id: 1 / (3 + at) for at, video in enumerate((*fold.test, *fold.extra))}
    file = tmp_path / "mine.csv"
    file.write_text("video_id,score\n" + "".join(f"{k},{v!r}\n" for k, v in values.items()))
    first, second = tmp_path / "first", tmp_path / "second"
    options: dict[str, Any] = {
        "protocol": "p1",
        "release": tiny_release.hub,
        "settings": ImportSettings(polarity="fake-high"),
    }
    (given,) = import_scores(file, out=first, **options)
    for to, name in (("csv", "p1.csv"), ("workbench", "p1.scores.csv")):
        sent = export(first, to=to, out=tmp_path / to, settings=SETTINGS)  # type: ignore[arg-type]
        assert name in sent.files
        (read,) = import_scores(tmp_path / to / name, out=second / to, **options)
        assert read.predictions.rows == given.predictions.rows


META = {
    *("schema", "detector", "protocol", "labels", "processing_profile", "input_adaptation"),
    *("aggregation", "coverage", "seed", "env", "git", "command", "created", "calibration"),
}
"""The keys of the workbench's meta file; its reader refuses any other."""


def test_the_workbench_s_pair_keeps_the_workbench_s_rules(run: Path) -> None:
    done = send(run, "workbench")
    assert len(done.files) == 4
    lines = read_table(done.folder / "p3-hallo.scores.csv")
    keys = set()
    for line in lines:
        assert {"dataset", "key", "compression", "label", "score", "status"} <= set(line)
        known = {"label_key", "method", "n_clips", "n_frames", "logit"}
        extra = set(line) - known - {"dataset", "key", "compression", "label", "score", "status"}
        assert all(name.startswith("x_") for name in extra)
        assert line["status"] in ("ok", "missing", "error")
        assert (line["status"] == "ok") is (line["score"] != "")
        assert line["status"] != "ok" or 0 <= float(line["score"]) <= 1
        assert line["label"] in ("0", "1")
        keys.add((line["dataset"], line["key"], line["compression"]))
    assert len(keys) == len(lines)
    statuses = {line["key"]: (line["status"], line["x_status"]) for line in lines}
    assert statuses["Hallo/1"] == ("missing", "no_face")
    assert statuses["Hallo/2"] == ("error", "error")
    meta = json.loads((done.folder / "p3-hallo.scores.meta.json").read_text())
    assert set(meta) == META
    assert set(meta["detector"]) == {
        *("name", "version", "source", "checkpoint_sha256", "contract_version")
    }
    assert meta["coverage"] == {
        "expected": len(lines),
        "ok": len(lines) - 2,
        "missing": 1,
        "error": 1,
    }
    split = "".join(sorted(f"{line['key']}\t\ttest\n" for line in lines))
    assert meta["protocol"]["scheme_sha256"] == hashlib.sha256(split.encode()).hexdigest()
    assert meta["created"] == "2026-11-25T12:00:00Z"
    assert read_score_file(done.folder / "p3-hallo.scores.csv").origin is not None


REQUIRED: dict[str, Any] = {
    **dict.fromkeys(("schema_version", "evaluation_id", "retrieved_timestamp"), str),
    "source_metadata": {
        "source_type": str,
        "source_organization_name": str,
        "evaluator_relationship": str,
    },
    "eval_library": {"name": str, "version": str},
    "model_info": {
        "name": str,
        "id": str,
        "additional_details": {"deployment_type": str, "model_availability": str},
    },
    "evaluation_results": [
        {
            "evaluation_name": str,
            "source_data": {"dataset_name": str, "source_type": str},
            "metric_config": {
                "metric_id": str,
                "metric_kind": str,
                "metric_parameters": {},
                "lower_is_better": bool,
                "score_type": str,
                "min_score": float,
                "max_score": float,
            },
            "score_details": {"score": float},
        }
    ],
    "detailed_evaluation_results": {
        "format": str,
        "file_path": str,
        "hash_algorithm": str,
        "checksum": str,
        "total_rows": int,
    },
}
"""What Every Eval Ever 0.3.0 requires of a record, and the type of each value."""


def assert_holds(value: Any, wanted: Any, place: str = "record") -> None:
    if isinstance(wanted, Mapping):
        for key, inner in wanted.items():
            assert key in value, f"{place} lacks {key}"
            assert_holds(value[key], inner, f"{place}.{key}")
    elif isinstance(wanted, list):
        assert value
        for each in value:
            assert_holds(each, wanted[0], f"{place}[]")
    else:
        assert type(value) is wanted, place


def test_every_eval_ever_finds_what_it_requires(run: Path) -> None:
    done = send(run, "every-eval-ever")
    name, samples_name = sorted(done.files, key=len)
    folder = "data/talkingheadbench/some-org/net/"
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(f"{folder}{uuid4}.json", name)
    assert samples_name == name.replace(".json", "_samples.jsonl")
    record = json.loads((done.folder / name).read_text())
    assert_holds(record, REQUIRED)
    assert record["schema_version"] == "0.3.0"
    assert record["retrieved_timestamp"] == str(int(NOON.timestamp()))
    samples = (done.folder / samples_name).read_bytes()
    detail = record["detailed_evaluation_results"]
    assert detail["file_path"] == samples_name
    assert detail["checksum"] == hashlib.sha256(samples).hexdigest()
    lines = [json.loads(line) for line in samples.splitlines()]
    assert detail["total_rows"] == len(lines)
    assert {line["evaluation_id"] for line in lines} == {record["evaluation_id"]}
    assert {line["model_id"] for line in lines} == {"some-org/net"} == {record["model_info"]["id"]}
    scored = [
        (row, fold)
        for fold in ("p3-hallo", "p3-hallo2")
        for row in read_predictions(run / fold / "predictions.parquet")
        if row.score is not None
    ]
    result = score(run, n_bootstrap=20)
    for line, (row, fold) in zip(lines, scored, strict=True):
        assert line["sample_id"] == row.video_id
        assert line["evaluation"]["score"] == row.score
        threshold = result.thresholds[fold]["t1"]
        called = threshold is not None and (row.score or 0) >= threshold
        assert line["evaluation"]["is_correct"] is (called == (row.label == 1))


def test_every_eval_ever_gets_each_number_with_its_interval_and_method(run: Path) -> None:
    done = send(run, "every-eval-ever")
    record = json.loads((done.folder / min(done.files, key=len)).read_text())
    entries = {entry["evaluation_result_id"]: entry for entry in record["evaluation_results"]}
    result = score(run, n_bootstrap=20)
    assert len(entries) == sum(len(cell.measures) for cell in result.cells) + len(result.mean)
    cell = result.cells[0]
    entry = entries[f"{cell.fold}/{cell.generator}/t1"]
    assert entry["score_details"]["score"] == round(cell.measures["t1"].value, 6)
    assert entry["metric_config"]["metric_parameters"]["fpr"] == 0.01
    assert entry["metric_config"]["metric_parameters"]["below_resolution"] is True
    interval = entry["score_details"]["uncertainty"]["confidence_interval"]
    assert interval["lower"] == round(cell.measures["t1"].low or 0, 6)
    assert interval["method"].startswith("exact binomial")
    error = entry["score_details"]["uncertainty"]["standard_error"]["value"]
    assert error == pytest.approx((interval["upper"] - interval["lower"]) / 3.919928, abs=1e-5)
    mean = entries["p3/mean/auc"]["score_details"]["uncertainty"]
    assert mean["num_bootstrap_samples"] == 20
    assert "bootstrap" in mean["confidence_interval"]["method"]
    assert entries["p3/mean/brier"]["metric_config"]["lower_is_better"] is True


def test_the_same_result_has_the_same_name_and_bytes(run: Path) -> None:
    first, again = (send(run, "every-eval-ever") for _ in range(2))
    assert first.files == again.files
    other = send(run, "every-eval-ever", no_face="as_real")
    assert not set(other.files) & set(first.files)


def test_a_record_is_filed_under_a_model_of_the_hub_only(run: Path) -> None:
    for model in (None, "net", "../..", "a/b/c"):
        with pytest.raises(SettingsError, match="--model"):
            send(run, "every-eval-ever", model=model)


def test_a_fold_that_is_no_name_and_a_fold_twice_are_refused(run: Path, tmp_path: Path) -> None:
    made = make_predictions(("Hallo",), fold="../../x", protocol="p3")
    write_predictions(tmp_path / "bad.parquet", made)
    with pytest.raises(ResultError, match="not the name of a fold"):
        export(tmp_path / "bad.parquet", to="csv", out=tmp_path / "out", settings=SETTINGS)
    file = run / "p3-hallo" / "predictions.parquet"
    (tmp_path / "copy.parquet").write_bytes(file.read_bytes())
    with pytest.raises(ResultError, match="several files hold predictions of p3-hallo"):
        export([file, tmp_path / "copy.parquet"], to="csv", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_names_what_it_wrote(run: Path, tmp_path: Path, run_thb: Run) -> None:
    words = ["export", run, "--out", tmp_path / "out", "--bootstrap", "0"]
    told = run_thb(*words, "--to", "csv")
    assert told.code == 0, told.err
    assert str(tmp_path / "out" / "p3-hallo.csv") in told.out
    told = run_thb(*words, "--to", "workbench", "--format", "json")
    assert "p3-hallo.scores.meta.json" in json.loads(told.out)["files"]
    assert run_thb(*words, "--to", "every-eval-ever").code == 2
    told = run_thb(*words, "--to", "eval-results")
    assert told.code == 0
    assert "--dataset" in told.err


def test_names_run_nothing_in_a_spreadsheet(tmp_path: Path, run_thb: Run) -> None:
    made = make_predictions(name="=HYPERLINK(1)", detector=ScoredDetector(model_type="@x"))
    write_predictions(tmp_path / "p1" / "predictions.parquet", made)
    told = run_thb("score", tmp_path / "p1", "--bootstrap", "0", "--format", "csv")
    lines = list(csv.DictReader(told.out.splitlines()))
    assert {line["detector"] for line in lines} == {"'=HYPERLINK(1)"}
    assert {line["kind"] for line in lines} == {"'@x"}
    assert all(line["value"] == "" or float(line["value"]) >= 0 for line in lines)
