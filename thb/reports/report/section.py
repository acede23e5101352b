"""The parts that a report is put together from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from thb.runtime.text import plain

_BETWEEN_CELLS: Final = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A chapter of the report.

    Attributes:
        anchor: Its name in links within the page.
        title: Its heading, as plain text.
        html: Its content, as HTML in which every foreign text is escaped.
    """

    anchor: str
    title: str
    html: str


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{plain(text)}</p>"


def bullets(texts: Iterable[str]) -> str:
    """Return a list of plain texts; empty if there are none."""
    items = "\n".join(f"<li>{plain(text)}</li>" for text in texts)
    return f"<ul>\n{items}\n</ul>" if items else ""


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of plain texts, which scrolls by itself where a page is too narrow.

    The first cell of a row is its heading.
    """
    head = "".join(f'<th scope="col">{plain(heading)}</th>' for heading in headings)
    lines = "\n".join(
        f'<tr><th scope="row">{plain(row[0])}</th>'
        + "".join(f"<td>{plain(value)}</td>" for value in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


def folded(summary: str, html: str) -> str:
    """Return content that a reader unfolds; paper shows it unfolded or not at all.

    Args:
        summary: What is always shown, as plain text.
        html: The content.
    """
    return f"<details><summary>{plain(summary)}</summary>\n{html}\n</details>"


def markdown(text: str) -> str:
    """Return Markdown that the toolkit wrote as HTML: its tables and its lines of plain text.

    Args:
        text: Markdown with tables as :func:`thb.runtime.text.markdown_row` writes their rows.
    """
    parts = []
    for in_table, group in groupby(text.splitlines(), lambda line: line.startswith("|")):
        if not in_table:
            parts += [paragraph(line.strip("*- ")) for line in group if line.strip()]
            continue
        rows = [_BETWEEN_CELLS.split(line.strip())[1:-1] for line in group]
        cells = [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]
        parts.append(table(cells[0], cells[2:]))
    return "\n".join(parts)
