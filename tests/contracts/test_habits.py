"""What people expect of any command line: completion, near misses, narrow terminals, silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import thb
from tests.support.command_line import HEAVY, list_commands, run_on_terminal, run_process
from thb.runtime.console import be_quiet, run_command, say
from thb_dataset.errors import ProtocolError
from thb_dataset.records import Generator
from thb_dataset.wording import suggest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

NARROW = 40
COMMANDS = list_commands()


@pytest.mark.parametrize(
    ("shell", "mark"),
    [("bash", "complete -o default -F"), ("zsh", "#compdef thb"), ("fish", "complete --command")],
)
def test_the_completion_script_of_each_shell_is_printed(shell: str, mark: str) -> None:
    script = run_process(_THB_COMPLETE=f"source_{shell}").stdout
    assert mark in script
    assert "_THB_COMPLETE=complete_" in script
    found = shutil.which(shell)
    if found is not None:
        checked = subprocess.run([found, "-n"], input=script, text=True, check=False)
        assert checked.returncode == 0


def test_completing_a_verb_imports_no_verb() -> None:
    code = (
        "import sys\nfrom thb.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    variables = {"_THB_COMPLETE": "complete_bash", "COMP_WORDS": "thb expl", "COMP_CWORD": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == ["explain", "explain-split"]
    loaded = set(ended.stderr.split())
    assert not loaded & HEAVY
    assert not [name for name in loaded if name.startswith("thb.commands.")]


def test_completion_is_installed_into_a_home(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    line = f"{sys.executable} -m thb --install-completion; {sys.executable} -m thb --version"
    ended = subprocess.run(
        [bash, "-c", line],
        env={**os.environ, "HOME": str(tmp_path), "SHELL": bash},
        capture_output=True,
        text=True,
        check=False,
    )
    assert thb.__version__ in ended.stdout, ended.stderr
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert str(script) in (tmp_path / ".bashrc").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("trian", "Did you mean 'train'?"),
        ("board biuld", "Did you mean 'build'?"),
        ("publish metrc", "Did you mean 'metric'?"),
        ("train baseline --protocl p3", "--protocol"),
        ("train baseline --protocol p33 --out x", "Did you mean p3?"),
        ("score x --format jsn", "Did you mean json?"),
        ("evaluate x --protocol p3 --precision fp61", "Did you mean fp16?"),
        ("score x --no-face exclud", "Did you mean exclude?"),
        ("board retire x --protocol P4", "'P4' is not one of 'p1', 'p2', 'p3'."),
        ("predict basline x.mp4", "did you mean baseline?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_right_one(
    words: str, meant: str, run_thb: Run
) -> None:
    ended = run_thb(*words.split())
    assert ended.code in (2, 4)
    assert meant in ended.err
    assert "Value error" not in ended.err


def test_a_wrong_generator_or_fold_is_answered_too(
    untrained_baseline: Path, tiny_release: MiniRelease, run_thb: Run
) -> None:
    for fold in ("halo2", "p3-halo2"):
        words = ["evaluate", untrained_baseline, "--protocol", "p3", "--fold", fold]
        ended = run_thb(*words, "--release", tiny_release.hub)
        assert ended.code == 3
        assert "did you mean Hallo2?" in ended.err
    with pytest.raises(ProtocolError, match=r"did you mean p3-hallo\?"):
        thb.load("p3-halo", release=tiny_release.hub)
    with pytest.raises(ProtocolError, match="did you mean LivePortrait"):
        Generator.parse("live portrat")
    assert suggest("xyz", ["train"]) == ""
    assert suggest("LIVEPORTRAT", ["LivePortrait", "Hallo"]) == "did you mean LivePortrait?"


@pytest.fixture
def untrained_baseline(tmp_path: Path) -> Path:
    from detectors.registry import create_detector, find_detector_class

    kind = find_detector_class("baseline")
    own = create_detector(kind, seed=3, config=kind.tiny)
    own.config.untrained = False
    own.save_pretrained(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.mark.parametrize("words", [*COMMANDS, ""])
def test_help_fits_a_narrow_terminal_but_for_what_cannot_be_broken(
    words: str, run_thb: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(NARROW))
    shown = run_thb(*words.split(), "--help").out
    head = shown.partition("Examples:")[0].partition("Exit codes:")[0]
    wide = [line for line in head.splitlines() if len(line) > NARROW]
    assert all(len(line.split()) <= 2 for line in wide), wide
    assert "\x1b" not in shown


def test_a_narrow_table_keeps_its_numbers(tiny_release: MiniRelease) -> None:
    words = ("data", "statistics", "--release", str(tiny_release.hub))
    verify = ("data", "verify", "--release", str(tiny_release.hub))
    for given in (words, verify):
        shown = {
            columns: run_on_terminal(*given, COLUMNS=columns, NO_COLOR="1")
            for columns in (str(NARROW), "200")
        }
        for text in shown.values():
            assert "\x1b[3" not in text
        (narrow, wide) = (
            [word for word in text.split() if word.isdigit()] for text in shown.values()
        )
        assert narrow == wide
        assert "…" not in shown[str(NARROW)].split("leading dashes")[0]


def test_quiet_leaves_warnings_and_errors(capfd: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        say("note: before")
        be_quiet(True)
        for line in ("note: a", "results: b", "warning: c", "error: d"):
            say(line)

    for _ in range(2):  # the wish ends with the command
        with pytest.raises(SystemExit):
            run_command(command)
        assert capfd.readouterr().err.splitlines() == ["note: before", "warning: c", "error: d"]


def test_every_verb_that_shows_progress_can_be_quiet(
    untrained_baseline: Path, tiny_release: MiniRelease, tmp_path: Path, run_thb: Run
) -> None:
    run, fakes = untrained_baseline, tiny_release.hub / "fake" / "Hallo" / "test"
    release = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root]
    calls: list[list[Any]] = [
        ["predict", run, fakes],
        ["explain", run, min(fakes.glob("*.mp4")), "--out", tmp_path / "cam"],
        ["evaluate", run, "--protocol", "p1", *release, "--bootstrap", "0"],
        ["report", run, "--out", tmp_path / "report.html", "--bootstrap", "0"],
        ["figures", run, "--out", tmp_path / "figures", "--figure", "fig2a"],
        ["detectability", fakes, "--detector", run, "--out", tmp_path / "found"],
    ]
    for words in calls:
        ended = run_thb(*words, "-q")
        assert (ended.code, ended.err) == (0, ""), words
        assert ended.out or words[0] in ("figures", "report")
