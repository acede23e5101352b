"""CSV that spreadsheets open without running anything that a name hides."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from thb.runtime.text import escape

FORMULA_STARTS: Final = ("=", "+", "-", "@")
"""A spreadsheet takes a cell that begins with one of these, or with blanks and then one, for a
formula."""

_HARMLESS: Final = "'"

Cell = str | float | int | None


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """Return a table as CSV, with a line of headings.

    Numbers are written in full, so that they are read back as they were. None is an empty cell,
    and so is a column that a row does not have. In text, control characters are spelt out, and a
    text that a spreadsheet would take for a formula begins with ``'``.

    Args:
        columns: The headings, in order.
        rows: The cells of each row by heading.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([write_cell(row.get(name)) for name in columns])
    return stream.getvalue()


def write_cell(value: Cell) -> str:
    """Return a value as a cell of CSV, before it is quoted."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = escape(value)
        return f"{_HARMLESS}{text}" if text.lstrip().startswith(FORMULA_STARTS) else text
    return repr(value)


def read_cell(text: str) -> str:
    """Return the text of a cell as it was before :func:`write_cell` made it harmless."""
    inner = text.removeprefix(_HARMLESS)
    return inner if text != inner and inner.lstrip().startswith(FORMULA_STARTS) else text
