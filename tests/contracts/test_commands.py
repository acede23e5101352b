"""Every command: its help, its examples, its exit codes, its defaults, its function on ``thb``."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pytest

import thb
from tests.support.command_line import (
    HEAVY,
    list_commands,
    parse,
    run_on_terminal,
)
from tests.support.command_line import run_process as run
from thb.cli import SUMMARIES, load_verb
from thb.commands import export, import_scores, leak_check, options, score, submit, train
from thb.runtime.console import EXIT_CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

FUNCTIONS = {
    "train": "train",
    "evaluate": "evaluate",
    "calibrate": "calibrate",
    "predict": "predict",
    "explain": "explain",
    "explain-split": "explain_split",
    "gallery": "make_gallery",
    "score": "score",
    "shortcuts": "shortcuts",
    "detectability": "detectability",
    "tables": "tables",
    "figures": "figures",
    "transitions": "transitions",
    "report": "report",
    "verify-result": "verify_result",
    "import-scores": "import_scores",
    "export": "export",
    "submit": "submit",
    "board init": "init_board",
    "board check": "check_submissions",
    "board rerun": "rerun_submission",
    "detectors": "list_detectors",
    "convert": "convert",
    "data verify": "verify_release",
    "data split": "split_folder",
    "data statistics": "count_release",
    "leak-check": "check_leaks",
    "cache info": "cache_info",
    "cache prune": "prune_cache",
    "board build": "build_boards",
    "board retire": "retire_generators",
    "publish dataset": "publish_dataset",
    "publish detector": "publish_detector",
    "publish metric": "publish_metric",
    "publish space": "publish_space",
    "env": "environment",
}
"""What each command is called in Python."""


COMMANDS = list_commands()
every_command = pytest.mark.parametrize("words", COMMANDS)


def find_option(words: str, name: str) -> Any:
    """Return an option of a command by the name of its parameter."""
    (option,) = [option for option in COMMANDS[words].params if option.name == name]
    return option


def test_every_verb_is_listed_with_its_first_sentence(run_thb: Run) -> None:
    listed = run_thb("--help").out
    for verb, summary in SUMMARIES.items():
        assert load_verb(verb).short_help == summary
        assert f"  {verb} " in listed
        assert summary in listed


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom thb.cli import main\n"
        "try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "print(*sorted({{n.partition('.')[0] for n in sys.modules}}))"
    )
    for words, forbidden in (
        (["--help"], HEAVY | {"rich", "thb.commands"}),
        (["train", "--help"], HEAVY | {"rich"}),
    ):
        ended = subprocess.run(
            [sys.executable, "-c", code.format(words=words)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert not forbidden & set(ended.stdout.splitlines()[-1].split())


@every_command
def test_help_begins_with_a_sentence_and_explains_every_option(words: str) -> None:
    command = COMMANDS[words]
    assert command.short_help
    assert command.short_help[0].isupper()
    assert command.short_help.endswith(".")
    for option in command.params:
        assert getattr(option, "help", None), f"{words} {option.name}"


@every_command
def test_two_examples_parse_and_are_shown_as_they_are_written(words: str, run_thb: Run) -> None:
    shown = run_thb(*words.split(), "--help").out
    head, _, examples = shown.partition("\n  Examples:\n")
    assert head
    lines = examples.splitlines()
    assert len(lines) == 2
    for line in lines:
        program, *given = shlex.split(line)
        assert program == "thb"
        assert given[: len(words.split())] == words.split()
        assert parse(given)
        assert len(line) <= 80


@every_command
def test_every_command_describes_its_json(words: str) -> None:
    choices = find_option(words, "output").type_descriptor.choices
    assert "json" in [str(choice) for choice in choices]
    assert "\n\nJSON: " in (COMMANDS[words].help or "")


@every_command
def test_every_command_has_its_function(words: str) -> None:
    assert FUNCTIONS[words] in thb.__all__
    assert callable(getattr(thb, FUNCTIONS[words]))
    assert set(FUNCTIONS) == set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["cache", "info"], 0),
        (["nonsense"], 2),
        (["predict", "baseline"], 2),
        (["predict", "baseline", "x.mp4", "--batch-size", "0"], 2),
        (["evaluate", "baseline", "--protocol", "p4"], 2),
        (["evaluate", "baseline", "--protocol", "p1", "--fold", "hallo"], 2),
        (["evaluate", "baseline", "--protocol", "all", "--fold", "hallo"], 2),
        (["score", "nowhere.parquet"], 2),
        (["tables", "nowhere.parquet"], 2),
        (["tables", "--out", "tables.md", "--published"], 2),
        (["tables"], 3),
        (["verify-result", "nowhere.json"], 3),
        (["export", "nowhere", "--to", "csv", "--out", "x"], 3),
        (["import-scores", "s.csv", "--protocol", "p1", "--out", "x"], 2),
        (["detectability", "nowhere", "--detector", "nowhere"], 2),
        (["board", "build", "."], 3),
        (["board", "retire", ".", "--bootstrap", "1"], 2),
        (["submit", "nowhere", "--repo", "o/n", "--model", "o/m"], 3),
        (["submit", "nowhere", "--repo", "results"], 2),
        (["board", "check", "nowhere"], 3),
        (["board", "init", "nowhere", "--repo", "results"], 2),
        (["board", "rerun", "nowhere", "--release", "./nowhere"], 3),
        (["data", "verify", "--split-list", "none"], 2),
        (["data", "verify", "--release", "./nowhere"], 3),
        (["evaluate", "./nowhere", "--protocol", "p1", "--release", "./nowhere"], 4),
        (["evaluate", "o/n", "--protocol", "p1", "--release", "./nowhere"], 3),
        (["predict", "basline", "x.mp4"], 4),
        (["predict", "baseline", "x.mp4"], 4),
        (["explain", "tall", "x.mp4"], 4),
        (["explain-split", "mine:Mine", "--protocol", "p1", "--release", "./nowhere"], 4),
        (["evaluate", "tall", "--protocol", "p1", "--release", "./nowhere"], 4),
        (["gallery", "tall", "--protocol", "p1", "--release", "./nowhere"], 4),
        (["calibrate", "tall", "--release", "./nowhere"], 4),
        (["figures", "nowhere", "--out", "o"], 2),
        (["figures", "--out", "o", "--figure", "fig9"], 2),
        (["transitions", "nowhere"], 2),
        (["transitions", "."], 3),
        (["publish", "detector", "tall", "--repo", "o/n"], 4),
        (["publish", "space", "demo", "--repo", "o/n", "--detector", "tall"], 4),
        (["train", "./nowhere", "--protocol", "p1", "--release", "./nowhere", "--out", "o"], 3),
    ],
)
def test_exit_codes(words: list[str], code: int, run_thb: Run) -> None:
    ended = run_thb(*words)
    assert ended.code == code, ended.err
    assert (ended.out == "") is (code != 0)
    assert "Traceback" not in ended.err


def test_a_finding_is_exit_code_1(run_thb: Run, tmp_path: Path) -> None:
    fakes = tmp_path / "hub" / "fake" / "Nobody" / "test"
    fakes.mkdir(parents=True)
    (fakes / "00001--aaaaaaaaaaa_1--Nobody.mp4").touch()
    (tmp_path / "hub" / "real").mkdir()
    (tmp_path / "hub" / "real" / "real_dataset_split.json").write_text("{}")
    ended = run_thb("data", "verify", "--release", tmp_path / "hub")
    assert ended.code == 1
    assert "unknown generator" in ended.out


def test_help_shows_every_exit_code(run_thb: Run) -> None:
    shown = run_thb("--help").out
    for code, meaning in EXIT_CODES.items():
        assert f"    {code:<3}  {meaning}\n" in shown


@pytest.mark.parametrize(
    "words",
    [
        ["env"],
        ["detectors"],
        ["cache", "info"],
        ["cache", "prune"],
        ["data", "verify", "--release", "."],
    ],
)
def test_stdout_of_format_json_is_json_and_nothing_else(
    words: list[str], run_thb: Run, tiny_release: MiniRelease
) -> None:
    given = [str(tiny_release.hub) if word == "." else word for word in words]
    ended = run_thb(*given, "--format", "json")
    assert isinstance(json.loads(ended.out), dict)
    assert ended.out.startswith("{\n")
    assert ended.out.endswith("\n}\n")


def test_no_colour_where_none_is_wanted(tiny_release: MiniRelease) -> None:
    table = ("data", "verify", "--release", str(tiny_release.hub))
    for words in (("--help",), ("data", "verify", "--help"), table):
        for variable in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            assert "\x1b[3" not in run_on_terminal(*words, **variable)


def test_a_help_text_is_the_same_on_every_terminal() -> None:
    piped = run("train", "--help", COLUMNS="80").stdout
    for variable in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm-256color"}):
        shown = run_on_terminal("train", "--help", **variable)
        assert shown.replace("\r\n", "\n") == piped
    assert max(map(len, piped.splitlines())) <= 80


def test_completion_knows_the_verbs_and_their_options() -> None:
    def complete(words: str) -> list[str]:
        variables = {"_THB_COMPLETE": "complete_bash", "COMP_WORDS": words}
        count = len(words.split()) - (not words.endswith(" "))
        return run(**variables, COMP_CWORD=str(count)).stdout.split()

    assert complete("thb expl") == ["explain", "explain-split"]
    assert complete("thb data ") == ["verify", "split", "statistics"]
    assert "--real-root" in complete("thb train --re")
    assert complete("thb score --method n") == ["nearest"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["explain", "run", "--protocol", "p3", "--steps", "0"], "explain-split"),
        (["explain", "--protocol=p3", "run"], "explain-split"),
        (["explain", "run", "--protocol", "p3", "--gallery", "--out", "g.png"], "gallery"),
    ],
)
def test_the_old_spelling_of_explain_still_works(
    old: list[str], new: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spelt_now = [new, *(word for word in old[1:] if word != "--gallery")]
    assert parse(old) == parse(spelt_now)
    (note,) = capfd.readouterr().err.splitlines()
    assert f"thb {new}" in note


def test_a_video_may_have_the_name_of_an_option() -> None:
    assert parse(["explain", "run", "--", "--protocol"])["videos"] == ["--protocol"]


def read_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the default of every parameter that has one."""
    given = signature(function).parameters.values()
    return {item.name: item.default for item in given if item.default is not Parameter.empty}


