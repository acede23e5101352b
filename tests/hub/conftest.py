"""A Hub on loopback, and client processes that know no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.hub.loopback_hub import LoopbackHub

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What a client process found, or the error that it ended with."""

    result: Any
    error: str | None
    message: str
    stderr: str
    stdout: str
    seconds: float


class RunClient(Protocol):
    def __call__(
        self,
        case: str,
        *,
        home: Path | None = None,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> Answer: ...


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def run_client(hub: LoopbackHub, tmp_path: Path) -> RunClient:
    """Run a case of ``clients.py`` in a new process, its cache empty unless ``home`` is named."""
    count = iter(range(1000))

    def run(
        case: str, *, home: Path | None = None, env: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        folder = home or tmp_path / f"home-{next(count)}"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "THB_"))},
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(folder / "hf"),
            "THB_CACHE": str(folder / "thb"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "HF_TOKEN": "hf_loopback",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            **(env or {}),
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.hub.clients", case, json.dumps(options)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        *said, last = done.stdout.rstrip().splitlines()
        found = json.loads(last)
        return Answer(
            result=found.get("result"),
            error=found.get("error"),
            message=found.get("message", ""),
            stderr=done.stderr,
            stdout="\n".join(said),
            seconds=found["seconds"],
        )

    return run
