"""A new results repo: its README tells the rules, and its workflow gives strangers no rights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import thb
from tests.support.command_line import Run
from thb.boards.admission import RULES
from thb.boards.checking import check_submissions
from thb.boards.repository import README, WORKFLOW, init_board
from thb_dataset.errors import ResultError, SettingsError


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    init_board(tmp_path / "repo", repo="someone/results", release="someone/videos@v1")
    return tmp_path / "repo"


def read_workflow(repo: Path) -> dict[Any, Any]:
    workflow = yaml.safe_load((repo / WORKFLOW).read_text("utf-8"))
    assert isinstance(workflow, dict)
    return workflow


def test_a_new_repo_passes_its_own_check(repo: Path) -> None:
    assert check_submissions(repo).findings == ()


def test_the_readme_tells_every_rule_and_leaves_nothing_open(repo: Path) -> None:
    text = (repo / README).read_text("utf-8")
    for rule in RULES:
        assert f"| {rule.case} | {rule.answer} | {rule.reason} |" in text
    assert "thb submit RUN --repo someone/results" in text
    assert "--release someone/videos@v1" in text
    assert not re.search(r"@[A-Z]+@", text + (repo / WORKFLOW).read_text("utf-8"))


def test_the_job_that_reads_strangers_files_has_no_rights_and_no_secret(repo: Path) -> None:
    workflow = read_workflow(repo)
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    assert set(triggers) == {"workflow_dispatch", "repository_dispatch"}
    assert workflow["permissions"] == {}
    check, comment = workflow["jobs"]["check"], workflow["jobs"]["comment"]
    assert set(workflow["jobs"]) == {"check", "comment"}
    assert (check["permissions"], comment["permissions"]) == ({}, {})
    assert "secrets" not in str(check)
    assert "secrets" not in str(workflow["env"])
    assert comment["needs"] == "check"


def test_the_job_that_has_the_token_reads_the_comment_and_runs_nothing_of_it(repo: Path) -> None:
    comment = read_workflow(repo)["jobs"]["comment"]
    uses = [step["uses"].partition("@")[0] for step in comment["steps"] if "uses" in step]
    assert uses == ["actions/setup-python", "actions/download-artifact"]
    with_token = [step for step in comment["steps"] if "secrets.HF_TOKEN" in str(step)]
    assert len(with_token) == 1
    assert with_token[0]["env"] == {"HF_TOKEN": "${{ secrets.HF_TOKEN }}"}
    assert "thb " not in str(comment)


def test_actions_are_pinned_and_no_shell_line_holds_what_a_stranger_chose(repo: Path) -> None:
    for job in read_workflow(repo)["jobs"].values():
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", step["uses"])
            assert "${{" not in step.get("run", "")
        assert job["timeout-minutes"] <= 30


def test_the_commands_of_the_workflow_exist(repo: Path) -> None:
    runs = " ".join(step.get("run", "") for step in read_workflow(repo)["jobs"]["check"]["steps"])
    assert "thb board check tree --base base --release someone/videos@v1 > comment.md" in runs
    assert f"talkingheadbench=={thb.__version__}" in runs


def test_what_cannot_be_written_is_said(repo: Path, tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"README\.md, .*check\.yml is there already"):
        init_board(repo)
    with pytest.raises(SettingsError, match="not the name of a repo"):
        init_board(tmp_path / "x", repo="results; rm -rf")
    with pytest.raises(SettingsError, match="no release"):
        init_board(tmp_path / "x", release="a/b@$(touch x)")
    assert not (tmp_path / "x").exists()


def test_the_command_names_what_it_wrote(run_thb: Run, tmp_path: Path) -> None:
    ended = run_thb("board", "init", tmp_path / "new")
    assert ended.code == 0
    assert ended.out.splitlines() == [str(tmp_path / "new" / name) for name in (README, WORKFLOW)]