def test_choices_are_those_of_the_domain() -> None:
    from detectors.explain import Target
    from detectors.recipes import MixedPrecision
    from metrics.talking_head_detection.roc import Method
    from thb.boards.submissions import Modality
    from thb.evaluation.cells import NoFacePolicy
    from thb.exchange.exporting import ExportFormat, Relationship
    from thb.exchange.importing import Polarity
    from thb.prediction.inference import ScoringPrecision
    from thb.releases.leaks import LeakSettings

    assert set(get_args(options.NoFacePolicy)) == set(get_args(NoFacePolicy))
    assert set(get_args(options.ScoringPrecision)) == set(get_args(ScoringPrecision))
    assert set(get_args(options.Target)) == set(get_args(Target))
    assert set(get_args(score.Method)) == set(get_args(Method))
    assert set(get_args(export.ExportFormat)) == set(get_args(ExportFormat))
    assert set(get_args(export.Relationship)) == set(get_args(Relationship))
    assert set(get_args(submit.Modality)) == set(get_args(Modality))
    assert set(get_args(import_scores.Polarity)) == set(get_args(Polarity))
    assert set(get_args(train.MixedPrecision)) == set(get_args(MixedPrecision))
    measures = get_type_hints(LeakSettings)["measure"]
    assert set(get_args(leak_check.Measure)) == set(get_args(measures))


