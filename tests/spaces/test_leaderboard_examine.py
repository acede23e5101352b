"""New fakes examined by the leaderboard: through its endpoint, its limits, and in a browser."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from board_app import find_examiners, parse
from board_generators import Bench, Examiners
from board_source import Source
from space_limits import MAX_FAKES
from tests.support.made_boards import write_small_results
from tests.support.running_space import RunningSpace
from tests.support.sources import ROOT
from thb.boards.building import build_boards
from thb.boards.detectability import detectability
from thb.boards.reading import read_boards
from thb.prediction.inference import PredictSettings
from thb.runtime.records import to_json
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from thb_dataset.mini.release import MiniRelease

gr = pytest.importorskip("gradio")
client = pytest.importorskip("gradio_client")

APP = ROOT / "spaces" / "leaderboard" / "app.py"
FAKES = 4


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from detectors.registry import create_detector, find_detector_class

    kind = find_detector_class("baseline")
    folder = tmp_path_factory.mktemp("secret") / "mine" / "p3-hallo"
    own = create_detector(kind, seed=3, config=kind.tiny)
    own.config.untrained = False
    own.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_small_results(tmp_path_factory.mktemp("results"))
    build_boards(root, out=root / "boards", n_bootstrap=50)
    return root


@pytest.fixture(scope="module")
def fakes(tiny_release: MiniRelease) -> list[Path]:
    return sorted((tiny_release.hub / "fake").rglob("*.mp4"))[:FAKES]


@pytest.fixture(scope="module")
def reals(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reals")
    for file in sorted(tiny_release.real_root.rglob("*.mp4"))[:3]:
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture(scope="module")
def space(
    detector: Path, results: Path, reals: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSpace]:
    """The Space with a detector."""
    folder = tmp_path_factory.mktemp("space")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    words = [sys.executable, str(APP), "--results", str(results)]
    words += ["--detector", str(detector), "--reals", str(reals)]
    with RunningSpace(words, folder=APP.parent, env=env, log=folder / "log.txt") as running:
        yield running
    assert "Traceback" not in running.log.read_text("utf-8"), running.log.read_text("utf-8")


def test_the_endpoint_gives_the_record_and_the_report_of_the_command(
    space: RunningSpace,
    detector: Path,
    results: Path,
    reals: Path,
    fakes: list[Path],
    tmp_path: Path,
) -> None:
    asked = client.Client(space.address, verbose=False, download_files=str(tmp_path / "got"))
    files = [client.handle_file(str(path)) for path in fakes]
    record, report = asked.predict(files, "p3", api_name="/detectability")
    (tmp_path / "fakes").mkdir()
    for path in fakes:
        (tmp_path / "fakes" / path.name).write_bytes(path.read_bytes())
    expected = detectability(
        tmp_path / "fakes",
        [detector],
        reals=reals,
        board=read_boards(results),
        settings=PredictSettings(progress=False, store=tmp_path / "store", workers=2),
    )
    assert record == json.loads(json.dumps(to_json(expected)))
    assert record["neighbours"]["protocol"] == "p3"
    page = Path(report).read_text("utf-8")
    assert fakes[0].name in page
    assert page.count("<figure>") == len(expected.most) + len(expected.least)
    for text in (json.dumps(record), page):
        assert str(detector.parents[1]) not in text, "a path of the machine is nobody's business"
        assert str(space.log.parent) not in text
    jobs = space.log.parent / "thb-space-jobs"
    assert not any(jobs.iterdir()), "the folder of the job is gone"
    with pytest.raises(Exception, match="Upload the fakes"):
        asked.predict([], "p3", api_name="/detectability")


def test_what_is_not_accepted_is_said(fakes: list[Path], tmp_path: Path) -> None:
    bench = Bench(Source(None), Examiners(detectors=("x",)))
    with pytest.raises(gr.Error, match="too many"):
        bench.admit([str(fakes[0])] * (MAX_FAKES + 1))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(gr.Error, match=r"text\.mp4: Is not a video"):
        bench.admit([str(fakes[0]), str(tmp_path / "text.mp4")])
    with pytest.raises(gr.Error, match="Upload the fakes"):
        bench.admit(None)


def test_the_detectors_are_named_on_the_command_line_or_beside_the_app(
    detector: Path, tmp_path: Path
) -> None:
    assert find_examiners(parse([]), tmp_path) == Examiners()
    given = parse(["--detector", str(detector)])
    assert find_examiners(given, tmp_path).detectors == (str(detector),)
    held = tmp_path / "weights" / "mine"
    held.parent.mkdir()
    held.symlink_to(detector)
    (tmp_path / "board.json").write_text('{"results": null, "detectors": ["weights/mine"]}')
    assert find_examiners(parse([]), tmp_path).detectors == (str(held),)
    with pytest.raises(DetectorError, match="nowhere"):
        find_examiners(parse(["--detector", str(tmp_path / "nowhere")]), tmp_path)
    with pytest.raises(DetectorError, match="5 detectors are too many"):
        find_examiners(parse(_repeat(5)), tmp_path)


def _repeat(times: int) -> list[str]:
    return [word for _ in range(times) for word in ("--detector", "x")]


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_an_author_uploads_fakes_and_reads_the_report(
    browser: Browser, space: RunningSpace, fakes: list[Path], width: int, screenshots: Path
) -> None:
    scheme: Any = "light" if width == 1280 else "dark"
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(60_000)
    page.goto(f"{space.address}/?show=examine&protocol=p3")
    page.locator("#fakes input[type=file]").wait_for(state="attached")
    page.screenshot(path=screenshots / f"board-examine-{width}-empty.png", full_page=True)
    page.set_input_files("#fakes input[type=file]", [str(path) for path in fakes])
    page.get_by_text(fakes[0].name[:12]).first.wait_for()
    page.click("#examine")
    page.locator("#report iframe").wait_for()
    report = page.frame_locator("#report iframe")
    report.get_by_text("What detectors catch").wait_for()
    heading = report.get_by_role("columnheader", name="threshold").bounding_box()
    assert heading is not None
    assert heading["width"] > 60, "the word is not broken"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / f"board-examine-{width}.png", full_page=True)
    with page.expect_download() as download:
        page.click("#report-html")
    assert "What detectors catch" in Path(download.value.path()).read_text("utf-8")
    page.close()
