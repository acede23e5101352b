"""The fixtures that all tests share, and the environment that they run in."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.command_line import Ended, Run
from tests.support.forked_python import RunPython, start_python_server

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

# The libraries read these once, when they are imported; child processes inherit them.
for name in ("HF_HOME", "THB_CACHE"):  # no test touches the user's caches
    os.environ[name] = tempfile.mkdtemp(prefix=f"tests-{name.lower()}-")
    atexit.register(shutil.rmtree, os.environ[name], ignore_errors=True)
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # tests run side by side
    os.environ[name] = "1"
os.environ.pop("COLUMNS", None)  # xdist gives its workers one, which would fold every table
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"  # the Hub on loopback speaks plain HTTP only
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# The time that an example takes depends on the machine.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

TEST_DATA = Path(
    os.environ.get("THB_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
HOW_TO_GET_IT = "set THB_TEST_DATA to a folder with thb-sample/, faces/ and bad/ (CONTRIBUTING.md)"


def pytest_report_header() -> str:
    """Say once where real clips are looked for, and what their absence costs."""
    if TEST_DATA.is_dir():
        return f"real clips: {TEST_DATA}"
    return f"real clips: none in {TEST_DATA}, so tests that need them are skipped; {HOW_TO_GET_IT}"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Keep torch to one core, also where something imported it before the environment was set."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real clips, faces and bad inputs; without it the test is skipped."""
    if not TEST_DATA.is_dir():
        pytest.skip(f"no real clips in {TEST_DATA}: {HOW_TO_GET_IT}")
    return TEST_DATA


@pytest.fixture
def run_thb(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run ``thb`` in this process."""
    from thb.cli import main

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, written.out, written.err)

    return run


@pytest.fixture(scope="session")
def run_python() -> Iterator[RunPython]:
    """Run Python programs, each in a process of its own; only the first one is slow."""
    with start_python_server() as run:
        yield run


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> MiniRelease:
    """The smallest synthetic release, written once for all workers; no test may change it."""
    from thb_dataset.mini.release import MiniSize, write_mini_release

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "tiny_release.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return write_mini_release(shared / "tiny_release", size=MiniSize.tiny(), progress=False)
