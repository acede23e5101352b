"""Data on stdout, from the main process only: JSON, lines, or a table as wide as it needs to be."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from thb.commands.options import TableFormat
from thb.progress import is_main_process

if TYPE_CHECKING:
    from rich.table import Table

    from thb.result import Result

WIDEST = 400


def write_line(text: str) -> None:
    """Write a line."""
    if is_main_process():
        print(text)  # noqa: T201 — data is what stdout is for


def write_json(value: Mapping[str, Any]) -> None:
    """Write one JSON document; a number that is not finite is an error and never ``NaN``."""
    write_line(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def write_table(table: Table) -> None:
    """Write a table; it is folded to the width of a terminal and never to that of a pipe."""
    from rich.console import Console

    if not is_main_process():
        return
    width = None if sys.stdout.isatty() else WIDEST
    Console(width=width, soft_wrap=False).print(table)


def escape(text: str) -> str:
    """Return a name so that a terminal shows it and obeys none of it."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def write_results(results: Sequence[Result], output: TableFormat) -> None:
    """Write results as the paper's tables, a protocol each, or as JSON."""
    if output is TableFormat.JSON:
        write_json({"results": [result.to_dict() for result in results]})
        return
    from rich.console import Console

    from thb.tables import markdown_table, notes, print_results

    if not is_main_process():
        return
    if output is TableFormat.TEXT:
        print_results(results, Console())
        return
    write_line(markdown_table(results))
    for note in notes(results):
        write_line(note)
