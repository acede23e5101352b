"""Fixtures of the toolkit's tests: a detector that needs no training."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a baseline with fresh weights, two clips of four small frames a video."""
    from detectors.registry import load_detector

    folder = tmp_path_factory.mktemp("untrained") / "model"
    config = {"clip": {"clips": 2, "frames": 4, "size": 48}}
    load_detector("baseline", config=config, untrained=True).save_pretrained(folder)
    return folder
