"""A proposed generator is a pull request with a manifest; its clips stay with their author."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.hub_answers import Answer, RunClient
from tests.support.loopback_hub import LoopbackHub

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

RESULTS = "board/results"
MANIFEST = "generators/studio__newer/v1/generator.json"


@pytest.fixture
def clips(tiny_release: MiniRelease, tmp_path: Path, hub: LoopbackHub) -> Path:
    hub.create(RESULTS, {"README.md": b"how to submit"})
    folder = tmp_path / "clips"
    folder.mkdir()
    for file in sorted((tiny_release.hub / "fake").rglob("*.mp4"))[:2]:
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def propose(run_client: RunClient, clips: Path, *more: str) -> Answer:
    words = ["submit", str(clips), "--generator", "Newer Face", "--repo", RESULTS]
    named = ["--model", "studio/newer", "--revision", "v1", "--format", "json"]
    return run_client("command", arguments=[*words, *named, *more])


def read(answer: Answer) -> Any:
    assert answer.result == {"exit": 0}, answer.stderr
    return json.loads(answer.stdout)


def test_the_manifest_is_sent_once_and_no_clip_ever(
    hub: LoopbackHub, run_client: RunClient, clips: Path
) -> None:
    answer = propose(run_client, clips, "--code", "https://example.org/code")
    sent = read(answer)
    assert "no clip" in answer.stderr
    files = hub.files(RESULTS, "refs/pr/1")
    assert files.keys() == {"README.md", MANIFEST} == {"README.md", *sent["files"]}
    manifest = json.loads(files[MANIFEST])
    assert manifest["links"] == {"code": "https://example.org/code"}
    assert {clip["name"]: clip["sha256"] for clip in manifest["clips"]} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in clips.iterdir()
    }
    again = read(propose(run_client, clips, "--code", "https://example.org/code"))
    assert again["commit"] is None
    assert len(hub.datasets[RESULTS].pulls) == 1


def test_other_clips_need_a_new_version(
    hub: LoopbackHub, run_client: RunClient, clips: Path
) -> None:
    read(propose(run_client, clips, "--to-main"))
    sorted(clips.iterdir())[0].unlink()
    answer = propose(run_client, clips)
    assert answer.result == {"exit": 3}
    assert "never changes: name a new version" in answer.stderr
    assert not hub.datasets[RESULTS].pulls


def test_a_dry_run_asks_no_hub_and_a_proposer_must_be_named(
    hub: LoopbackHub, run_client: RunClient, clips: Path, tmp_path: Path
) -> None:
    before = len(hub.requests)
    sent = read(propose(run_client, clips, "--dry-run", str(tmp_path / "dry")))
    assert (tmp_path / "dry" / MANIFEST).is_file()
    assert sent["folder"] == str(tmp_path / "dry")
    assert len(hub.requests) == before
    words = ["submit", str(clips), "--generator", "x", "--repo", RESULTS]
    assert run_client("command", arguments=words).result == {"exit": 2}
