"""What the README shows is run, if it needs no Hub; ``test_pages.py`` reads every command."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import Run, parse
from tests.support.forked_python import RunPython
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

TEXT = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    line.partition("  #")[0].partition(" # ")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("thb ")
]
DEMO = re.findall(r"\$\(BIN\)/(thb [^#'\n]+)", (ROOT / "Makefile").read_text("utf-8"))
"""What ``make demo`` runs, and what it tells the reader to run next."""
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
NEEDS_MORE = re.compile(r"\bgend\b|ORG/|^thb import-scores")
"""Commands for weights or boards on the Hub, and for scores of other software."""
FOLD = ["--fold", "hallo"]
SMALL = {
    "train": ["--epochs", "1", "--batch-size", "8", *FOLD, "--out", "runs/baseline/p3-hallo"],
    "evaluate": ["--bootstrap", "20", *FOLD],
    "explain-split": FOLD,
    "gallery": FOLD,
    "shortcuts": ["--bootstrap", "20", *FOLD],
    "report": ["--bootstrap", "20"],
    "tables": ["--bootstrap", "20"],
    "figures": ["--bootstrap", "20", "--figure", "fig2a"],
}
"""What is added to a command, so that it takes a second and not minutes; the last --out counts."""
CODES = {"data verify": (0, 1), "leak-check": (0, 1)}
"""Exit codes of the verbs that may find something; the others must end with 0."""


@pytest.mark.parametrize("line", DEMO)
def test_a_command_of_the_demo_parses(line: str) -> None:
    _, *words = shlex.split(line)
    assert parse(words)


def test_the_readme_shows_commands_and_shows_code_early() -> None:
    assert len(COMMANDS) > 20
    assert len(DEMO) > 4
    assert "import thb" in TEXT.splitlines()[:25]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.mark.timeout(900)
def test_the_commands_and_the_program_run_on_a_small_release(
    run_thb: Run,
    run_python: RunPython,
    tiny_release: MiniRelease,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_release.hub / "fake" / "Hallo" / "test", "my_videos")
    release = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root]
    few = ["--protocol", "p1", *release, "--quiet"]
    train = ["train", "baseline", *few, "--out", "runs/baseline", "--epochs", "1"]
    assert run_thb(*train).code == 0
    assert run_thb("evaluate", "runs/baseline", *few, "--bootstrap", "20").code == 0
    names = {
        "DIR": str(tiny_release.hub),
        "REALS": str(tiny_release.real_root),
        "runs/baseline/result-p3.json": "runs/baseline/result-p3-hallo.json",
    }
    for line in COMMANDS:
        if NEEDS_MORE.search(line):
            continue
        _, *words = shlex.split(line)
        given = [
            one
            for word in words
            for one in sorted(map(str, Path().glob(word))) or [names.get(word, word)]
        ]
        ended = run_thb(*given, *SMALL.get(words[0], []))
        codes = CODES.get(words[0], CODES.get(" ".join(words[:2]), (0,)))
        assert ended.code in codes, f"{line}\n{ended.err}"
    Path("demo").symlink_to("runs")
    small = f"{names['DIR']!r}, real_root={names['REALS']!r}"
    for program in PROGRAMS:
        ended = run_python(program.replace('"mini"', small), folder=tmp_path)
        assert ended.code == 0, ended.err
    assert Path("cam.mp4").stat().st_size > 1000
