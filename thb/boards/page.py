"""A board as one HTML page that stands alone; on a phone each row becomes a card."""

from __future__ import annotations

from html import escape
from typing import Final

from thb.boards.sheets import Sheet, SheetRow, SheetSet
from thb.reports.report.section import bullets, folded, paragraph
from thb.runtime.text import plain
from thb_dataset.html_page import write_page

_NAME: Final = 2
"""The place of the name among the cells of a row."""
_STYLE: Final = """
body { max-width: 90rem }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #999 }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; padding: 0 }
.wide { overflow-x: auto; position: relative }
table { border-collapse: collapse; width: 100%; font-size: .875rem;
font-variant-numeric: tabular-nums }
th, td { padding: .3rem .5rem; text-align: right; vertical-align: top; font-weight: 400;
border-bottom: 1px solid rgb(128 128 128 / .35); white-space: nowrap }
th.name, td.group, th.group { text-align: left }
th.name { font-weight: 600; white-space: normal; min-width: 9rem; overflow-wrap: anywhere }
thead th { font-weight: 600; vertical-align: bottom; white-space: normal; overflow-wrap: normal }
td b { font-weight: 600; display: block }
td small, th small { font-weight: 400; opacity: .75; font-size: .75rem }
th small { display: block }
tr.published > *, tr.floor > *, tr.proposed > * { background: rgb(128 128 128 / .12) }
tr.floor > * { border-bottom: 2px solid }
ul.notes { font-size: .875rem; max-width: 60rem }
@media (max-width: 60rem) {
thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
table, tbody { display: block }
tbody tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr));
border-top: 2px solid; padding: .3rem 0 }
tbody th, tbody td { display: block; border: 0; text-align: left; padding: .2rem .3rem }
tr.floor > * { border: 0 }
tbody th.name { grid-column: 1 / -1; grid-row: 1; font-size: 1rem }
tbody td::before { content: attr(data-column); display: block; font-size: .75rem; opacity: .75 }
}
@media print { tr { break-inside: avoid } .wide { overflow: visible } table { font-size: 7pt } }
"""


def draw_page(sheets: SheetSet) -> str:
    """Return the sheets of a board as a whole page; every foreign text in it is escaped."""
    links = "\n".join(
        f'<li><a href="#{escape(sheet.anchor)}">{plain(sheet.title)}</a></li>'
        for sheet in sheets.sheets
    )
    parts = [
        f"<h1>{plain(sheets.title)}</h1>",
        f'<nav aria-label="Tables"><ul>\n{links}\n</ul></nav>',
        *map(draw_sheet, sheets.sheets),
        f'<h2>How to read this</h2>\n<div class="notes">{bullets(sheets.notes)}</div>',
    ]
    if sheets.left_out:
        parts.append(f"<h2>Left out</h2>\n{bullets(sheets.left_out)}")
    return write_page(sheets.title, "\n".join(parts), style=_STYLE)


def draw_sheet(sheet: Sheet) -> str:
    """Return a table of a board with what is said around it, as a section of a page."""
    parts = [f'<section id="{escape(sheet.anchor)}">', f"<h2>{plain(sheet.title)}</h2>"]
    if sheet.lead:
        parts.append(paragraph(sheet.lead))
    if sheet.rows:
        parts.append(_draw_table(sheet))
    parts.append(bullets(sheet.notes))
    if sheet.unranked:
        count = len(sheet.unranked)
        parts.append(folded(f"Not ranked: {count}", bullets(sheet.unranked)))
    return "\n".join([*parts, "</section>"])


def _draw_table(sheet: Sheet) -> str:
    head = "".join(
        f'<th role="columnheader" scope="col"{_class_of(at)}>{_breakable(heading)}</th>'
        for at, heading in enumerate(sheet.headings)
    )
    lines = "\n".join(_draw_row(sheet, row) for row in sheet.rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{plain(sheet.title)}">\n'
        # On a narrow page rows become cards, and the roles keep them a table for screen readers.
        f'<table role="table"><thead role="rowgroup"><tr role="row">{head}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{lines}\n</tbody></table></div>'
    )


def _class_of(place: int) -> str:
    name = {1: "group", _NAME: "name"}.get(place)
    return f' class="{name}"' if name else ""


def _breakable(heading: str) -> str:
    return plain(heading).replace("Portrait", "<wbr>Portrait").replace("-", "&#8209;")


def _draw_row(sheet: Sheet, row: SheetRow) -> str:
    cells = "".join(
        _draw_name(row) if at == _NAME else _draw_cell(at, heading, text)
        for at, (heading, text) in enumerate(zip(sheet.headings, row.cells, strict=True))
    )
    return f'<tr role="row" class="{escape(row.kind)}">{cells}</tr>'


def _draw_name(row: SheetRow) -> str:
    name = plain(row.cells[_NAME])
    if row.link:
        name = f'<a href="{escape(row.link)}" rel="nofollow noopener">{name}</a>'
    below = f"<small>{plain(row.below)}</small>" if row.below else ""
    return f'<th role="rowheader" scope="row" class="name">{name}{below}</th>'


def _draw_cell(place: int, heading: str, text: str) -> str:
    number, _, interval = text.partition(" ")
    shown = f"<b>{plain(number)}</b>" if interval else plain(number)
    below = f"<small>{plain(interval)}</small>" if interval else ""
    return f'<td role="cell"{_class_of(place)} data-column="{plain(heading)}">{shown}{below}</td>'
