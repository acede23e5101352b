"""The folder of a submission: what is in it, what is left out, and what cannot become one."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.support.made_submissions import (
    DETECTOR,
    MODEL,
    REVISION,
    make_rows,
    make_run,
    submit_to,
)
from tests.support.sources import ROOT
from thb.boards.checking import check_submissions
from thb.boards.rerun_records import RerunRecord
from thb.boards.submissions import (
    SubmissionRecord,
    SubmissionSettings,
    find_submissions,
    make_submission,
    read_submission,
    read_submission_record,
)
from thb.evaluation.verification import verify_result
from thb.prediction.predictions import Predictions, read_predictions, write_predictions
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import FoldScoringRecord, ImportRecord, ScoringRecord
from thb.runs.record import read_record
from thb_dataset.errors import ResultError


def test_it_holds_the_rows_as_they_were_and_numbers_that_follow(tmp_path: Path) -> None:
    rows = make_rows()
    made = submit_to(tmp_path / "repo", rows)
    (folder,) = find_submissions(tmp_path / "repo")
    assert folder == made.folder
    again = read_submission(folder)
    assert again == made
    assert again.record.name == "Mine"
    assert again.record.protocols == ("p1",)
    kept = read_predictions(again.predictions["p1"])
    assert kept.rows == tuple(sorted(rows.rows, key=lambda row: row.video_id))
    assert verify_result(folder / "result-p1.json").agrees


def test_it_says_nothing_of_the_machine_that_it_was_made_on(tmp_path: Path) -> None:
    made = submit_to(tmp_path / "repo")
    for file in made.folder.rglob("*"):
        if file.is_file():
            assert b"/home/somebody" not in file.read_bytes()
            assert str(tmp_path).encode() not in file.read_bytes()
    assert read_predictions(made.predictions["p1"]).run.detector.name == MODEL
    training = read_record(made.folder / "p1")
    assert training is not None
    assert training.weights_sha256 == DETECTOR.weights_sha256


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    folders = [submit_to(tmp_path / name).folder for name in ("a", "b")]
    first, second = (
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.*")}
        for folder in folders
    )
    assert first == second


def test_what_else_the_board_shows_is_given_or_follows(tmp_path: Path) -> None:
    settings = SubmissionSettings(name="Ours", authors="A and B", code="https://x.org/y")
    run = make_run(tmp_path / "run")
    made = make_submission(
        run, tmp_path / "repo", model=MODEL, revision=REVISION, settings=settings
    )
    record = read_submission_record(made.folder)
    assert (record.name, record.authors, record.links) == (
        "Ours",
        "A and B",
        {"code": "https://x.org/y"},
    )
    assert record.modality == "visual"
    assert check_submissions(tmp_path / "repo").findings == ()

    listens = replace(make_rows().run, detector=replace(DETECTOR, metadata_only=True))
    rows = Predictions(rows=make_rows().rows, run=listens)
    assert submit_to(tmp_path / "other", rows).record.modality == "metadata"


def test_scores_of_other_software_pass_without_logits_and_are_marked(tmp_path: Path) -> None:
    made = make_rows()
    assert isinstance(made.run, FoldScoringRecord)
    imported = ImportRecord(
        file="x.csv", sha256="a" * 64, format="csv", polarity="fake-high", scale="probability"
    )
    detector = replace(DETECTOR, model_type="imported", weights_sha256=None)
    run = replace(made.run, imported=imported, detector=detector, trained_on=None, clip_spec=None)
    bare = tuple(replace(row, clip_logits=(), clips=0) for row in made.rows)
    source = tmp_path / "run"
    write_predictions(source / "p1" / PREDICTIONS_FILE, Predictions(rows=bare, run=run))
    submit_to(tmp_path / "repo", run=source)
    check = check_submissions(tmp_path / "repo")
    assert check.findings == ()
    assert any("accepted and marked: scores of other software (¶)" in note for note in check.notes)


def test_what_cannot_become_one_is_said(tmp_path: Path) -> None:
    loose = Predictions(rows=make_rows().rows, run=ScoringRecord(detector=DETECTOR))
    write_predictions(tmp_path / "loose" / "p1" / PREDICTIONS_FILE, loose)
    with pytest.raises(ResultError, match="do not name their fold"):
        submit_to(tmp_path / "repo", run=tmp_path / "loose")
    make_run(tmp_path / "two" / "a")
    make_run(tmp_path / "two" / "b")
    with pytest.raises(ResultError, match="several files hold predictions of p1"):
        submit_to(tmp_path / "repo", run=tmp_path / "two")
    with pytest.raises(ResultError, match="is not a thb-submission/1 record"):
        read_submission(tmp_path)
    assert not (tmp_path / "repo").exists()


def test_the_diagnostic_protocol_stays_at_home(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(tmp_path / "run")
    made = make_rows()
    assert isinstance(made.run, FoldScoringRecord)
    family = replace(
        made.run, protocol="p3-family", fold="p3-family-hallo", held_out="hallo-family"
    )
    rows = replace(made, run=family)
    write_predictions(run / "p3-family-hallo" / PREDICTIONS_FILE, rows)
    submitted = submit_to(tmp_path / "repo", run=run)
    assert submitted.record.protocols == ("p1",)
    assert not any("family" in name for name in submitted.record.files)
    assert "p3-family-hallo is left out: it is of p3-family, which no board ranks" in caplog.text
    assert check_submissions(tmp_path / "repo").findings == ()
    with pytest.raises(ResultError, match="nothing but p3-family, a diagnostic beside P3"):
        submit_to(tmp_path / "other", run=run / "p3-family-hallo")


def test_a_smuggled_diagnostic_is_refused_by_name(tmp_path: Path) -> None:
    made = submit_to(tmp_path / "repo")
    fold = made.folder / "p3-family-hallo"
    write_predictions(fold / PREDICTIONS_FILE, make_rows())
    record = json.loads((made.folder / "submission.json").read_text())
    record["protocols"].append("p3-family")
    (made.folder / "submission.json").write_text(json.dumps(record))
    found = {str(finding) for finding in check_submissions(tmp_path / "repo").findings}
    said = "p3-family, a diagnostic beside P3 that no board ranks: leave it out"
    assert any(f"names {said}" in text for text in found)
    assert any(f"is of {said}" in text for text in found)


@pytest.mark.parametrize("kind", [SubmissionRecord, RerunRecord])
def test_the_page_of_formats_names_every_field(kind: type) -> None:
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    section = page.partition("## Submissions")[2].partition("\n## ")[0]
    names = [field.name for field in fields(kind)]
    assert [name for name in names if not re.search(rf"`{name}(\[\])?`", section)] == []
