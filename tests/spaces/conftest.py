"""The demo Space, running as on a user's machine, and a browser that is offline."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from thb_dataset.mini.release import MiniRelease

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "spaces" / "demo" / "app.py"
SECONDS_TO_START = 90
TRAINED, LISTENER = "trained", "listener"


@dataclass(frozen=True)
class Space:
    """A running Space.

    Attributes:
        address: Of its page.
        folder: Its folder for temporary files.
    """

    address: str
    folder: Path


@dataclass
class Visit:
    """One visitor's page.

    Attributes:
        page: Playwright's page.
        foreign: Requests to any other host than the Space's.
    """

    page: Page
    foreign: list[str] = field(default_factory=list)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text("utf-8")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"the Space does not start: {log.read_text('utf-8')}")


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, tiny_release: MiniRelease) -> Path:
    """A list of detectors: one trained for P3, and one without a protocol that listens."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "shelf"
    with (shared / "shelf.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "detectors.json").is_file():
            _write_shelf(folder, tiny_release)
    return folder / "detectors.json"


def _write_shelf(folder: Path, release: MiniRelease) -> None:
    from detectors.registry import create_detector, find_detector_class
    from thb.training.settings import TrainOptions
    from thb.training.train import train

    train(
        "baseline",
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=folder / TRAINED / "p3-hallo",
        settings={"epochs": 1, "batch_size": 4},
        options=TrainOptions(progress=False),
    )
    listener = find_detector_class("lipfd")
    create_detector(listener, seed=1, config=listener.tiny).save_pretrained(folder / LISTENER)
    offers = [
        {
            "name": TRAINED,
            "protocol": "p3",
            "fold": "p3-hallo",
            "reference": f"{TRAINED}/p3-hallo",
        },
        {"name": LISTENER, "protocol": None, "fold": None, "reference": LISTENER},
    ]
    (folder / "detectors.json").write_text(json.dumps(offers), "utf-8")


@pytest.fixture(scope="session")
def space(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """The Space with both detectors, started once a test process."""
    folder = tmp_path_factory.mktemp("space")
    port, log = find_free_port(), folder / "log.txt"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, str(APP), "--detectors", str(shelf), "--port", str(port)],
            cwd=APP.parent,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                "TMPDIR": str(folder),
                "OMP_NUM_THREADS": "1",
                "HF_HUB_OFFLINE": "1",
            },
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_it_answers(process, port, log)
            yield Space(address=f"http://127.0.0.1:{port}", folder=folder)
        finally:
            end(process)
    assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The distribution's own Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"],
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser, space: Space) -> Iterator[Callable[..., Visit]]:
    """Open the page as a new visitor; at the end nobody may have asked another host."""
    visits: list[Visit] = []

    def open_page(*, width: int = 1280, height: int = 900) -> Visit:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(30_000)
        made = Visit(page)

        def note(request: Any) -> None:
            where = urlsplit(request.url)
            if where.scheme in ("http", "https") and where.hostname != "127.0.0.1":
                made.foreign.append(request.url)

        page.on("request", note)
        page.goto(space.address)
        page.wait_for_selector("#video input[type=file]", state="attached")
        visits.append(made)
        return made

    yield open_page
    for made in visits:
        made.page.close()
        assert not made.foreign


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are left to be looked at: ``THB_TEST_ARTIFACTS``, or pytest's folder."""
    named = os.environ.get("THB_TEST_ARTIFACTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
