"""The boards in a real browser, as a visitor reads them."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support.made_boards import by_strength, write_small_results, write_submission
from tests.support.running_space import RunningSpace
from tests.support.sources import ROOT
from thb.boards.building import build_boards

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

APP = ROOT / "spaces" / "leaderboard" / "app.py"
EVIL = "<img src=x onerror=document.title='caught'>${1+1}{{value}} $x^2$"
LONG = "ADetectorWithALongNameAndNoPlaceToBreakIt"
STRONG = f"acme/strong@{1:040x}"[:24]
WIDTH = "() => document.documentElement.scrollWidth"
UNNAMED = """() => [...document.querySelectorAll('button, input, select, textarea, img')]
  .filter(one => one.getClientRects().length)
  .filter(one => !(one.innerText || '').trim() && !one.getAttribute('aria-label') && !one.title
    && !(one.labels && one.labels.length) && !one.getAttribute('aria-labelledby') && !one.alt)
  .map(control => control.outerHTML.slice(0, 200))"""
TOO_SMALL = """() => [...document.querySelectorAll('.board a, .board td, .board p, .board li')]
  .filter(one => one.getClientRects().length)
  .filter(one => parseFloat(getComputedStyle(one).fontSize) < 12)
  .map(one => one.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results repo with its boards, and among its detectors two of hostile names."""
    root = write_small_results(tmp_path_factory.mktemp("results"))
    write_submission(root, "evil/markup", by_strength(1.5), seed=7, said={"name": EVIL})
    write_submission(root, "evil/long", by_strength(2.5), seed=8, said={"name": LONG})
    build_boards(root, out=root / "boards", n_bootstrap=200)
    return root


@pytest.fixture(scope="module")
def address(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Space, which shows them."""
    folder = tmp_path_factory.mktemp("space")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TMPDIR": str(folder),
        "HF_HUB_OFFLINE": "1",
    }
    words = [sys.executable, str(APP), "--results", str(results)]
    log = folder / "log.txt"
    with RunningSpace(words, folder=APP.parent, env=env, log=log) as running:
        yield running.address
    assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")


Opener = Callable[..., "Page"]


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Opener]:
    """Open the page as a new visitor; at the end, no other host may have been asked."""
    pages: list[tuple[Page, list[str]]] = []

    def open_page(*, width: int = 1280, dark: bool = False, **query: str) -> Page:
        scheme: Any = "dark" if dark else "light"
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(30_000)
        foreign: list[str] = []

        def note(request: Any) -> None:
            if urlsplit(request.url).hostname not in ("127.0.0.1", None):
                foreign.append(request.url)

        page.on("request", note)
        pages.append((page, foreign))
        page.goto(f"{address}/?{urlencode(query)}")
        page.locator("#status .board-note").wait_for()
        return page

    yield open_page
    for page, foreign in pages:
        assert page.title() != "caught"
        page.close()
        assert not foreign


def read_query(page: Page) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(page.url).query).items()}


def read_names(page: Page) -> list[str]:
    return [text.split("\n")[0] for text in page.locator("#detectors th.name").all_inner_texts()]


def choose(page: Page, box: str, label: str) -> None:
    page.locator(f"#{box} input").click()
    page.get_by_role("option", name=label, exact=True).click()


def test_the_table_is_that_of_the_board_and_hostile_names_are_text(
    visit: Opener, results: Path, screenshots: Path
) -> None:
    page = visit()
    board = json.loads((results / "boards" / "detectors.json").read_text("utf-8"))
    rows = [row for row in board["protocols"]["p3"]["rows"] if row["kind"] != "unranked"]
    page.locator("#detectors th.name").first.wait_for()
    assert read_names(page)[1:] == [row["name"] for row in rows]
    (place,) = (at for at, row in enumerate(rows) if row["name"] == "strong")
    line = page.locator("#detectors tbody tr").nth(place)
    expected = rows[place]
    assert f"{expected['mean']['t1']['value']:.3f}" in line.inner_text()
    assert f"{expected['rank']} ({expected['rank_low']}–{expected['rank_high']})" in (
        line.inner_text().replace("\n", " ")
    )
    assert expected["group"] in line.locator("td.group").inner_text()
    assert page.locator("#detectors tr.published").count() == 7
    assert page.locator("#detectors tr.floor").count() == 1
    page.locator("#pictures img").nth(2).wait_for()
    assert "strong" in str(page.locator("#pictures img").first.get_attribute("alt"))
    assert page.evaluate("() => document.documentElement.lang") == "en"
    assert page.evaluate(UNNAMED) == []
    page.screenshot(path=screenshots / "board-desktop.png", full_page=True)


