"""``thb tables``: from run folders to every format, on stdout and in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import thb
from tests.support.scored_detectors import make_p1
from thb.prediction.predictions import write_predictions

if TYPE_CHECKING:
    from tests.support.command_line import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two run folders: one with predictions, one with a result only."""
    folder = tmp_path_factory.mktemp("runs")
    scored, sent = make_p1("scored", n=10, strength=1.0), make_p1("sent", n=10, strength=0.5)
    write_predictions(folder / "scored" / "p1" / "predictions.parquet", scored.folds[0])
    sent.result.save(folder / "sent" / "result-p1.json")
    return [folder / "scored", folder / "sent"]


def test_the_verb_prints_what_the_function_makes(
    runs: list[Path], run_thb: Run, tmp_path: Path
) -> None:
    made = thb.tables(runs, protocol="p1", n_bootstrap=50)
    written = {
        "markdown": made.to_markdown(),
        "latex": made.to_latex(),
        "csv": made.to_csv(),
        "html": made.to_html(),
        "json": made.to_json(),
    }
    for name, text in written.items():
        words = ("tables", *runs, "--protocol", "p1", "--bootstrap", "50", "--format", name)
        ended = run_thb(*words, "--out", tmp_path / name)
        assert (ended.code, ended.err) == (0, "")
        if name == "json":
            assert json.loads(ended.out) == json.loads(text)
        else:
            assert ended.out.strip() == text.strip()
        assert (tmp_path / name / "tables.md").read_text(encoding="utf-8") == written["markdown"]
    ended = run_thb("tables", *runs, "--bootstrap", "50")
    assert ended.out.startswith("Table 5: P1 (new identities) on o/published")
    assert "without predictions" in ended.out


def test_detectors_can_be_named_and_the_paper_added(runs: list[Path], run_thb: Run) -> None:
    words = ("tables", *runs, "--bootstrap", "0", "--name", "renamed", "--published")
    tables = json.loads(run_thb(*words, "--format", "json").out)["tables"]
    names = [line["detector"] for line in tables[0]["lines"]]
    assert names[:2] == ["renamed", "sent"]
    assert len(names) == 9


def test_what_is_not_there_is_told_in_one_line(runs: list[Path], run_thb: Run) -> None:
    ended = run_thb("tables", *runs, "--protocol", "p2", "--bootstrap", "0")
    assert (ended.code, ended.out) == (3, "")
    assert "results of p1, but none of p2" in ended.err
