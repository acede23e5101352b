"""Explained splits: one row per video, verdicts by a stated rule, right and wrong apart."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from detectors.registry import create_detector, find_detector_class
from tests.support.records import make_explaining_record, make_run_record
from thb.explanations.explain import ExplainSettings
from thb.explanations.face_regions import REGIONS
from thb.explanations.look_table import make_cells, make_notes
from thb.explanations.split import (
    SplitExplainSettings,
    SplitExplanation,
    choose_evenly,
    explain_split,
)
from thb.explanations.video_rows import ExplainedVideo, read_explanations, write_explanations
from thb.prediction.calibration import THRESHOLDS_FILE, Calibration
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb.prediction.predictions import Status
from thb.prediction.verdicts import VerdictRule, find_rule
from thb.runs.provenance import ExplainingRecord, ScoredDetector
from thb.runs.record import ReleaseRecord
from thb.runtime.records import write_text
from thb_dataset.errors import ReleaseError, ResultError
from thb_dataset.protocols import build_folds
from thb_dataset.records import Generator
from thb_dataset.release.scan import read_release

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

FOLD = "p3-hallo"


def row(name: str, **changes: object) -> ExplainedVideo:
    shares = dict.fromkeys(REGIONS, 0.2)
    made = ExplainedVideo(
        video_id=name,
        detector="d",
        protocol="p3",
        fold=FOLD,
        label=1,
        generator="Hallo",
        status=Status.OK,
        score=0.5,
        energy=shares,
        area=shares,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # fields of the row


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detector")
    kind = find_detector_class("baseline")
    create_detector(kind, seed=3, config=kind.tiny).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def explained(
    detector: Path, tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory
) -> SplitExplanation:
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    return run(detector, tiny_release, tmp_path_factory.mktemp("out"))


def run(
    detector: Path, release: MiniRelease, out: Path, *, limit: int | None = 2
) -> SplitExplanation:
    return explain_split(
        detector,
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=out,
        settings=SplitExplainSettings(
            limit=limit, steps=2, explaining=ExplainSettings(progress=False, workers=1)
        ),
    )


def test_every_chosen_video_has_one_row_and_its_own_score(
    explained: SplitExplanation, detector: Path, tiny_release: MiniRelease
) -> None:
    (fold,) = build_folds(read_release(tiny_release.hub).videos, "p3", held_out=Generator.HALLO)
    chosen = choose_evenly((*fold.test, *fold.extra), 2)
    assert [row.video_id for row in explained.rows] == [video.video_id for video in chosen]
    assert {row.status for row in explained.rows} == {Status.OK}
    fake = next(row for row in explained.rows if row.generator == "Hallo")
    path = next(video.path for video in chosen if video.video_id == fake.video_id)
    settings = PredictSettings(progress=False)
    (scored,) = predict(detector, tiny_release.hub / path, settings=settings).rows
    assert fake.score == pytest.approx(scored.score, abs=1e-6)
    for row in explained.rows:
        assert row.area is not None
        assert sum(row.area.values()) == pytest.approx(1)
        assert row.energy is None or sum(row.energy.values()) == pytest.approx(1)
        assert row.deletion is not None
        assert row.insertion_control is not None
        assert row.split == ("extra" if row.generator in ("MAGI-1", "Hallo3") else "test")


def test_the_files_hold_the_rows_and_the_table(explained: SplitExplanation) -> None:
    parquet, table, record = explained.files
    assert parquet.parts[-2:] == (FOLD, "explanations.parquet")
    rows, run = read_explanations(parquet)
    assert rows == explained.rows
    assert run == explained.runs[FOLD]
    assert isinstance(run, ExplainingRecord)
    assert run.detector.weights_sha256
    assert run.limit == 2
    assert f"energy_{REGIONS[0]}" in pq.read_schema(parquet).names
    assert table.name == "explanations-p3-hallo.md"
    assert "by rank" in table.read_text(), "without a calibration the table says how it judges"
    assert "SYNTHETIC" in table.read_text()
    table_record = json.loads(record.read_text())
    assert sum(cell["n"] for cell in table_record["cells"]) == len(rows)
    for width, heading in ((80, "deletion  insertion"), (200, "hair_neck")):
        stream = io.StringIO()
        explained.print(Console(file=stream, width=width))
        table_lines = stream.getvalue().partition("Regions, ")[0].splitlines()
        assert max(map(len, table_lines)) <= width
        assert heading in stream.getvalue()
    assert not list(parquet.parent.glob(".*"))


def test_explaining_again_gives_the_same_numbers(
    explained: SplitExplanation, detector: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    again = run(detector, tiny_release, tmp_path)
    for row, other in zip(explained.rows, again.rows, strict=True):
        assert row.score == pytest.approx(other.score, abs=1e-6)
        assert row.energy == pytest.approx(other.energy, abs=1e-4)
        assert row.deletion_control == pytest.approx(other.deletion_control, abs=1e-6)


def test_videos_that_are_not_available_are_counted(
    detector: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    done = explain_split(
        detector,
        protocol="p3",
        fold="hallo",
        release=tiny_release.hub,
        out=tmp_path,
        settings=SplitExplainSettings(
            limit=1, steps=0, explaining=ExplainSettings(progress=False, workers=1)
        ),
    )
    reals = [row for row in done.rows if row.label == 0]
    assert {row.status for row in reals} == {Status.MISSING}
    assert any("not judged, missing: no such file" in note for note in done.notes)
    assert not any(cell.generator == "real" for cell in done.cells)
    assert all(cell.deletion is None for cell in done.cells)


def test_a_limit_takes_videos_evenly_of_each_generator(tiny_release: MiniRelease) -> None:
    videos = read_release(tiny_release.hub).videos
    assert choose_evenly(videos, None) == tuple(videos)
    chosen = choose_evenly(tuple(reversed(videos)), 3)
    for generator in (None, Generator.HALLO):
        ids = sorted(video.video_id for video in videos if video.generator == generator)
        own = [video.video_id for video in chosen if video.generator == generator]
        wanted = [ids[place] for place in np.linspace(0, len(ids) - 1, 3).round().astype(int)]
        assert own == wanted
    with pytest.raises(ReleaseError, match="limit=0"):
        choose_evenly(videos, 0)


def test_answers_are_judged_by_the_threshold_or_else_by_rank(tmp_path: Path) -> None:
    by_threshold = VerdictRule(threshold=0.9)
    assert by_threshold.judge(1, 0.9) == "right"
    assert by_threshold.judge(1, 0.89) == "wrong"
    assert by_threshold.judge(0, 0.89) == "right"
    assert by_threshold.judge(None, 0.5) is None
    assert by_threshold.call(1, 0.95) == "called fake"
    scored = [(0, 0.1), (0, 0.2), (0, 0.3), (1, 0.15), (1, 0.25), (1, None), (None, 0.9)]
    by_rank = find_rule(tmp_path, scored)
    assert by_rank == VerdictRule(median_real=0.2, median_fake=0.2)
    assert [by_rank.judge(label, score) for label, score in scored[:5]] == [
        "right",
        "wrong",
        "wrong",
        "wrong",
        "right",
    ]
    assert "no calibrated threshold" in str(by_rank)
    alone = find_rule(tmp_path, [(1, 0.4)])
    assert alone.judge(1, 0.4) is None, "a fake has no real video to be ranked against"


def test_a_calibration_of_the_same_weights_gives_the_threshold(tmp_path: Path) -> None:
    calibration = Calibration(
        target_fpr=0.01,
        threshold=0.75,
        n_real=50,
        false_alarms=0,
        n_fake=2,
        true_positive_rate=0.5,
        excluded={"real": {}, "fake": {}},
        release=ReleaseRecord(name="toy"),
        fold=FOLD,
        split_by="release",
        weights_sha256="abc",
        face_pack="embedded",
        precision="fp32",
        resolved=False,
    )
    (tmp_path / THRESHOLDS_FILE).write_text(write_text(calibration))
    rule = find_rule(tmp_path, [(0, 0.1), (1, 0.2)], weights_sha256="abc")
    assert rule.threshold == 0.75
    assert "too few to check a 1 % false-alarm rate" in str(rule)
    assert find_rule(tmp_path, [(0, 0.1)], weights_sha256="other").threshold is None


def test_folds_of_families_that_share_a_generator_are_not_mixed() -> None:
    own = {"protocol": "p3-family", "verdict": "right", "generator": "Hallo"}
    rows = [
        row("a", fold="p3-family-hallo", **own),
        row("a", fold="p3-family-sd_vae", **own),
        row("b", fold="p3-family-sd_vae", **own),
    ]
    assert [(cell.protocol, cell.n) for cell in make_cells(rows)] == [
        ("p3-family-hallo", 1),
        ("p3-family-sd_vae", 2),
    ]


def test_cells_are_means_over_videos_with_right_and_wrong_apart() -> None:
    eyes = {**dict.fromkeys(REGIONS, 0.0), "eyes": 1.0}
    mouth = {**dict.fromkeys(REGIONS, 0.0), "mouth": 1.0}
    rows = [
        row("a", verdict="right", energy=eyes, deletion=0.2, deletion_control=0.4),
        row("b", verdict="right", energy=mouth, deletion=0.4, deletion_control=0.6),
        row("c", verdict="right", energy=None, reason="nothing speaks for fake"),
        row("d", verdict="wrong", energy=mouth),
        row("e", label=0, generator=None, verdict=None),
        row("f", status=Status.NO_FACE, score=None, energy=None, area=None, reason="none"),
    ]
    right, wrong, real = make_cells(rows)
    assert (right.n, right.measured, right.verdict) == (3, 2, "right")
    assert right.energy == {**dict.fromkeys(REGIONS, 0.0), "eyes": 0.5, "mouth": 0.5}
    assert right.ratio is not None
    assert right.ratio["eyes"] == pytest.approx(2.5)
    assert right.deletion == pytest.approx(0.3)
    assert right.deletion_control == pytest.approx(0.5)
    assert right.insertion is None
    assert (wrong.verdict, wrong.n) == ("wrong", 1)
    assert (real.generator, real.verdict) == ("real", "unknown")


def test_rows_come_back_from_parquet_as_they_were(tmp_path: Path) -> None:
    rows = (row("a", verdict="right"), row("b", energy=None, against=dict.fromkeys(REGIONS, 0.2)))
    path = tmp_path / "fold=hallo" / "x.parquet"
    run = make_explaining_record(fold="é — 视频")
    write_explanations(path, rows, run)
    assert read_explanations(path) == (rows, run)
    (tmp_path / "y.parquet").write_text("no parquet")
    for name in ("y.parquet", "absent.parquet"):
        with pytest.raises(ResultError, match="holds no explanations"):
            read_explanations(tmp_path / name)
    for changes in ({"score": None}, {"status": "fine"}):
        with pytest.raises(ResultError, match="status"):
            row("c", **changes)


def test_marks_of_the_scores_stand_below_the_table() -> None:
    detector = ScoredDetector(model_type="tall", from_scratch=True)
    run = make_explaining_record(detector=detector, trained_on=make_run_record(fold="p3-hallo"))
    notes = make_notes([], {"p1": run}, {})
    assert any(note.startswith("§ p1: The training began with random weights") for note in notes)
    assert any(note.startswith("‡ p1: The detector was trained for p3-hallo") for note in notes)
    random = make_explaining_record(detector=ScoredDetector(model_type="tall", untrained=True))
    assert any(note.startswith("(UNTRAINED) p1: ") for note in make_notes([], {"p1": random}, {}))
    assert not any("p1:" in note for note in make_notes([], {"p1": make_explaining_record()}, {}))
