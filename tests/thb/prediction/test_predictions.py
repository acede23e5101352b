"""Predictions: read as they were written, and not lost by a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.records import make_scoring_record
from thb.prediction.prediction_log import PredictionLog
from thb.prediction.predictions import (
    Prediction,
    Predictions,
    Status,
    merge_rows,
    read_predictions,
    write_predictions,
)
from thb.runs.provenance import ScoredDetector
from thb_dataset.errors import IncompletePredictionsError, ResultError

RUN = make_scoring_record(detector=ScoredDetector(name="é — 视频", model_type="baseline"))


def make_row(name: str, **values: Any) -> Prediction:
    settings: dict[str, Any] = {
        "label": 1,
        "generator": "Hallo",
        "split": "test",
        "status": Status.OK,
        "score": 0.25,
        "clip_logits": (-1.0, 1 / 3),
        "clips": 2,
        "faces": 1,
    }
    return Prediction(video_id=name, **(settings | values))


ROWS = (
    make_row("Hallo/b", score=1 / 3),
    make_row("Hallo/a", portrait="00012", driver="-abc_1", warnings=("is HDR (HLG)", "é — 视频")),
    make_row("CelebV-HQ/é — 视频", label=0, generator=None, real_dataset="CelebV-HQ"),
    make_row("Hallo/c", status=Status.NO_FACE, score=None, reason="0 of 8", clip_logits=()),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fold=hallo" / "predictions.parquet"
    write_predictions(path, Predictions(rows=ROWS, run=RUN))
    read = read_predictions(path)
    assert read.run == RUN
    assert read.rows == tuple(sorted(ROWS, key=lambda row: row.video_id))
    assert [file.name for file in path.parent.iterdir()] == ["predictions.parquet"]


def test_the_order_of_rows_does_not_change_the_bytes(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a", Predictions(rows=ROWS, run=RUN))
    write_predictions(tmp_path / "b", Predictions(rows=ROWS[::-1], run=RUN))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "values",
    [
        {"score": None},
        {"score": 1.5},
        {"score": float("nan")},
        {"status": Status.ERROR},
        {"status": "fine"},
        {"label": 2},
        {"clip_logits": (float("inf"),)},
    ],
)
def test_a_row_that_contradicts_itself_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ResultError, match="Hallo/a"):
        make_row("Hallo/a", **values)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(ResultError, match=r"x\.parquet"):
        read_predictions(tmp_path / "x.parquet")
    with pytest.raises(ResultError, match="absent"):
        read_predictions(tmp_path / "absent")


def test_foreign_columns_are_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"video_id": ["a"], "score": [0.5]}), tmp_path / "x.parquet")
    with pytest.raises(ResultError, match="holds no predictions"):
        read_predictions(tmp_path / "x.parquet")


def test_a_file_of_an_older_version_has_no_warnings(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "x.parquet"
    write_predictions(path, Predictions(rows=ROWS, run=RUN))
    pq.write_table(pq.read_table(path).drop_columns("warnings"), path)
    assert {row.warnings for row in read_predictions(path).rows} == {()}


def test_check_names_the_offenders() -> None:
    ids = [row.video_id for row in ROWS]
    Predictions(rows=ROWS, run=RUN).check(ids)
    with pytest.raises(IncompletePredictionsError, match=r"1 without a row: Hallo/z"):
        Predictions(rows=ROWS, run=RUN).check([*ids, "Hallo/z"])
    with pytest.raises(IncompletePredictionsError, match=r"1 not of this split: Hallo/b"):
        Predictions(rows=ROWS, run=RUN).check(ids[1:])
    with pytest.raises(IncompletePredictionsError, match=r"1 twice: Hallo/b"):
        Predictions(rows=(*ROWS, ROWS[0]), run=RUN).check(ids)


def test_merging_keeps_one_of_equal_rows_and_refuses_contradictions() -> None:
    near = make_row("Hallo/b", score=1 / 3 + 1e-9)
    assert [row.video_id for row in merge_rows([*ROWS, near])] == sorted(
        row.video_id for row in ROWS
    )
    with pytest.raises(ResultError, match="contradict"):
        merge_rows([*ROWS, make_row("Hallo/b", score=0.9)])
    with pytest.raises(ResultError, match="contradict"):
        merge_rows([*ROWS, make_row("Hallo/c")])


def test_a_log_is_continued_by_any_number_of_processes(tmp_path: Path) -> None:
    with (
        PredictionLog(tmp_path, RUN, rank=0) as first,
        PredictionLog(tmp_path, RUN, rank=1) as second,
    ):
        first.append(ROWS[0])
        second.append(ROWS[1])
    with PredictionLog(tmp_path, RUN) as again:
        assert set(again.done) == {"Hallo/a", "Hallo/b"}
        again.append(ROWS[2])
    with PredictionLog(tmp_path, RUN, rank=5) as last:
        assert list(last.done.values()) == sorted(ROWS[:3], key=lambda row: row.video_id)


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_is_dropped_and_written_over(tmp_path: Path, cut: int) -> None:
    with PredictionLog(tmp_path, RUN) as log:
        log.append(ROWS[0])
        log.append(ROWS[1])
    path = tmp_path / "rank-0.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    with PredictionLog(tmp_path, RUN) as log:
        assert set(log.done) == {"Hallo/b"}
        log.append(ROWS[2])
    with PredictionLog(tmp_path, RUN) as log:
        assert set(log.done) == {"Hallo/b", ROWS[2].video_id}


def test_a_kill_while_the_header_is_written_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "rank-0.jsonl").write_bytes(b'{"run": {"proto')
    with PredictionLog(tmp_path, RUN) as log:
        log.append(ROWS[0])
    with PredictionLog(tmp_path, RUN) as log:
        assert set(log.done) == {"Hallo/b"}


def test_the_log_of_another_run_is_refused(tmp_path: Path) -> None:
    PredictionLog(tmp_path, RUN).close()
    with pytest.raises(ResultError, match="another run"):
        PredictionLog(tmp_path, replace(RUN, protocol="p2"))


TORN = (
    json.dumps({"video": 1}).encode(),
    b'{"video_id": "torn by a f{"video_id": "Hallo/x", "label": 1}',
    b"\0" * 30,
    b"\xff\xfe",
    b"null",
    b"7",
    b"[" * 100_000,
    json.dumps({"video_id": "Hallo/x", "status": "ok", "score": 2}).encode(),
)


@pytest.mark.parametrize("torn", TORN)
@pytest.mark.parametrize("name", ["rank-0.jsonl", "rank-1.jsonl"])
def test_a_torn_line_in_the_middle_is_mended(
    torn: bytes, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with PredictionLog(tmp_path, RUN, rank=int(name[5])) as log:
        log.append(ROWS[0])
        log.append(ROWS[1])
    path = tmp_path / name
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first + torn + b"\n" + second)
    with PredictionLog(tmp_path, RUN, rank=int(name[5])) as log:
        assert set(log.done) == {"Hallo/a", "Hallo/b"}
    (message,) = caplog.messages
    assert "1 of 3 lines are torn" in message
    assert path.read_bytes() == header + first + second


def test_kill_9_at_any_moment_leaves_a_log_that_can_be_read(tmp_path: Path) -> None:
    code = (
        "import sys, itertools; from pathlib import Path\n"
        "from thb.prediction.prediction_log import PredictionLog\n"
        "from thb.prediction.predictions import Prediction\n"
        "from tests.support.records import make_scoring_record\n"
        "log = PredictionLog(Path(sys.argv[1]), make_scoring_record())\n"
        "for at in itertools.count(len(log.done)):\n"
        "    log.append(Prediction(video_id=f'v/{at:06}', status='ok', score=0.5,"
        " clip_logits=(0.0,) * 50, clips=50))\n"
        "    print(at, flush=True)\n"
    )
    last = -1
    for lines in (1, 7, 30):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        with child.stdout:
            for _ in range(lines):
                last = int(child.stdout.readline())
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        log = PredictionLog(tmp_path, make_scoring_record(), rank=9)
        log.close()
        assert set(log.done) >= {f"v/{at:06}" for at in range(last + 1)}


def test_a_row_holds_for_the_content_of_its_file(tmp_path: Path) -> None:
    row, other = ROWS[0], replace(ROWS[0], score=0.875)
    with PredictionLog(tmp_path, RUN) as log:
        log.append(row, content="a")
        log.append(other, content="b")
        assert log.find(row.video_id, "c") is None
    with PredictionLog(tmp_path, RUN) as log:
        assert [log.find(row.video_id, content) for content in "ab"] == [row, other]


def test_a_row_of_an_older_version_is_believed_unless_the_file_was_unreadable(
    tmp_path: Path,
) -> None:
    failed = replace(ROWS[0], video_id="Hallo/z", status=Status.ERROR, score=None, clip_logits=())
    with PredictionLog(tmp_path, RUN) as log:
        log.append(ROWS[0])
        log.append(failed)
        assert log.find(ROWS[0].video_id, "a") == ROWS[0]
        assert log.find(failed.video_id, "a") is None
