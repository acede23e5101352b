"""The workflow of a new results repo, run step by step in bash against a Hub on loopback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.loopback_hub import Blob, LoopbackHub
from tests.support.made_submissions import FOLD, make_rows, make_run, submit_to
from tests.support.sources import ROOT
from thb.boards.checking import check_submissions
from thb.boards.repository import WORKFLOW, init_board
from thb.runs.record import ReleaseRecord

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

RESULTS, RELEASE = "board/results", "someone/videos"
PUBLISHED = ReleaseRecord(name="luchaoqi/TalkingHeadBench", revision="c" * 40, counts_agree=True)

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="the workflow needs bash")


class Runner:
    """Runs the steps of a job as GitHub does: each in a new bash, in one folder for the job.

    Args:
        workflow: The parsed file.
        hub: The Hub.
        place: A folder for the jobs.
        pull: The number of the pull request, as somebody typed it.
    """

    def __init__(self, workflow: Any, hub: LoopbackHub, place: Path, pull: str) -> None:
        self.jobs = workflow["jobs"]
        self.folders = {name: place / name for name in self.jobs}
        for folder in self.folders.values():
            folder.mkdir(parents=True)
        tools = place / "bin"
        tools.mkdir()
        calls = {"thb": "-m thb", "hf": "-m huggingface_hub.cli.hf", "python": ""}
        for name, words in calls.items():
            (tools / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
            (tools / name).chmod(0o755)
        self._env = {
            **hub.environment(place / "home"),
            "PATH": f"{tools}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "RESULTS_REPO": RESULTS,
            "PULL": pull,
        }

    def run(self, job: str, step: str) -> subprocess.CompletedProcess[str]:
        """Run one step; the token is in its environment only if the workflow gives it one."""
        (own,) = (one for one in self.jobs[job]["steps"] if one.get("name") == step)
        env = {name: value for name, value in self._env.items() if name != "HF_TOKEN"}
        if "HF_TOKEN" in own.get("env", {}):
            env["HF_TOKEN"] = self._env["HF_TOKEN"]
        # GitHub starts a step without `shell` in this way.
        return subprocess.run(
            [BASH or "", "-e", "-c", own["run"]],
            cwd=self.folders[job],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def workflow(tmp_path: Path, hub: LoopbackHub, tiny_release: MiniRelease) -> Any:
    """The file that a new results repo has; the repo and the release are on the Hub."""
    init_board(tmp_path / "repo", repo=RESULTS, release=RELEASE)
    hub.create_from_folder(RESULTS, tmp_path / "repo")
    hub.create_from_folder(RELEASE, tiny_release.hub)
    return yaml.safe_load((tmp_path / "repo" / WORKFLOW).read_text("utf-8"))


def open_pull(hub: LoopbackHub, tree: Path) -> None:
    """Open a pull request on the results repo that adds the files of a tree."""
    repo = hub.datasets[RESULTS]
    files = {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file()
    }
    added = {path: Blob.of(path, data) for path, data in files.items()}
    repo.open_pull({**repo.trees[repo.refs["main"]], **added}, "a submission")


def write_submission(tree: Path, run: Path) -> Path:
    rows = make_rows(release=PUBLISHED, trained_on=replace(FOLD, release=PUBLISHED))
    submit_to(tree, run=make_run(run, rows, release=PUBLISHED))
    return tree


def test_a_pull_request_is_checked_without_a_token_and_then_commented_on(
    workflow: Any, hub: LoopbackHub, tmp_path: Path
) -> None:
    tree = write_submission(tmp_path / "tree", tmp_path / "run")
    open_pull(hub, tree)
    runner = Runner(workflow, hub, tmp_path / "runner", "1")
    fetched = runner.run("check", "Fetch the pull request and the main branch")
    assert fetched.returncode == 0, fetched.stderr
    place = runner.folders["check"]
    held = {path.relative_to(place / "tree").as_posix() for path in (place / "tree").rglob("*")}
    assert {path.relative_to(tree).as_posix() for path in tree.rglob("*")} <= held
    checked = runner.run("check", "Check")
    assert checked.returncode == 0, checked.stderr
    comment = (place / "comment.md").read_text("utf-8")
    expected = check_submissions(place / "tree", base=place / "base")
    assert expected.checked, "the submission was looked at"
    for finding in expected.findings:
        assert str(finding.kind) in comment
    assert "rows" in comment, "they are not the videos of this release, which the comment says"
    shutil.copyfile(place / "comment.md", runner.folders["comment"] / "comment.md")
    sent = runner.run("comment", "Comment")
    assert sent.returncode == 0, sent.stderr
    assert hub.datasets[RESULTS].comments == [(1, comment)]


def test_a_file_that_nobody_may_change_is_found(
    workflow: Any, hub: LoopbackHub, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "README.md").write_text("mine now")
    open_pull(hub, tmp_path / "tree")
    runner = Runner(workflow, hub, tmp_path / "runner", "1")
    assert runner.run("check", "Fetch the pull request and the main branch").returncode == 0
    assert runner.run("check", "Check").returncode == 0, "a finding is an answer, not a failure"
    comment = (runner.folders["check"] / "comment.md").read_text("utf-8")
    assert "README" in comment


@pytest.mark.parametrize("pull", ["", "1; touch owned", "$(touch owned)", "../1", "1\n2", "-1"])
def test_a_number_that_is_none_stops_the_job(
    workflow: Any, hub: LoopbackHub, tmp_path: Path, pull: str
) -> None:
    before = len(hub.requests)
    runner = Runner(workflow, hub, tmp_path / "runner", pull)
    ended = runner.run("check", "Fetch the pull request and the main branch")
    assert ended.returncode == 2
    assert "not a number" in ended.stdout
    assert not (runner.folders["check"] / "owned").exists()
    assert len(hub.requests) == before


def test_a_check_that_breaks_stops_the_job(workflow: Any, hub: LoopbackHub, tmp_path: Path) -> None:
    runner = Runner(workflow, hub, tmp_path / "runner", "1")
    (runner.folders["check"] / "base").mkdir()
    ended = runner.run("check", "Check")  # there is no tree
    assert ended.returncode > 1
    assert "error:" in ended.stderr
