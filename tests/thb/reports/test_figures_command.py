"""``thb figures``: what it writes, what it leaves out, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.scored_folds import write_run
from thb.commands.figures import FIGURES
from thb.reports.figures.choice import KINDS
from thb.reports.figures.writing import figures

if TYPE_CHECKING:
    from tests.support.command_line import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "mine", protocols=["p1"])


def test_the_names_of_the_command_are_the_kinds() -> None:
    assert FIGURES == KINDS


def test_every_file_is_named_and_equal_when_it_is_written_again(
    run: Path, run_thb: Run, tmp_path: Path
) -> None:
    ended = run_thb("figures", run, "--out", tmp_path / "a", "--bootstrap", "20", "--quiet")
    assert ended.code == 0
    assert ended.err == ""
    run_thb("figures", run, "--out", tmp_path / "b", "--bootstrap", "20", "--quiet")
    written = sorted((tmp_path / "a").iterdir())
    assert len(written) == 2 * len(KINDS)
    for path in written:
        assert str(path) in ended.out
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert b"mine" in path.read_bytes(), "the alt text is in the file"


def test_json_has_the_words_of_each_figure(run: Path, run_thb: Run, tmp_path: Path) -> None:
    (run_result,) = [tmp_path / "sent" / "result-p1.json"]
    run_thb("score", run, "--out", tmp_path / "sent", "--bootstrap", "0")
    ended = run_thb(
        *("figures", run_result, "--out", tmp_path / "out", "--figure", "fig2a,roc", "--quiet"),
        *("--no-published", "--format", "json"),
    )
    record = json.loads(ended.out)
    (drawn,) = record["figures"]
    assert drawn["figure"] == "fig2a"
    assert drawn["files"] == [str(tmp_path / "out" / f"fig2a.{end}") for end in ("png", "svg")]
    assert drawn["alt"].startswith("Bars of the mean T1 by protocol. mine: P1 ")
    (left,) = record["left_out"]
    assert left["figure"] == "roc"
    assert "only its numbers are at hand" in left["reason"]


def test_the_paper_alone_needs_no_run(run_thb: Run, tmp_path: Path) -> None:
    ended = run_thb(
        *("figures", "--published-only", "--out", tmp_path, "--figure", "fig3,roc"),
        *("--protocol", "p3"),
    )
    assert ended.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fig3-p3.png", "fig3-p3.svg"]
    assert "left out: roc: it is drawn from predictions" in ended.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--out", "figures.png"], 2),
        (["--out", "o", "--figure", "fig9"], 2),
        (["--out", "o", "--no-published"], 2),
        (["nowhere", "--out", "o"], 2),
        (["nowhere", "--out", "o", "--published-only"], 2),
        ([".", "--out", "o"], 3),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    words: list[str], code: int, run_thb: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run_thb("figures", *words)
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_one_line_says_what_to_install(
    run: Path, run_thb: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ended = run_thb("figures", run, "--out", tmp_path)
    assert ended.code == 4
    (line,) = ended.err.splitlines()
    assert "pip install 'talkingheadbench[figures]'" in line
    assert list(tmp_path.iterdir()) == []


def test_the_function_is_the_command(run: Path, tmp_path: Path) -> None:
    written = figures([run], out=tmp_path, progress=False)
    assert [own.figure for own in written.figures] == list(KINDS)
    assert all(path.stat().st_size > 1000 for own in written.figures for path in own.files)
