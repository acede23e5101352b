"""The workflows of GitHub Actions call targets that exist, with no more rights than they need."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.sources import ROOT

TARGETS = set(
    re.findall(r"^([a-z][\w-]*):(?!=)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
)
PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, dict[Any, Any]] = {
    path.stem: yaml.safe_load(path.read_text("utf-8")) for path in PATHS
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PINNED = re.compile(r"actions/[\w-]+@v\d+")

every_workflow = pytest.mark.parametrize("name", WORKFLOWS)


def walk_steps(workflow: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def find_targets(text: str) -> list[str]:
    """Return what stands after ``make`` at the beginning of lines."""
    return re.findall(r"^\s*make ([\w-]+)", text, re.MULTILINE)


def test_there_is_one_for_the_tests_the_docs_and_the_wheel() -> None:
    assert set(WORKFLOWS) == {"tests", "docs", "wheel"}
    called = [
        target
        for workflow in WORKFLOWS.values()
        for step in walk_steps(workflow)
        for target in find_targets(step.get("run", ""))
    ]
    assert sorted(called) == ["check", "docs", "lowest", "test", "wheel-check"]
    assert set(called) <= TARGETS


@every_workflow
def test_a_workflow_reads_and_ends(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["name"] == name
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert 0 < job["timeout-minutes"] <= 90


@every_workflow
def test_actions_are_github_s_own_and_of_one_major_version(name: str) -> None:
    for step in walk_steps(WORKFLOWS[name]):
        assert PINNED.fullmatch(step.get("uses", "actions/none@v1"))
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@every_workflow
def test_no_expression_stands_in_a_shell_line(name: str) -> None:
    """What GitHub puts into ``run`` is run; by the environment it is a word."""
    assert [
        step["run"] for step in walk_steps(WORKFLOWS[name]) if "${{" in step.get("run", "")
    ] == []


def test_what_ci_calls_exists() -> None:
    called = find_targets((ROOT / ".ci" / "run").read_text("utf-8"))
    assert {"check", "test"} <= set(called) <= TARGETS


def test_the_matrix_is_that_of_the_classifiers() -> None:
    (job,) = WORKFLOWS["wheel"]["jobs"].values()
    told = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert job["strategy"]["matrix"]["python"] == told
    assert PROJECT["requires-python"] == f">={told[0]}"


def test_the_table_of_extras_is_that_of_the_project() -> None:
    page = (ROOT / "docs" / "installation.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z]+)` \| ([^|]+) \|", page, re.MULTILINE))
    extras = PROJECT["optional-dependencies"]
    assert set(rows) == set(extras)
    for name in set(extras) - {"dev"}:
        brought = [name_of(requirement) for requirement in list_requirements(name)]
        assert rows[name].strip().split(", ") == brought, name


def test_dev_brings_what_the_table_says() -> None:
    extras = set(PROJECT["optional-dependencies"]) - {"dev", "release", "benchmark"}
    assert {name for name in extras if not gather(name) <= gather("dev")} == set()
    assert not gather("release") & gather("dev")
    assert not gather("benchmark") & gather("dev")


def gather(extra: str) -> set[str]:
    """Return the distributions that an extra brings, by way of others too."""
    names = {name_of(requirement) for requirement in list_requirements(extra)}
    own = {name.strip("`") for name in names if name.startswith("`")}
    return (names - {f"`{name}`" for name in own}).union(*map(gather, own))


def list_requirements(extra: str) -> list[str]:
    """Return the requirements of an extra, several extras of our own in one taken apart."""
    listed = []
    for requirement in PROJECT["optional-dependencies"][extra]:
        several = re.fullmatch(r"talkingheadbench\[([\w,]+)\]", requirement)
        names = several[1].split(",") if several else []
        listed += [f"talkingheadbench[{name}]" for name in names] or [requirement]
    return listed


def name_of(requirement: str) -> str:
    """Return the distribution, or our own extra in backquotes, that a requirement names."""
    own = re.fullmatch(r"talkingheadbench\[(\w+)\]", requirement)
    return f"`{own[1]}`" if own else re.split(r"[<>=!\[ ]", requirement)[0]
