"""One list of bad JSON and one of bad names, given to every reader of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from detectors.registry import load_detector
from tests.support.bad_json import BAD_JSON
from tests.support.records import make_scoring_record
from thb.commands.given_settings import read_config
from thb.evaluation.result import Result
from thb.evaluation.verification import verify_result
from thb.exchange.score_files import read_score_file
from thb.prediction.calibration import read_calibration
from thb.prediction.prediction_log import PredictionLog
from thb.prediction.predictions import Predictions, write_predictions
from thb.runs.provenance import read_scoring_record
from thb.runs.record import read_record
from thb_dataset.errors import THBError
from thb_dataset.faces.packs import read_pack_note
from thb_dataset.files import parse_json
from thb_dataset.hub.card import read_metadata
from thb_dataset.release.listing import list_videos
from thb_dataset.release.split_lists import RealClips, read_split_list

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease


def read_log(folder: Path, text: bytes) -> None:
    (folder / "rank-0.jsonl").write_bytes(text + b"\n")
    PredictionLog(folder, make_scoring_record()).close()


def from_file(name: str, read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    def write_and_read(folder: Path, text: bytes) -> object:
        (folder / name).write_bytes(text)
        return read(folder)

    return write_and_read


def verify(folder: Path) -> None:
    predictions = Predictions(rows=(), run=make_scoring_record())
    write_predictions(folder / "p1" / "predictions.parquet", predictions)
    verify_result(folder / "result-p1.json")


def read_pair(folder: Path, text: bytes) -> None:
    (folder / "x.scores.csv").write_text("dataset,key,compression,label,score,status\n")
    (folder / "x.scores.meta.json").write_bytes(text)
    read_score_file(folder / "x.scores.csv")


READERS: dict[str, Callable[[Path, bytes], Any]] = {
    "split list": lambda _, text: read_split_list(text, "list.json"),
    "result": from_file("result.json", lambda folder: Result.load(folder / "result.json")),
    "verified result": from_file("result-p1.json", verify),
    "scores": from_file("s.csv", lambda folder: read_score_file(folder / "s.csv")),
    "workbench": read_pair,
    "run": from_file("run.json", read_record),
    "threshold": from_file("thresholds.json", read_calibration),
    "detector": from_file("config.json", load_detector),
    "pack note": from_file("thb_pack.json", read_pack_note),
    "settings": from_file("settings.json", lambda folder: read_config(folder / "settings.json")),
    "log": read_log,
    "provenance": lambda _, text: read_scoring_record(text),
    "card": lambda _, text: read_metadata(f"---\n{text.decode(errors='replace')}\n---\n", "o/n"),
    "text": lambda _, text: parse_json(text),
}


@pytest.mark.parametrize("kind", BAD_JSON)
@pytest.mark.parametrize("reader", READERS)
def test_bad_json_is_an_error_of_ours_or_is_read(reader: str, kind: str, tmp_path: Path) -> None:
    ours: tuple[type[Exception], ...] = (THBError, typer.BadParameter)
    if reader in ("provenance", "text"):  # whoever calls them names the file
        ours = (ValueError,)
    with suppress(*ours):
        READERS[reader](tmp_path, BAD_JSON[kind])


BAD_NAMES = (
    b"\xff\xfe.mp4",
    b"00001--a_1--Hallo\xe9.mp4",
    b"a\nb.mp4",
    b"\x1b[31mred.mp4",
    b"'; drop--x--Hallo.mp4",
    b"a" * 240 + b".mp4",
    b"--.mp4",
)


@pytest.fixture
def badly_named(tiny_release: MiniRelease, tmp_path: Path) -> Path:
    """A release with links to all of another, and a file of each bad name in two places."""
    root = tmp_path / "release"
    for file in tiny_release.hub.rglob("*"):
        if file.is_file():
            place = root / file.relative_to(tiny_release.hub)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.hardlink_to(file)
    for name in BAD_NAMES:
        for folder in ("fake/Hallo/test", "audio/fake"):
            (root / folder / os.fsdecode(name)).write_bytes(b"")
    return root


def test_bad_names_in_a_release_are_named(badly_named: Path, run_thb: Run) -> None:
    text = run_thb("data", "verify", "--release", badly_named)
    ended = run_thb("data", "verify", "--release", badly_named, "--format", "json")
    assert (text.code, ended.code) == (1, 1), ended.err
    findings = json.loads(ended.out)["findings"]
    assert "fake/Hallo/test/\\udcff\\udcfe.mp4" in json.dumps(findings).replace("\\\\", "\\")
    ended.out.encode()
    assert "rename the file" in text.out


def test_bad_names_do_not_end_a_publication(
    badly_named: Path, run_thb: Run, tmp_path: Path
) -> None:
    words = ("--release", badly_named, "--repo", "org/name", "--dry-run", "--out", tmp_path / "out")
    ended = run_thb("publish", "dataset", *words)
    assert ended.code in (0, 1, 3), ended.err
    assert "Traceback" not in ended.err


def test_names_that_are_no_text_are_left_out() -> None:
    paths = [f"fake/Hallo/test/{os.fsdecode(name)}" for name in BAD_NAMES]
    listed = list_videos(paths, RealClips(split={}, in_two_blocks=(), listed_twice=()))
    for video in listed.videos:
        video.path.encode()
    for finding in listed.findings:
        str(finding).encode()
