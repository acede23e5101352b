"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

# Set before any Hub library is imported, which read it once: no test touches the user's cache.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="thb-tests-hf-")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = os.environ.get("HF_HUB_OFFLINE", "1")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

DEFAULT_TEST_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real clips, faces and bad inputs; skips where it is not at hand."""
    folder = Path(os.environ.get("THB_TEST_DATA", DEFAULT_TEST_DATA))
    if not folder.is_dir():
        pytest.skip(f"no real clips in {folder}: set THB_TEST_DATA to run this test")
    return folder
