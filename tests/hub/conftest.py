"""A Hub on loopback, and client processes that know no other Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_answers import Answer, RunClient
from tests.support.loopback_hub import LoopbackHub
from tests.support.sources import ROOT


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as running:
        yield running


@pytest.fixture(scope="session")
def client_server() -> Iterator[subprocess.Popen[str]]:
    """The process that forks a client for every case."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.hub_clients"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield server
        server.kill()


@pytest.fixture
def run_client(hub: LoopbackHub, tmp_path: Path, client_server: subprocess.Popen[str]) -> RunClient:
    """Run a case of ``hub_clients`` in a new process, its cache empty unless a home is given."""
    count = iter(range(1000))

    def run(
        case: str, *, home: Path | None = None, env: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        folder = tmp_path / f"client-{next(count)}"
        folder.mkdir()
        environment = {
            **hub.environment((home or folder) / "hf"),
            "THB_CACHE": str((home or folder) / "thb"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            **(env or {}),
        }
        wanted = {"case": case, "options": options, "env": environment, "folder": str(folder)}
        assert client_server.stdin is not None
        assert client_server.stdout is not None
        client_server.stdin.write(f"{json.dumps(wanted)}\n")
        client_server.stdin.flush()
        assert client_server.stdout.readline() == "ended\n", "the server of clients has died"
        stdout, stderr = ((folder / name).read_text() for name in ("stdout", "stderr"))
        assert (folder / "answer.json").is_file(), stderr
        found = json.loads((folder / "answer.json").read_text())
        return Answer(
            result=found.get("result"),
            error=found.get("error"),
            message=found.get("message", ""),
            stderr=stderr,
            stdout=stdout,
        )

    return run
