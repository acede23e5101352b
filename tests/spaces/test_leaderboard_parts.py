"""The leaderboard's links, source and HTML, without a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from board_app import find_results, parse
from board_html import write_detector, write_detectors, write_generator, write_status
from board_links import Place, link, read_place
from board_parcels import fetch
from board_source import LEAST_SECONDS, Shown, Source
from tests.support.made_boards import by_strength, write_small_results, write_submission
from thb.boards.building import build_boards
from thb.boards.reading import PublishedBoards, read_boards
from thb.boards.views import TIERS, Choices, View

EVIL = "<script>alert(1)</script>$x$"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_small_results(tmp_path_factory.mktemp("results"))
    write_submission(root, "evil/markup", by_strength(1.5), seed=7, said={"name": EVIL})
    build_boards(root, out=root / "boards", n_bootstrap=50)
    return root


@pytest.fixture(scope="module")
def boards(results: Path) -> PublishedBoards:
    return read_boards(results)


def test_an_address_says_only_what_the_boards_have() -> None:
    choices = Choices(
        protocols=("p1", "p2"),
        generators=("Hallo",),
        modalities=("visual",),
        detectors=("a/b@c",),
    )
    asked = {"protocol": "p1", "generator": "Hallo", "tier": "re-run,gold", "detector": "a/b@c"}
    place = Place(
        page="detector", protocol="p1", generator="Hallo", tiers=("re-run",), detector="a/b@c"
    )
    assert read_place(asked, choices) == place
    nonsense = {"show": "<b>", "protocol": "p3", "tier": "gold", "detector": "x", "modality": "y"}
    assert read_place(nonsense, choices) == Place(protocol="p2"), "P2 comes before P1"
    assert read_place({}, Choices()) == Place()
    assert link(show="detector", detector="a&b=c") == "?show=detector&detector=a%26b%3Dc"


def test_the_source_keeps_old_boards_and_is_not_asked_too_often(
    results: Path, tmp_path: Path
) -> None:
    now = [0.0]
    place = tmp_path / "results"
    (place / "boards").mkdir(parents=True)
    source = Source(place, clock=lambda: now[0])
    assert "no boards/detectors.json" in str(source.refresh().problem)
    assert str(tmp_path) not in str(source.shown.problem), "a path of the machine is not shown"
    for file in (results / "boards").glob("*.json"):
        (place / "boards" / file.name).write_bytes(file.read_bytes())
    assert source.refresh().boards is None, "asked again too soon"
    now[0] += LEAST_SECONDS
    read = source.refresh()
    assert read.problem is None
    assert read.boards is not None
    (place / "boards" / "detectors.json").write_text('{"format": "x"}')
    now[0] += LEAST_SECONDS
    kept = source.refresh()
    assert kept.boards is read.boards
    assert "older" in write_status(kept)
    assert str(tmp_path) not in write_status(kept)


def test_a_page_without_results_says_so(tmp_path: Path) -> None:
    assert "no results yet" in write_status(Source(None).refresh())
    assert "no boards to show" in write_status(Shown(problem="<b>"))
    assert "<b>" not in write_status(Shown(problem="<b>"))
    settings = parse([])
    settings.results = None
    assert find_results(settings, tmp_path) is None
    (tmp_path / "board.json").write_text('{"results": "org/name"}')
    assert find_results(settings, tmp_path) == "org/name"
    settings.results = "mine"
    assert find_results(settings, tmp_path) == "mine"


def test_names_are_text_everywhere(boards: PublishedBoards) -> None:
    (row,) = (row for row in boards.detectors.protocols["p3"].rows if row.name == EVIL)
    key = f"evil/markup@{row.revision[:12]}"
    pages = [
        write_detectors(boards, View(protocol="p3")),
        write_detector(boards, key),
        write_generator(boards, "Hallo"),
    ]
    for page in pages:
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        opened = re.findall(r"<(div|section|table|ul|details)[ >]", page)
        assert len(opened) == len(re.findall(r"</(div|section|table|ul|details)>", page))


def test_only_web_addresses_become_links(boards: PublishedBoards) -> None:
    table = boards.detectors.protocols["p3"]
    bad = tuple(replace(row, link="javascript:alert(1)") for row in table.rows)
    protocols = {"p3": replace(table, rows=bad)}
    changed = replace(boards, detectors=replace(boards.detectors, protocols=protocols))
    key = f"acme/strong@{1:040x}"[:24]
    assert 'href="https://huggingface.co/acme/strong"' in write_detector(boards, key)
    assert "javascript" not in write_detector(changed, key)


def test_a_filter_hides_rows_and_ranks_stay(boards: PublishedBoards) -> None:
    whole = write_detectors(boards, View(protocol="p3"))
    part = write_detectors(boards, View(protocol="p3", tiers=("re-run",)))
    rank = re.compile(r'data-column="rank">(?:<b>)?([^<]+)')
    assert "middle" in part
    assert "strong" not in part
    (only,) = rank.findall(part)
    (own,) = (row for row in boards.detectors.protocols["p3"].rows if row.name == "middle")
    assert only == str(own.rank)
    assert only != "1"
    assert len(rank.findall(whole)) > 5
    none = write_detectors(boards, View(protocol="p3", modality="audio"))
    assert "No detector of this table" in none


def test_predictions_are_not_fetched_from_elsewhere(boards: PublishedBoards) -> None:
    assert "Choose a detector" in fetch(boards, "", "p3")[1]
    assert "nobody has the predictions" in fetch(boards, "TALL (paper)", "p3")[1]
    table = boards.detectors.protocols["p3"]
    bad = tuple(replace(row, folder="../../etc") for row in table.rows if row.org == "acme")
    protocols = {"p3": replace(table, rows=bad)}
    board = replace(boards.detectors, protocols=protocols, overall=replace(table, rows=()))
    _, problem, archive = fetch(
        replace(boards, detectors=board), f"acme/strong@{1:040x}"[:24], "p3"
    )
    assert "not the folder of a submission" in problem
    assert archive is None


def test_tiers_have_words() -> None:
    from board_html import TIERS_IN_WORDS

    assert set(TIERS_IN_WORDS) == set(TIERS)
