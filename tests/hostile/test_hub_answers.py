"""The list of bad JSON, and more of its kind, as the Hub's answer to every question of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session, constants

from detectors.registry import load_detector
from tests.support.bad_json import BAD_JSON
from thb.publishing.hub import Publication, _list_open_pulls, open_repo
from thb.releases.fetching import _describe
from thb_dataset.errors import THBError
from thb_dataset.hub.files import read_hub_file
from thb_dataset.hub.release import list_hub, resolve_commit, scan_hub_release

REPO, COMMIT = "org/name", "0" * 40
FILE = {"type": "file", "path": "fake/a.mp4", "size": 3, "oid": COMMIT}
ODD: tuple[Any, ...] = (None, 7, -1, 10**30, [], {}, "\ud800")
ODD_LFS: tuple[Any, ...] = (
    None, 7, [], {"oid": None, "size": -1, "pointerSize": 1}, {"size": 3}
)  # fmt: skip
ANSWERS: dict[str, bytes] = {
    **BAD_JSON,
    "page": b"<!DOCTYPE html><html>log in</html>",
    "no commit": b'{"id": "org/name"}',
    "numbers for names": b'{"id": 3, "sha": 7, "siblings": 3, "tags": 3, "lastModified": 3}',
    "nulls for names": b'{"id": null, "sha": null, "siblings": [null], "discussions": [null]}',
    "a list of nulls": b"[null]",
    "a list of numbers": b"[7]",
    **{
        f"{key} is {value!r:.20}": json.dumps([{**FILE, key: value}]).encode()
        for key in FILE
        for value in ODD
    },
    **{f"lfs is {value!r:.20}": json.dumps([{**FILE, "lfs": value}]).encode() for value in ODD_LFS},
}
QUESTIONS: dict[str, Callable[[], Any]] = {
    "commit": lambda: resolve_commit(REPO),
    "list": lambda: list_hub(REPO, COMMIT),
    "release": lambda: scan_hub_release(REPO),
    "files": lambda: _describe(REPO, COMMIT, ["fake/a.mp4"]),
    "pulls": lambda: [*_list_open_pulls(Publication(repo=REPO, repo_type="model"), "title")],
    "repo": lambda: open_repo(REPO, "model"),
}


@dataclass
class BadHub:
    """What the server answers to everything, and the headers that it adds."""

    body: bytes = b""
    size: int | None = None
    status: int = 200


@pytest.fixture(scope="module")
def bad_hub() -> Iterator[BadHub]:
    said = BadHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(said.status)
            size = len(said.body) if said.size is None else said.size
            for name, value in (
                ("Content-Length", str(size)),
                ("Content-Type", "application/json"),
                ("ETag", f'"{COMMIT}"'),
                ("X-Repo-Commit", COMMIT),
            ):
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.body)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.MonkeyPatch.context() as changes:
            changes.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
            changes.setattr(constants, "HF_HUB_OFFLINE", False)
            changes.setenv("THB_HUB_SECONDS", "3")
            yield said
        close_session()
        server.shutdown()


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_that_makes_no_sense_is_one_line(question: str, bad_hub: BadHub) -> None:
    for body in ANSWERS.values():
        bad_hub.body, bad_hub.size, bad_hub.status = body, None, 200
        with suppress(THBError):
            QUESTIONS[question]()


@pytest.mark.filterwarnings("ignore:Not enough free disk space")
@pytest.mark.parametrize("size", [0, 3, 10**15])
def test_a_file_of_another_size_than_told_is_one_line(size: int, bad_hub: BadHub) -> None:
    bad_hub.body, bad_hub.size, bad_hub.status = b"abcdefgh", size, 200
    with suppress(THBError):
        read_hub_file(REPO, "run.json")


CONFIGS = {
    **BAD_JSON,
    "no such class": b'{"model_type": "x", "auto_map": {"AutoConfig": "a.B",'
    b' "AutoModelForVideoClassification": "a.C"}}',
    "null for a class": b'{"model_type": "x", "auto_map": {"AutoConfig": null}}',
    "a list for classes": b'{"model_type": "x", "auto_map": ["a.B"]}',
    "auto_map is null": b'{"model_type": "thb_baseline", "auto_map": null}',
    "a number for a clip": b'{"model_type": "thb_baseline", "clip": 3}',
}


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_that_makes_no_sense_is_one_line(
    kind: str, trust: bool, bad_hub: BadHub, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_bytes(CONFIGS[kind])
    bad_hub.body, bad_hub.size, bad_hub.status = CONFIGS[kind], None, 200
    for reference in (tmp_path / "folder", REPO):
        with pytest.raises(THBError):
            load_detector(reference, trust_remote_code=trust)
