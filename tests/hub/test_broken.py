"""Whatever is broken is named within seconds."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.hub_answers import RunClient
from tests.support.loopback_hub import LoopbackHub
from tests.support.small_release import LIST, SIX, small_release

REPO = "someone/TalkingHeadBench"


@pytest.fixture
def silent_hub() -> Iterator[SilentHub]:
    with SilentHub() as hub:
        yield hub


class SilentHub:
    """A server that hangs up at once, like a Hub behind a broken network, and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._hang_up, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def _hang_up(self) -> None:
        while True:
            try:
                call, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            call.close()


@pytest.mark.parametrize("case", ["load", "publish", "verify", "build"])
def test_a_hub_that_does_not_answer_is_not_asked_again_and_again(
    run_client: RunClient, silent_hub: SilentHub, case: str
) -> None:
    options: dict[str, dict[str, Any]] = {
        "load": {"protocol": "p3", "release": REPO},
        "publish": {"release": REPO, "repo": REPO},
        "verify": {"release": REPO},
        "build": {"base_path": f"hf://datasets/{REPO}", "config": "p3"},
    }
    answer = run_client(case, env={"HF_ENDPOINT": silent_hub.endpoint}, **options[case])
    assert answer.error == "HubUnreachableError"
    assert f"does not answer ({silent_hub.endpoint}" in answer.message
    assert "HF_ENDPOINT" in answer.message
    assert silent_hub.calls == 1, "every further call would take time"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (f"{REPO}@{'0' * 40}", "there is no .* at revision 0000"),
        (f"{REPO}@refs/pr/9", "there is no .* at revision refs/pr/9"),
        (f"{REPO}@nowhere", "give a branch, a tag, a commit"),
        ("nobody/nothing", "no dataset repo nobody/nothing on the Hub.*no folder nobody/nothing"),
    ],
)
def test_a_revision_or_repo_that_does_not_exist(
    hub: LoopbackHub, run_client: RunClient, name: str, says: str
) -> None:
    hub.create(REPO, small_release())
    answer = run_client("load", protocol="p1", release=name)
    assert answer.error == "ReleaseError"
    assert re.search(says, answer.message), answer.message


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({LIST: b"{"}, "is not JSON"),
        ({LIST: b'{"Train": ["a.mp4"]}'}, "Train is a list, not an object"),
        ({LIST: b'{"Train": {"CelebV-HQ": ["../../a.mp4"]}}'}, "not the plain name of a file"),
        ({LIST: None}, "has no real/real_dataset_split.json; lists in it: none"),
        ({"fake/Hallo/../../x.mp4": b""}, "path leaves the release: fake/Hallo/../../x.mp4"),
        (
            {
                "fake/Hallo/test/00001--a_1--Hallo.mp4": b"",
                "fake/Hallo/val/00001--a_1--Hallo.mp4": b"",
            },
            "both would be Hallo/00001--a_1--Hallo",
        ),
    ],
)
def test_a_release_that_is_malformed(
    hub: LoopbackHub, run_client: RunClient, changed: dict[str, bytes | None], says: str
) -> None:
    files: dict[str, bytes | None] = {**small_release(), **changed}
    hub.create(REPO, {path: data for path, data in files.items() if data is not None})
    answer = run_client("load", protocol="p1", release=REPO)
    assert answer.error == "ReleaseError"
    assert says in answer.message


def test_a_list_with_absent_null_and_empty_blocks_is_accepted(
    hub: LoopbackHub, run_client: RunClient
) -> None:
    blocks = {"Train": None, "Test": {"FaceForensics++": [], "CelebV-HQ": ["clip20_0.mp4"]}}
    hub.create(REPO, {**small_release(), LIST: json.dumps(blocks).encode()})
    answer = run_client("load", protocol="p1", release=REPO, download=False)
    assert answer.error is None, answer.message
    assert "AniPortraitAudio/20002--clip22_2--AniPortraitAudio" in answer.result["test"]
    assert sum(name.startswith("CelebV-HQ/") for name in answer.result["test"]) == 1


def test_no_release_at_all(hub: LoopbackHub, run_client: RunClient) -> None:
    hub.create(REPO, {"README.md": b"# Nothing\n"})
    answer = run_client("load", protocol="p1", release=REPO)
    assert "is not a release: it has no folder fake/" in answer.message


def test_the_command_line_says_one_line_and_exits_3(
    hub: LoopbackHub, run_client: RunClient
) -> None:
    answer = run_client("command", arguments=["data", "verify", "--release", "nobody/nothing"])
    assert answer.result == {"exit": 3}
    errors = [line for line in answer.stderr.splitlines() if line.strip()]
    assert len(errors) == 1, answer.stderr
    assert "no dataset repo nobody/nothing" in errors[0]


def test_verify_over_the_hub_prints_a_table_and_exits_1(
    hub: LoopbackHub, run_client: RunClient
) -> None:
    hub.create(REPO, small_release())
    answer = run_client("command", arguments=["data", "verify", "--release", REPO])
    assert answer.result == {"exit": 1}
    assert all(name in answer.stdout for name in SIX)
    assert answer.stdout.count("differs") == len(SIX) + 4, "six, two extra ones and both reals"
    assert not hub.requested(".mp4")
    command = ["data", "verify", "--release", REPO, "--format", "json"]
    record = json.loads(run_client("command", arguments=command).stdout)
    assert record["release"] == REPO
    assert record["revision"] == hub.datasets[REPO].refs["main"]


def test_publish_on_the_command_line(
    hub: LoopbackHub, run_client: RunClient, tmp_path: Path
) -> None:
    hub.create(REPO, small_release())
    command = ["publish", "dataset", "--release", REPO, "--repo", REPO]
    dry = run_client("command", arguments=[*command, "--dry-run", "--out", str(tmp_path / "o")])
    assert dry.result == {"exit": 0}
    assert "dry run: nothing was sent" in dry.stdout
    assert len(hub.datasets[REPO].trees) == 1
    sent = run_client("command", arguments=[*command, "--create-pr"])
    assert f"opened {hub.endpoint}/datasets/{REPO}/discussions/1" in sent.stdout
