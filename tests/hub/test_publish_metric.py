"""The metric on a loopback Hub: published by the command, loaded by `evaluate` from the Space."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_answers import RunClient
from tests.support.loopback_hub import LoopbackHub
from tests.support.sources import ROOT
from thb.publishing.metric import publish_metric
from thb_dataset.errors import ReleaseError

REPO = "someone/talking_head_detection"
FOLDER = ROOT / "metrics" / "talking_head_detection"
INPUTS: dict[str, Any] = {
    "predictions": [0.1, 0.4, 0.35, 0.8],
    "references": [0, 0, 1, 1],
    "clusters": [["a", "b", "a", "b"], [None, None, "x", "y"]],
    "fprs": [0.5, 1e-5],
    "threshold": 0.3,
}


def publish(run_client: RunClient, *options: str) -> Any:
    words = ["publish", "metric", "--repo", REPO, "--format", "json", *options]
    answer = run_client("command", arguments=words)
    assert answer.result == {"exit": 0}, answer.stderr
    return json.loads(answer.stdout)


@pytest.mark.skipif(find_spec("evaluate") is None, reason="needs the extra 'metrics'")
def test_what_was_published_loads_by_its_id_and_computes_all_outputs(
    hub: LoopbackHub, run_client: RunClient
) -> None:
    made = publish(run_client)
    assert (made["repo_type"], made["commit"]) == ("space", hub.datasets[REPO].refs["main"])
    sent = hub.files(REPO)
    assert {"README.md", "app.py", "requirements.txt", "LICENSE"} <= set(sent)
    card = sent["README.md"].decode()
    loaded = run_client("measure", metric=REPO, inputs=INPUTS, card=card)
    assert loaded.error is None, f"{loaded.message} {loaded.stderr}"
    assert loaded.result is not None
    tries, failures = loaded.result["examples"]
    assert (tries >= 10, failures) == (True, 0), loaded.stdout
    assert f'evaluate.load("{REPO}")' in loaded.result["description"]
    here = run_client("measure", metric=str(FOLDER), inputs=INPUTS, card="").result
    assert here is not None
    assert loaded.result["computed"] == here["computed"]
    assert {"tpr_at_fpr", "at_threshold", "bootstrap"} <= set(here["computed"])
    again = publish(run_client)
    assert (again["commit"], again["changed"]) == (None, []), "twice changes nothing"


def test_a_pull_request_and_a_module_that_is_gone(hub: LoopbackHub, run_client: RunClient) -> None:
    publish(run_client)
    hub.change(REPO, add={"gone.py": b"", "picture.png": b"theirs"})
    made = publish(run_client, "--create-pr")
    assert made["deleted"] == ["gone.py"]
    assert "/discussions/1" in made["pull_request"]
    assert publish(run_client, "--create-pr")["commit"] is None, "it is already proposed"
    assert "gone.py" in hub.files(REPO), "main is as it was"
    assert "picture.png" in hub.files(REPO, "refs/pr/1"), "the publisher's own files stay"


def test_a_dry_run_writes_a_new_folder_and_asks_nobody(
    hub: LoopbackHub, run_client: RunClient, tmp_path: Path
) -> None:
    made = publish(run_client, "--dry-run", "--out", str(tmp_path / "out"))
    assert sorted(made["files"]) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert hub.requests == []
    with pytest.raises(ReleaseError, match="not empty"):
        publish_metric(repo=REPO, dry_run=tmp_path / "out")


@pytest.mark.parametrize("repo", ["someone/a-metric", "talking_head_detection", "a/b/c"])
def test_a_name_that_evaluate_could_not_load_is_refused(repo: str, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="give ORG/talking_head_detection"):
        publish_metric(repo=repo, dry_run=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_its_requirements_are_those_that_are_tested() -> None:
    pins = (FOLDER / "requirements.txt").read_text("utf-8").splitlines()
    assert set(pins) <= set((ROOT / "constraints.txt").read_text("utf-8").splitlines())
    head = (FOLDER / "README.md").read_text("utf-8").split("---")[1]
    (version,) = [line for line in head.splitlines() if line.startswith("sdk_version:")]
    assert f"gradio=={version.split()[1]}" in pins
