"""Fixtures shared by all tests."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

# Set before any Hub library is imported, which read it once: no test touches the user's cache.
for name in ("HF_HOME", "THB_CACHE"):
    os.environ[name] = tempfile.mkdtemp(prefix=f"tests-{name.lower()}-")
    atexit.register(shutil.rmtree, os.environ[name], ignore_errors=True)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = os.environ.get("HF_HUB_OFFLINE", "1")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# How long an example takes is the machine's affair.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

DEFAULT_TEST_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real clips, faces and bad inputs; skips where it is not at hand."""
    folder = Path(os.environ.get("THB_TEST_DATA", DEFAULT_TEST_DATA))
    if not folder.is_dir():
        pytest.skip(f"no real clips in {folder}: set THB_TEST_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> MiniRelease:
    """The smallest synthetic release, written once for all workers. Read it, never change it."""
    from thb_dataset.mini.release import MiniSize, write_mini_release

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "tiny_release.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return write_mini_release(shared / "tiny_release", size=MiniSize.tiny(), progress=False)
