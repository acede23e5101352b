"""The demo Space, running as on a user's machine, and a browser without the internet."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support.demo_visits import LISTENER, TRAINED, Space, Visit
from tests.support.running_space import RunningSpace
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from thb_dataset.mini.release import MiniRelease

APP = ROOT / "spaces" / "demo" / "app.py"


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, tiny_release: MiniRelease) -> Path:
    """A list of two detectors: one trained for P3, and one that needs sound, without a protocol."""
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
    """The Space with both detectors, started once per test process."""
    folder = tmp_path_factory.mktemp("space")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    words = [sys.executable, str(APP), "--detectors", str(shelf)]
    log = folder / "log.txt"
    with RunningSpace(words, folder=APP.parent, env=env, log=log) as running:
        yield Space(address=running.address, folder=folder)
    assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The distribution's own Chromium without windows, on one core and without priority."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if found is None:
        pytest.skip("no browser: apt-get install chromium-headless-shell")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(
            executable_path=_contain(found, tmp_path_factory.mktemp("browser")),
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--mute-audio",
            ],
        )
        yield opened
        opened.close()


def _contain(browser: str, folder: Path) -> str:
    """Return a command that starts the browser on one core and without a right to priority.

    As root, Chromium raises the priority of its drawing and of its sound. Where there is no GPU,
    it can then keep every core from the Space that its page waits for, and from all else.
    """
    if sys.platform != "linux":
        return browser
    words = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
    if os.geteuid() == 0:
        words += ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]
    command = folder / "browser"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} {shlex.quote(browser)} "$@"\n')
    command.chmod(0o755)
    return str(command)


@pytest.fixture
def visit(browser: Browser, space: Space) -> Iterator[Callable[..., Visit]]:
    """Open the page as a new visitor; at the end, no other host may have been asked."""
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
    """The folder in which screenshots are kept: ``THB_TEST_ARTIFACTS``, or one of pytest's."""
    named = os.environ.get("THB_TEST_ARTIFACTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
