"""Entries for the Hub's leaderboards: tasks that exist, means that are whole, notes that tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.full_size import full_size_text
from tests.support.made_predictions import make_predictions
from thb.evaluation.score import score
from thb.exchange.eval_results import EVAL_RESULTS_FILE, make_entries
from thb.exchange.exporting import ExportSettings, export
from thb.prediction.predictions import Predictions, write_predictions
from thb.runs.provenance import IMPORTED, ImportRecord, ScoredDetector
from thb.runs.record import FoldRecord, ReleaseRecord
from thb_dataset.hub.card import write_eval_yaml
from thb_dataset.hub.index import build_index
from thb_dataset.records import TRAINING_GENERATORS
from thb_dataset.release.scan import make_release

if TYPE_CHECKING:
    from thb.evaluation.result import Result

REPO = "luchaoqi/TalkingHeadBench"
RELEASE = ReleaseRecord(name=REPO, revision="a" * 40, counts_agree=True)


def make_run(protocol: str, *, weights: str | None = "own", left_out: int = 0) -> Result:
    """Return a result of all folds; each fold has weights of its own unless they are named."""
    if protocol == "p1":
        names = tuple(str(generator) for generator in TRAINING_GENERATORS)
        return score(make_predictions(names, release=RELEASE), n_bootstrap=30)
    folds: list[Predictions] = []
    for generator in TRAINING_GENERATORS[left_out:]:
        digest = f"{generator.slug} weights" if weights == "own" else weights
        folds.append(
            make_predictions(
                (str(generator),),
                fold=f"{protocol}-{generator.slug}",
                protocol=protocol,
                release=RELEASE,
                seed=len(folds),
                detector=ScoredDetector(model_type="baseline", weights_sha256=digest),
            )
        )
    return score(folds, n_bootstrap=30)


def enter(result: Result, **options: Any) -> dict[str, Any]:
    pairs = [(fold, result) for fold in result.runs]
    entries = make_entries(pairs, **({"dataset": None} | options))
    return {str(entry.task_id): entry for entry in entries}


@pytest.mark.parametrize(
    ("protocol", "means"),
    [
        ("p1", {"p1_mean_t1"}),
        ("p2", {"p2_mean_t1"}),
        ("p3", {"p3_mean_t1", "p3_mean_t01"}),
    ],
)
def test_a_whole_run_enters_its_folds_and_their_means(protocol: str, means: set[str]) -> None:
    result = make_run(protocol)
    entries = enter(result, is_whole_run=True)
    assert {name for name in entries if "_mean_" in name} == means
    for name in means:
        metric = name.rpartition("_")[2]
        assert entries[name].value == pytest.approx(result.mean[metric].value, abs=1e-6)
        assert "n_real=20" in entries[name].notes
        assert "mean over 6 generators" in entries[name].notes
        assert "95 % CI" in entries[name].notes
    if protocol != "p1":
        for cell in result.cells:
            if cell.part == "test":
                task = cell.fold.replace("-", "_")
                assert entries[task].value == pytest.approx(cell.measures["auc"].value, abs=1e-6)
                t1 = cell.measures["t1"].value
                assert entries[f"{task}_t1"].value == pytest.approx(t1, abs=1e-6)
        assert "6 trainings" in entries[f"{protocol}_mean_t1"].notes
    assert {entry.dataset_id for entry in entries.values()} == {REPO}
    assert {entry.dataset_revision for entry in entries.values()} == {"a" * 40}


def test_every_entry_has_a_task_in_eval_yaml_and_every_task_an_entry() -> None:
    paths, text = full_size_text()
    release = make_release(root=Path(), name="x", revision=None, paths=paths, split_text=text)
    tasks = yaml.safe_load(write_eval_yaml(build_index(release.videos)))["tasks"]
    entries: set[str] = set()
    for protocol in ("p1", "p2", "p3"):
        entries |= set(enter(make_run(protocol), is_whole_run=True))
    assert entries == {task["id"] for task in tasks}


def test_the_weights_of_one_fold_claim_no_mean_over_all() -> None:
    result = make_run("p3")
    assert not [name for name in enter(result) if "_mean_" in name]
    same = make_run("p3", weights="the same")
    assert {"p3_mean_t1", "p3_mean_t01"} <= set(enter(same))
    unknown = make_run("p3", weights=None)
    assert not [name for name in enter(unknown) if "_mean_" in name]


def test_a_mean_over_fewer_generators_is_not_entered() -> None:
    result = make_run("p3", left_out=1)
    entries = enter(result, is_whole_run=True)
    assert len(entries) == 10
    assert not [name for name in entries if "_mean_" in name]


def test_t01_says_that_it_is_below_its_resolution() -> None:
    entries = enter(make_run("p3"), is_whole_run=True)
    assert "no false alarm was allowed" in entries["p3_mean_t01"].notes


def test_what_is_no_result_of_the_benchmark_is_not_entered() -> None:
    result = make_run("p3", weights="the same")
    for release in (
        replace(RELEASE, synthetic=True),
        replace(RELEASE, counts_agree=False),
        replace(RELEASE, name="a folder"),
    ):
        assert enter(replace(result, release=release), is_whole_run=True) == {}
    run = result.runs["p3-hallo"]
    elsewhere = FoldRecord(protocol="p3", fold="p3-hallo2", split_by="release", release=RELEASE)
    strange = replace(run, trained_on=elsewhere)
    entries = enter(replace(result, runs={**result.runs, "p3-hallo": strange}), is_whole_run=True)
    assert "p3_hallo" not in entries
    assert "p3_hallo2" in entries
    assert not [name for name in entries if "_mean_" in name]


def test_imported_scores_say_so() -> None:
    result = make_run("p1")
    record = ImportRecord(
        file="s.csv", sha256="0" * 64, format="csv", polarity="fake-high", scale="probability"
    )
    runs = {"p1": replace(result.runs["p1"], imported=record)}
    entries = enter(replace(result, runs=runs))
    assert all(IMPORTED.sentence in entry.notes for entry in entries.values())


def test_the_file_is_what_the_hub_reads(tmp_path: Path) -> None:
    from huggingface_hub import parse_eval_result_entries

    names = tuple(str(generator) for generator in TRAINING_GENERATORS)
    made = make_predictions(names, release=replace(RELEASE, name="folder"))
    write_predictions(tmp_path / "run" / "p1" / "predictions.parquet", made)
    settings = ExportSettings(n_bootstrap=30, dataset="someone/Benchmark")
    done = export(tmp_path / "run", to="eval-results", out=tmp_path / "out", settings=settings)
    assert done.files == (EVAL_RESULTS_FILE,)
    content = yaml.safe_load((tmp_path / "out" / EVAL_RESULTS_FILE).read_text("utf-8"))
    read = parse_eval_result_entries(content)
    assert [entry.task_id for entry in read] == ["p1_overall", "p1_mean_t1"]
    assert all(isinstance(entry.value, float) for entry in read)
    assert all("dataset_revision" not in entry for entry in content)


def test_a_diagnostic_protocol_enters_nothing() -> None:
    family = make_predictions(
        ("Hallo", "Hallo2"),
        fold="p3-family-hallo",
        protocol="p3-family",
        held_out="hallo-family",
        release=RELEASE,
    )
    assert enter(score([family], n_bootstrap=0), is_whole_run=True) == {}
