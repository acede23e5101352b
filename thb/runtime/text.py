"""Text that others wrote, and tables of it, for terminals and Markdown."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDEST: Final = 10_000
_DECIMALS: Final = 3
_MOST_DECIMALS: Final = 6


def printable(text: str) -> str:
    """Return a text in which a terminal finds no control characters to obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def plain(text: object) -> str:
    """Return a text that others wrote as HTML that shows it and does nothing else."""
    return html.escape(printable(str(text)))


def escape(text: str) -> str:
    """Return a text with its control characters spelt out, so that no terminal obeys them."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def markdown_row(values: Sequence[str]) -> str:
    """Return a row of a Markdown table, its values printable and their bars escaped."""
    cells = [printable(value).replace("|", "\\|") for value in values]
    return "| " + " | ".join(cells) + " |"


def write_scores(*scores: float) -> tuple[str, ...]:
    """Return scores with three decimals, or up to six where fewer hide that two of them differ."""
    for decimals in range(_DECIMALS, _MOST_DECIMALS + 1):
        texts = tuple(f"{score:.{decimals}f}" for score in scores)
        if len(set(texts)) == len(set(scores)):
            return texts
    return tuple(f"{score:.{_DECIMALS}f}" for score in scores)


def print_text(text: str, console: Console, *, style: str | None = None) -> None:
    """Print a text as it is: without markup or highlighting, its lines wrapped by the terminal."""
    console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)


def print_table(table: Table, console: Console) -> None:
    """Print a table in full, even if it is wider than the console.

    A terminal then wraps its lines, which is better than a number cut off.
    """
    width = console.width
    console.width = max(width, _measure(table, console))
    console.print(table)
    console.width = width


def print_fitting(tables: Sequence[Table], console: Console) -> None:
    """Print the first table that is no wider than the console, or else the last one in full.

    Args:
        tables: Drawings of one table, from the widest to the narrowest; at least one.
        console: The console.
    """
    fitting = [table for table in tables if _measure(table, console) <= console.width]
    print_table((fitting or [tables[-1]])[0], console)


def _measure(table: Table, console: Console) -> int:
    """Return the columns that a table needs so that none of its lines is folded."""
    return console.measure(table, options=console.options.update(width=_WIDEST)).maximum
