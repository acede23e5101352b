"""The boards as HTML in which every foreign text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Final

from board_links import link
from board_source import Shown
from thb.boards.board import DetectorRow, Estimate, GeneratorRow, Ranked
from thb.boards.page import draw_sheet
from thb.boards.pictures import Picture
from thb.boards.reading import PublishedBoards
from thb.boards.sheets import Sheet
from thb.boards.views import (
    OVERALL,
    DetectorView,
    View,
    lay_out_generator_view,
    lay_out_view,
    measure_of,
    view_detector,
    view_generator,
)
from thb.evaluation.tables import TITLES, order_generators, show
from thb.reports.report.section import bullets, folded, paragraph, table
from thb.runtime.text import plain
from thb_dataset.html_page import embed_picture

METRICS: Final = ("t1", "t01", "auc", "brier")
TIERS_IN_WORDS: Final = {
    "published": "published: figures of a paper; nobody can recompute them",
    "recomputed": "recomputed: every figure was rebuilt from the predictions",
    "re-run": "re-run: a maintainer scored a sample with the same weights and got the same",
}


def write_status(shown: Shown) -> str:
    """Return where the boards come from and when they were read, or why there are none."""
    parts = []
    if shown.problem is not None:
        head = "These boards are older" if shown.boards else "There are no boards to show"
        parts.append(
            f'<div class="board-problem" role="alert"><p><strong>{head}.</strong>'
            f" {plain(shown.problem)}</p></div>"
        )
    elif shown.boards is None:
        parts.append(
            '<div class="board-problem" role="alert"><p><strong>This page has no results yet.'
            "</strong> Whoever runs it names some: <code>python app.py --results DIR</code> on"
            " their own machine, or <code>thb publish space leaderboard --repo ORG/NAME --results"
            " ORG/RESULTS</code> for the Hub.</p></div>"
        )
    if shown.boards is not None and shown.read_at is not None:
        commit = f", commit {plain(shown.boards.revision[:7])}" if shown.boards.revision else ""
        parts.append(
            f'<p class="board-note">Results from {plain(shown.name)}{commit}; read'
            f" {shown.read_at:%Y-%m-%d %H:%M} UTC.</p>"
        )
    return "".join(parts)


def write_detectors(boards: PublishedBoards, view: View) -> str:
    """Return the table of detectors that a view shows."""
    sheet, keys = lay_out_view(boards.detectors, view)
    if not keys:
        return _wrap(paragraph("No detector of this table has these properties."))
    links = [link(show="detector", protocol=view.protocol, detector=key) for key in keys]
    notes = bullets(boards.detectors.notes)
    return _wrap(_draw(sheet, links), folded("How to read this table", notes))


def write_generators(boards: PublishedBoards, protocol: str) -> str:
    """Return the table of generators of a protocol."""
    sheet = lay_out_generator_view(boards.generators, protocol)
    if sheet is None:
        return _wrap(paragraph("Generators have no table here: choose P1, P2 or P3."))
    rows = boards.generators.protocols[protocol].rows
    links = [link(show="generator", protocol=protocol, generator=row.name) for row in rows]
    notes = bullets(boards.generators.notes)
    return _wrap(_draw(sheet, links), folded("How to read this table", notes))


def _draw(sheet: Sheet, links: Sequence[str]) -> str:
    rows = tuple(replace(row, link=address) for row, address in zip(sheet.rows, links, strict=True))
    return draw_sheet(replace(sheet, rows=rows))


def write_pictures(pictures: Sequence[Picture]) -> str:
    """Return figures, each with its numbers in words for people who cannot see it."""
    figures = [
        f"<figure>{embed_picture(picture.png, 'png', alt=f'{picture.title}. {picture.alt}')}"
        f"<figcaption>{plain(picture.title)}</figcaption></figure>"
        for picture in pictures
    ]
    return f'<div class="board board-pictures">{"".join(figures)}</div>' if figures else ""


def write_detector(boards: PublishedBoards, key: str) -> str:
    """Return all that the boards say about a detector."""
    found = view_detector(boards.detectors, key) if key else None
    if found is None:
        return _wrap(paragraph("Choose a detector above, or click its name in the table."))
    first = next(iter(found.rows.values()))
    marks = dict.fromkeys(mark for row in found.rows.values() for mark in row.marks)
    facts = [TIERS_IN_WORDS[first.tier]]
    facts += [f"submitted by {first.org}; revision {first.revision}"] if first.org else []
    facts += [f"looks at: {first.modality}"] if first.modality else []
    facts += [f"{mark.symbol} {mark.sentence}" for mark in marks]
    links = {"Its card": first.link, "Its files": boards.link_to(first.folder)}
    return _wrap(
        f"<h2>{plain(first.name)}</h2>",
        bullets(facts),
        _write_links(links),
        _write_places(found),
        *(_write_figures(found.titles[name], row) for name, row in found.rows.items() if row.mean),
    )


def _write_links(links: Mapping[str, str]) -> str:
    items = "".join(
        f'<li><a href="{escape(address)}" rel="nofollow noopener" target="_blank">{text}</a></li>'
        for text, address in links.items()
        if address.startswith("https://")
    )
    return f"<ul>{items}</ul>" if items else ""


def _write_places(found: DetectorView) -> str:
    headings = ("protocol", "rank", "group", *(TITLES[metric] for metric in METRICS[:3]))
    rows = [
        (
            name.upper() if name != OVERALL else name,
            row.reason if row.reason and not row.mean else write_rank(row),
            row.group or "–",
            *(_show(row.mean, metric) for metric in METRICS[:3]),
        )
        for name, row in found.rows.items()
    ]
    reasons = {row.reason for row in found.rows.values() if row.reason and row.mean}
    return f"<h3>Ranks and means</h3>{table(headings, rows)}{bullets(sorted(reasons))}"


def _write_figures(title: str, row: DetectorRow) -> str:
    cells = {**row.extra, **row.cells}
    if not cells:
        return ""
    headings = ("generator", *(TITLES[metric] for metric in METRICS))
    rows = [
        (
            f"{name} (test-only)" if name in row.extra else name,
            *(_show(cells[name], metric) for metric in METRICS),
        )
        for name in order_generators(cells)
    ]
    return f"<h3>{plain(title)}</h3>{table(headings, rows)}"


def write_generator(boards: PublishedBoards, name: str) -> str:
    """Return all that the boards say about a generator."""
    found = view_generator(boards.generators, name) if name else {}
    if not found:
        return _wrap(paragraph("Choose a generator above, or click its name in the table."))
    parts = [f"<h2>{plain(name)}</h2>"]
    parts += [_write_links({"Its page": next(iter(found.values())).link})]
    for protocol, row in found.items():
        parts.append(f"<h3>{plain(boards.generators.protocols[protocol].title)}</h3>")
        parts.append(_write_catches(row))
    return _wrap(*parts)


def _write_catches(row: GeneratorRow) -> str:
    if not row.mean:
        return paragraph("Proposed: no detector of the board has scored its fakes yet.")
    facts = [f"rank {write_rank(row)}, group {row.group or '–'}; rank 1 is the hardest to detect"]
    if row.videos is not None:
        facts.append(f"{row.videos.fake} fakes beside {row.videos.real} real videos")
    headings = ("detector", "caught at 1 %", "caught at 0.1 %")
    rows = [("mean of the verified detectors", _show(row.mean, "t1"), _show(row.mean, "t01"))]
    rows += [(own.name, f"{own.t1:.3f}", f"{own.t01:.3f}") for own in row.by_detector]
    if row.floor:
        t1, t01 = (f"{row.floor[name]:.3f}" if name in row.floor else "–" for name in ("t1", "t01"))
        rows.append(("metadata alone", t1, t01))
    return f"{bullets(facts)}{table(headings, rows)}"


def write_rank(row: Ranked) -> str:
    """Return a rank with its interval, for instance «2 (1–4)»; a dash without one."""
    if row.rank is None:
        return "–"
    if row.rank_low == row.rank_high:
        return str(row.rank)
    return f"{row.rank} ({row.rank_low}–{row.rank_high})"


def _show(numbers: Mapping[str, Estimate], metric: str) -> str:
    own = numbers.get(metric)
    return "–" if own is None else str(show(measure_of(own)))


def _wrap(*parts: str) -> str:
    return f'<div class="board">{"".join(parts)}</div>'