def test_filters_hide_rows_and_the_address_follows(visit: Opener) -> None:
    page = visit()
    page.locator("#detectors tr.published").first.wait_for()
    page.locator("#tiers").get_by_label("published").uncheck()
    page.locator("#detectors tr.published").first.wait_for(state="detached")
    choose(page, "modality", "metadata")
    page.wait_for_function("() => document.querySelectorAll('#detectors tbody tr').length === 1")
    assert read_names(page)[1:] == ["metadata only (trees)"]
    page.wait_for_function("() => location.search.includes('modality=metadata')")
    assert read_query(page) == {
        "show": "detectors",
        "protocol": "p3",
        "tier": "recomputed,re-run",
        "modality": "metadata",
    }
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('#detectors tbody tr').length === 1")
    choose(page, "generator", "Hallo")
    page.get_by_text("Hallo only").wait_for()


def test_a_link_opens_one_detector_whose_predictions_can_be_had(
    visit: Opener, results: Path, tmp_path: Path, screenshots: Path
) -> None:
    page = visit(protocol="p3", detector=STRONG)
    page.locator("#one-detector h2").get_by_text("strong").wait_for()
    text = page.inner_text("#one-detector")
    assert "recomputed" in text
    assert "https://huggingface.co/acme/strong" in str(
        page.locator("#one-detector a").first.get_attribute("href")
    )
    page.click("#fetch")
    page.locator("#curves img").wait_for()
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "predictions.zip")
    with zipfile.ZipFile(tmp_path / "predictions.zip") as packed:
        held = {name: packed.read(name) for name in packed.namelist()}
    (folder,) = (results / "results" / "acme__strong").iterdir()
    assert held == {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("predictions.parquet")
    }
    page.screenshot(path=screenshots / "board-detector.png", full_page=True)


def test_a_click_on_a_name_opens_its_page(visit: Opener, screenshots: Path) -> None:
    page = visit(show="generators", protocol="p3")
    page.locator("#generators a").get_by_text("Hallo2", exact=True).click()
    page.locator("#one-generator h2").get_by_text("Hallo2").wait_for()
    assert "metadata alone" in page.inner_text("#one-generator")
    assert read_query(page)["generator"] == "Hallo2"
    page.screenshot(path=screenshots / "board-generator.png", full_page=True)
    page.get_by_role("tab", name="Detectors").click()
    page.locator("#detectors a").get_by_text("<img").click()
    page.locator("#one-detector h2").get_by_text(EVIL).wait_for()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_its_screen(
    visit: Opener, width: int, dark: bool, screenshots: Path
) -> None:
    for name in ("detectors", "generators", "detector", "generator", "submit"):
        page = visit(
            width=width,
            dark=dark,
            show=name,
            detector=f"evil/long@{8:040x}"[:22],
            generator="Hallo",
        )
        page.get_by_role("tab", selected=True).wait_for()
        assert page.evaluate(WIDTH) <= width, name
        assert page.evaluate(UNNAMED) == []
        assert page.evaluate(TOO_SMALL) == []
        scheme = "dark" if dark else "light"
        page.wait_for_timeout(500)
        page.screenshot(path=screenshots / f"board-{name}-{width}-{scheme}.png", full_page=True)


def test_nonsense_in_an_address_shows_the_board(visit: Opener) -> None:
    page = visit(show="<b>", protocol="p9", generator=EVIL, tier="gold", detector="../../etc")
    page.locator("#detectors th.name").nth(1).wait_for()
    page.get_by_role("tab", name="One detector").click()
    page.get_by_text("Choose a detector above").wait_for()


def test_reading_again_keeps_what_was_chosen(visit: Opener) -> None:
    page = visit(protocol="p1", tier="re-run", show="detectors")
    page.wait_for_function("() => document.querySelectorAll('#detectors tbody tr').length === 1")
    page.click("#refresh")
    page.wait_for_timeout(1000)
    page.get_by_text("P1: new identities").first.wait_for()
    assert read_names(page)[1:] == ["middle"]
    assert not page.locator("#tiers").get_by_label("published").is_checked()
