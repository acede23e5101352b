"""Fixtures of the toolkit's tests: detectors that need no training, and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from thb.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run_thb(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run ``thb`` in this process."""

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, written.out, written.err)

    return run


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a baseline with fresh weights, two clips of four small frames a video."""
    from detectors.registry import load_detector

    folder = tmp_path_factory.mktemp("untrained") / "model"
    config = {"clip": {"clips": 2, "frames": 4, "size": 48}}
    load_detector("baseline", config=config).save_pretrained(folder)
    return folder
