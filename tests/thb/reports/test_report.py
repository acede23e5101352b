"""The report is one page that stands alone, says everything, and obeys nobody's names."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.support.records import make_scoring_record
from thb.evaluation.cells import METRICS, ScoreSettings
from thb.prediction.predictions import (
    Prediction,
    Predictions,
    Status,
    read_predictions,
    write_predictions,
)
from thb.reports.evaluations import read_evaluations
from thb.reports.report.report import report
from thb_dataset.errors import ResultError

if TYPE_CHECKING:
    from tests.support.command_line import Run

FAST = ScoreSettings(n_bootstrap=0)
HOSTILE = "<script>alert(1)</script>\x1b[31m"


def write_run(folder: Path, fold: str = "p1", *rows: Prediction, **record: Any) -> Path:
    """Write predictions in which five of six fakes score above all five real videos."""
    made = tuple(
        Prediction(
            video_id=f"{'Hallo' if label else 'CelebV-HQ'}/{at}",
            label=label,
            generator="Hallo" if label else None,
            real_dataset=None if label else "CelebV-HQ",
            split="test",
            status=Status.OK,
            score=score,
        )
        for label in (0, 1)
        for at, score in enumerate([0.6, 0.7, 0.8, 0.9, 0.95, 0.2] if label else [0.5] * 5)
    )
    run = make_scoring_record(protocol=fold[:2], fold=fold, **record)
    write_predictions(
        folder / fold / "predictions.parquet", Predictions(rows=(*made, *rows), run=run)
    )
    return folder


def write_page(tmp_path: Path, *runs: Path) -> str:
    return report(runs, out=tmp_path / "report.html", settings=FAST).read_text("utf-8")


def test_the_page_has_every_mean_and_is_equal_again(tmp_path: Path) -> None:
    run = write_run(write_run(tmp_path / "mine"), "p3-hallo", held_out="Hallo")
    page = write_page(tmp_path, run)
    for own in read_evaluations([run], settings=FAST):
        for metric in METRICS:
            assert f"{own.result.mean[metric].value:.3f}" in page
    assert page == write_page(tmp_path, run)


def test_the_whole_result_can_be_read_out_of_the_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "mine")
    (own,) = read_evaluations([run], settings=FAST)
    (text,) = re.findall(r"<pre>(\{.*?\})</pre>", write_page(tmp_path, run), re.DOTALL)
    assert json.loads(html.unescape(text)) == own.result.to_dict()
    assert next(iter(own.result.predictions_sha256.values())) in text


def test_videos_without_a_score_are_named_with_their_reason(tmp_path: Path) -> None:
    lost = Prediction(
        video_id="Hallo/lost",
        label=1,
        generator="Hallo",
        split="test",
        status=Status.ERROR,
        reason="the file is cut off",
    )
    page = write_page(tmp_path, write_run(tmp_path / "mine", "p1", lost))
    omissions = page.partition('id="omissions"')[2].partition("</section>")[0]
    assert "1 of 12 rows have no score" in omissions
    assert "the file is cut off" in omissions
    assert "Hallo/lost" in omissions


def test_folds_that_are_missing_are_named(tmp_path: Path) -> None:
    page = write_page(tmp_path, write_run(tmp_path / "mine", "p3-hallo", held_out="Hallo"))
    omissions = page.partition('id="omissions"')[2].partition("</section>")[0]
    assert "no fold holds out" in omissions
    assert "EmoPortrait" in omissions
    assert "Hallo," not in omissions


def test_falls_from_p1_to_p3_are_counted_and_listed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "mine")
    rows = [
        replace(row, score=0.1 if row.label and row.score and row.score >= 0.9 else row.score)
        for row in read_predictions(run / "p1" / "predictions.parquet")
    ]
    record = make_scoring_record(protocol="p3", fold="p3-hallo", held_out="Hallo")
    path = run / "p3-hallo" / "predictions.parquet"
    write_predictions(path, Predictions(rows=tuple(rows), run=record))
    falls = write_page(tmp_path, run).partition('id="transitions"')[2].partition("</section>")[0]
    assert "the 2 videos, the steepest fall first" in falls
    assert falls.index("Hallo/4") < falls.index("Hallo/3")
    assert "Hallo/2" not in falls


def test_a_hostile_name_is_shown_and_does_nothing(tmp_path: Path) -> None:
    row = Prediction(
        video_id=f"Hallo/{HOSTILE}",
        label=1,
        generator="Hallo",
        split="test",
        status=Status.ERROR,
        reason=HOSTILE,
    )
    page = write_page(tmp_path, write_run(tmp_path / "mine", "p1", row, name=HOSTILE))
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)


def test_galleries_and_tables_of_the_run_folder_are_taken_in(tmp_path: Path) -> None:
    run = write_run(tmp_path / "mine")
    Image.new("RGB", (3000, 20), "red").save(run / "gallery-p1.png")
    (run / "explanations-p1.md").write_text("| a\\|b | n |\n|---|---|\n| x | <i> |\n\n- note\n")
    page = write_page(tmp_path, run)
    assert "data:image/jpeg;base64," in page
    assert '<th scope="col">a|b</th>' in page
    assert "<td>&lt;i&gt;</td>" in page
    (run / "gallery-p1.png").write_bytes(b"GIF89a")
    with pytest.raises(ResultError, match=r"gallery-p1\.png"):
        write_page(tmp_path, run)


def test_a_long_gallery_is_cut_between_its_pictures(tmp_path: Path) -> None:
    run = write_run(tmp_path / "mine")
    sheet = Image.new("RGB", (200, 900), "white")
    for top in (10, 310, 610):
        sheet.paste("black", (20, top, 180, top + 240))
    sheet.save(run / "gallery-p1.png")
    page = write_page(tmp_path, run)
    pieces = [
        Image.open(io.BytesIO(base64.b64decode(data)))
        for data in re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    ]
    assert sum(piece.height for piece in pieces) == 900
    assert len(pieces) > 1
    for piece in pieces:
        assert piece.height <= 260
        assert np.asarray(piece)[[0, -1], 100].min() > 250


def test_results_without_predictions_are_reported_as_such(tmp_path: Path) -> None:
    run = write_run(tmp_path / "mine")
    (own,) = read_evaluations([run], settings=FAST)
    replace(own.result, name="sent").save(tmp_path / "sent" / "result-p1.json")
    shutil.rmtree(run)
    page = write_page(tmp_path, tmp_path / "sent")
    assert "sent, P1: only the result is at hand" in page


def test_the_verb_writes_into_a_folder_too(tmp_path: Path, run_thb: Run) -> None:
    run = write_run(tmp_path / "mine")
    told = run_thb("report", run, "--out", tmp_path / "there", "--bootstrap", "0")
    assert told.code == 0, told.err
    assert told.out.strip() == str(tmp_path / "there" / "report.html")
    assert "mine on TalkingHeadBench" in (tmp_path / "there" / "report.html").read_text("utf-8")
    assert run_thb("report", run, "--out", "page.pdf").code == 2
