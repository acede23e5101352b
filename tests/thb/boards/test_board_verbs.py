"""``thb board build`` on a folder and on a repo of the Hub."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.command_line import Run
from tests.support.loopback_hub import LoopbackHub
from tests.support.made_boards import write_small_results
from tests.support.sources import ROOT

FILES = [
    f"{name}{ending}"
    for name in ("detectors", "generators")
    for ending in (".json", ".csv", ".md", ".html")
]


def test_the_boards_are_written_beside_the_results(tmp_path: Path, run_thb: Run) -> None:
    results = write_small_results(tmp_path)
    (results / "results" / "odd").mkdir()
    ended = run_thb("board", "build", results, "--bootstrap", "100")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [str(results / "boards" / name) for name in FILES]
    assert "left out: results/odd" in ended.err
    board = json.loads((results / "boards" / "detectors.json").read_text())
    assert board["format"] == "thb-board/1"
    ranks = [(row["rank"], row["group"]) for row in board["protocols"]["p1"]["rows"]]
    assert (1, "a") in ranks


def test_the_results_of_a_repo_are_downloaded_and_nothing_else(tmp_path: Path) -> None:
    results = write_small_results(tmp_path / "repo")
    (results / "boards").mkdir()
    (results / "boards" / "detectors.json").write_text("{}")
    (results / "README.md").write_text("# Results")
    with LoopbackHub() as hub:
        hub.create_from_folder("lab/results", results)
        for home in ("a", "a"):
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "thb", "board", "build", "lab/results"),
                    *("--out", str(tmp_path / "out"), "--bootstrap", "100", "--format", "json"),
                ],
                cwd=ROOT,
                env={**hub.environment(tmp_path / home), "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["ranked"] == {"p1": 4, "p2": 0, "p3": 3}
        got = {
            line.split("/resolve/")[1].partition("/")[2]
            for line in hub.requests
            if "/resolve/" in line
        }
        assert all(path.startswith(("results/", "generators/")) for path in got)
        fetched = [line for line in hub.requests if line.startswith("GET") and "/resolve/" in line]
        assert len(fetched) == len(set(fetched))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