def test_defaults_are_those_of_the_functions() -> None:
    from thb.boards.rerunning import RerunSettings
    from thb.evaluation.cells import ScoreSettings
    from thb.evaluation.evaluate import EvaluateSettings
    from thb.exchange.exporting import ExportSettings
    from thb.explanations.explain import ExplainSettings
    from thb.explanations.gallery import GallerySettings
    from thb.explanations.split import SplitExplainSettings
    from thb.prediction.inference import PredictSettings
    from thb.publishing.submission import SubmitSettings
    from thb.releases.leaks import LeakSettings
    from thb.reports.transition_sheets import SheetSettings
    from thb.robustness.shortcuts import ShortcutSettings
    from thb.training.settings import TrainOptions, TrainSettings
    from thb_dataset.clips.disk_store import DEFAULT_MAX_BYTES
    from thb_dataset.identity.splits import DEFAULT_RATIOS

    defaults: dict[str, list[object]] = {
        "train": [TrainOptions()],
        "evaluate": [EvaluateSettings(), PredictSettings()],
        "calibrate": [PredictSettings(), thb.calibrate],
        "predict": [PredictSettings()],
        "explain": [ExplainSettings()],
        "explain-split": [SplitExplainSettings(), ExplainSettings()],
        "gallery": [GallerySettings(), ExplainSettings()],
        "score": [thb.score],
        "figures": [ScoreSettings()],
        "transitions": [SheetSettings(), ExplainSettings(), thb.transitions],
        "shortcuts": [ShortcutSettings(), thb.shortcuts],
        "detectability": [PredictSettings()],
        "tables": [thb.tables],
        "report": [ScoreSettings()],
        "export": [ExportSettings()],
        "submit": [SubmitSettings()],
        "board init": [thb.init_board],
        "board check": [thb.check_submissions],
        "board rerun": [RerunSettings(), PredictSettings(), thb.rerun_submission],
        "leak-check": [LeakSettings()],
        "board build": [thb.build_boards],
        "board retire": [thb.retire_generators],
        "data verify": [thb.verify_release],
        "data statistics": [thb.count_release],
        "env": [thb.environment],
    }
    compared = set()
    for words, homes in defaults.items():
        for home in homes:
            known = vars(home) if not callable(home) else read_defaults(home)
            for option in COMMANDS[words].params:
                if option.name in known:
                    assert option.default == known[option.name], f"{words} {option.name}"
                    compared.add(option.name)
    assert compared >= {
        *("accumulate", "batch_size", "precision", "face_pack", "split_by", "no_face"),
        *("n_bootstrap", "target", "steps", "measure", "method", "target_fpr", "split_list"),
    }
    assert f"(default: {TrainSettings().seed})" in find_option("train", "seed").help
    missed = find_option("transitions", "missed").default
    assert float(missed) == read_defaults(thb.transitions)["missed_below"]
    ratios = find_option("data split", "ratios").default
    assert tuple(ratios) == tuple(DEFAULT_RATIOS.values())
    size = find_option("cache prune", "max_size").default
    assert size == f"{DEFAULT_MAX_BYTES // 2**30}G"
