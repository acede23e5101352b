"""Transitions of run folders: counted by brute force, beside the paper's, in every format."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.scored_folds import GENERATORS, write_run
from thb.prediction.predictions import read_predictions
from thb.reports.published import read_published_transitions
from thb.reports.run_transitions import transitions
from thb.runs.provenance import ScoredDetector
from thb.runs.record import ReleaseRecord
from thb_dataset.errors import ResultError, SettingsError

if TYPE_CHECKING:
    from tests.support.command_line import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "mine")


def read_scores(run: Path, fold: str) -> dict[str, float]:
    rows = read_predictions(run / fold / "predictions.parquet")
    return {row.video_id: row.score for row in rows if row.label == 1 and row.score is not None}


def count(run: Path, confident: float, missed: float) -> dict[str, tuple[int, int]]:
    before = read_scores(run, "p1")
    counts = {}
    for name in GENERATORS:
        after = read_scores(run, f"p3-{name.lower()}")
        own = [video for video in after if before[video] >= confident]
        counts[name] = (len(own), sum(after[video] < missed for video in own))
    return counts


@pytest.mark.parametrize(("confident", "missed"), [(0.9, 0.5), (0.6, 0.7), (0.3, 0.3), (0, 1)])
def test_the_counts_are_those_of_a_walk_through_all_scores(
    run: Path, confident: float, missed: float
) -> None:
    found = transitions(run, confident=confident, missed_below=missed)
    counts = {
        row.generator: (row.true_positives, row.false_negatives) for row in found.transitions.rows
    }
    assert counts == count(run, confident, missed)
    assert len(found.transitions.videos) == sum(lost for _, lost in counts.values())
    falls = [video.before - video.after for video in found.transitions.videos]
    assert falls == sorted(falls, reverse=True)


def test_a_quantile_is_named_and_taken_over_all_fakes(run: Path) -> None:
    found = transitions(run, quantile=0.75)
    scores = sorted(read_scores(run, "p1").values())
    limit = found.transitions.rows[0].confident_from
    assert sum(score < limit for score in scores) == int(0.75 * len(scores))
    assert f"{limit:.4g} or more, the 0.75 quantile" in found.definitions[0]
    counts = {row.generator: row.true_positives for row in found.transitions.rows}
    assert counts == {name: own[0] for name, own in count(run, limit, 0.5).items()}


def test_missed_may_be_what_the_folds_own_thresholds_miss(run: Path, tmp_path: Path) -> None:
    found = transitions(run, confident=0.7, missed_below="threshold")
    counts = {row.generator: row.false_negatives for row in found.transitions.rows}
    assert counts == {name: own[1] for name, own in count(run, 0.7, 0.55).items()}
    assert "the threshold that validation gave" in found.definitions[1]
    bare = shutil.copytree(run, tmp_path / "bare")
    for file in bare.rglob("thresholds.json"):
        file.unlink()
    with pytest.raises(ResultError, match=r"p3-hallo2.*run thb calibrate"):
        transitions(bare, missed_below="threshold")


def test_the_paper_s_row_stands_beside_ours_from_p1_to_p3_only(run: Path, tmp_path: Path) -> None:
    paper = {row.generator: row for row in read_published_transitions()}
    assert transitions(run).published == paper
    record = transitions(run).to_dict()
    (live,) = (row for row in record["rows"] if row["generator"] == "LivePortrait")
    assert live["published"] == {
        "true_positives": 168,
        "false_negatives": 5,
        "drop": pytest.approx(0.0298, abs=5e-5),
    }
    assert transitions(run, before="p3", after="p1").published == {}
    other = ScoredDetector(model_type="thb_caddm", weights_sha256="5" * 64)
    assert transitions(write_run(tmp_path / "o", detector=other)).published == {}


def test_no_transition_is_no_error_and_says_why(run: Path) -> None:
    highest = max(read_scores(run, "p1").values())
    (note,) = [line for line in transitions(run, confident=1).notes if "No transition" in line]
    assert f"the highest P(fake) is {highest:.3f}" in note
    found = transitions(run, confident=0.7, missed_below=0)
    lowest = min(row.lowest_after or 1 for row in found.transitions.rows)
    assert any(f"lowest P(fake) there is {lowest:.3f}" in line for line in found.notes)


def test_limits_that_overlap_and_a_synthetic_release_are_noted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", release=ReleaseRecord(name="mini", synthetic=True))
    notes = " ".join(transitions(run, confident=0.4, missed_below=0.6).notes)
    assert "may be missed without a fall" in notes
    assert "SYNTHETIC" in notes


def test_the_second_protocol_may_lie_in_another_folder(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "p1", tmp_path / "one" / "p1")
    shutil.copytree(run, tmp_path / "two", ignore=shutil.ignore_patterns("p1"))
    apart = transitions(tmp_path / "one", tmp_path / "two", confident=0.7)
    assert apart.transitions == transitions(run, confident=0.7).transitions
    with pytest.raises(ResultError, match="holds no predictions of p3, only of p1"):
        transitions(tmp_path / "one")
    shutil.copytree(run, tmp_path / "several" / "a")
    shutil.copytree(run, tmp_path / "several" / "b")
    with pytest.raises(ResultError, match=r"several detectors \(a, b\)"):
        transitions(tmp_path / "several")


@pytest.mark.parametrize(
    "wrong",
    [
        {"after": "p1"},
        {"confident": 1.5},
        {"quantile": -0.1},
        {"quantile": 1.0},
        {"missed_below": 2.0},
    ],
)
def test_impossible_settings_are_refused(run: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        transitions(run, **wrong)


def test_the_command_writes_every_format(run: Path, run_thb: Run) -> None:
    found = transitions(run, confident=0.7)
    rows = found.transitions.rows
    command = ("transitions", run, "--confident", "0.7")
    text = run_thb(*command, "--list").out
    for row in rows:
        assert f"{row.true_positives} " in text
    assert found.transitions.videos[0].video_id in text
    assert "0.7 or more" in text
    assert "188" in text, "the paper's row"
    markdown = run_thb(*command, "--format", "markdown").out
    assert f"| all | {sum(row.compared for row in rows)} |" in markdown
    ended = run_thb(*command, "--format", "csv")
    table = {row["generator"]: row for row in csv.DictReader(io.StringIO(ended.out))}
    assert {name: int(row["false_negatives"]) for name, row in table.items()} == {
        row.generator: row.false_negatives for row in rows
    }
    assert table["Hallo2"]["published_true_positives"] == "102"
    assert "0.7 or more" in ended.err
    listed = csv.DictReader(io.StringIO(run_thb(*command, "--list", "--format", "csv").out))
    assert [row["video_id"] for row in listed] == [
        video.video_id for video in found.transitions.videos
    ]
    record = json.loads(run_thb(*command, "--format", "json").out)
    assert record == json.loads(json.dumps(found.to_dict()))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--confident", "1"], 0),
        (["--missed-below", "threshold"], 0),
        (["--missed-below", "half"], 2),
        (["--from", "p3"], 2),
        (["--explain", "sheet.png"], 2),
        (["--from", "p2"], 3),
    ],
)
def test_the_command_ends_with_the_code_of_its_error(
    run: Path, run_thb: Run, words: list[str], code: int
) -> None:
    ended = run_thb("transitions", run, *words)
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
