"""Reading one small file of a repo, and comparing files with the Hub's listing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.hub_answers import RunClient
from tests.support.loopback_hub import Blob, LoopbackHub
from thb_dataset.hub.files import matches_identity

REPO = "someone/a-detector"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def repo(hub: LoopbackHub) -> str:
    hub.create(REPO, {"run.json": b"{}"})
    return REPO


def test_a_file_or_none(hub: LoopbackHub, repo: str, run_client: RunClient) -> None:
    assert run_client("read", repo=repo, name="run.json").result == {"text": "{}"}
    assert run_client("read", repo=repo, name="absent.json").result == {"text": None}
    assert run_client("read", repo="nobody/nothing", name="run.json").result == {"text": None}
    old = hub.datasets[repo].refs["main"]
    hub.change(repo, add={"run.json": b"[]"})
    assert run_client("read", repo=repo, name="run.json", revision=old).result == {"text": "{}"}
    assert run_client("read", repo=repo, name="run.json", revision="x").result == {"text": None}


def test_without_the_hub_the_cache_is_the_repo(
    repo: str, run_client: RunClient, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    run_client("read", home=home, repo=repo, name="run.json")
    for env in ({"HF_ENDPOINT": NOBODY}, {"HF_HUB_OFFLINE": "1"}):
        kept = run_client("read", home=home, env=env, repo=repo, name="run.json")
        assert kept.result == {"text": "{}"}
        absent = run_client("read", home=home, env=env, repo=repo, name="thresholds.json")
        assert absent.result == {"text": None}
        unknown = run_client("read", home=home, env=env, repo="someone/else", name="run.json")
        assert unknown.error == "HubUnreachableError", "the repo may exist and have the file"


def test_identities_are_those_of_the_hub(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    for is_large in (False, True):
        assert matches_identity(file, Blob(b"content", is_large).etag)
        assert not matches_identity(file, Blob(b"contend", is_large).etag)
    assert matches_identity(file, hashlib.sha256(b"content").hexdigest())
