"""Tables on a terminal: the paper's columns if they fit, else a generator a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from thb.evaluation.tables import TITLES
from thb.evaluation.terminal_tables import dim, escape_markup, start_table
from thb.reports.tables.table import Entry, Line, Table, TableSet
from thb.runtime.text import print_fitting, print_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Drawing


_NARROW: Final = 22
"""Columns of the names in a narrow table; longer ones are folded."""


def print_tables(tables: TableSet, console: Console) -> None:
    """Print every table, folded to the console, and the notes.

    A table that is wider than the console has a line for each generator instead of a column.
    """
    for table in tables.tables:
        print_text(f"{table.label}: {table.title}", console, style="bold")
        print_fitting([_draw_columns(table), _draw_lines(table)], console)
    for note in tables.notes:
        print_text(note, console)


def _draw_columns(table: Table) -> Drawing:
    """Draw a column for each generator; a detector has a row for each metric."""
    folded = table.folded
    drawing = start_table("detector", "fold", "") if folded else start_table("detector", "")
    for name in table.columns:
        heading = [name.replace("AniPortrait", "AniPortrait\n"), *_split(table.counts.get(name))]
        drawing.add_column(_escape_lines(heading), justify="right", no_wrap=True)
    for line in table.lines:
        for at, metric in enumerate(table.metrics):
            names = [_name(line), *([escape_markup(line.fold)] if folded else [])]
            lead = names if at == 0 else [""] * len(names)
            entries = [line.find(column, metric) for column in table.columns]
            label, *numbers = _draw_row([TITLES[metric], ""], entries)
            drawing.add_row(*lead, label, *numbers)
        drawing.add_section()
    return drawing


def _draw_lines(table: Table) -> Drawing:
    """Draw a line for each generator of each detector, with a column for each metric."""
    drawing = start_table()
    drawing.padding = (0, 1, 0, 0)
    drawing.add_column("", overflow="fold", max_width=_NARROW)
    for metric in table.metrics:
        drawing.add_column(TITLES[metric], justify="right", no_wrap=True)
    for line in table.lines:
        drawing.add_row(_name(line) + (f"\n{escape_markup(line.fold)}" if line.fold else ""))
        for column in table.columns:
            if column not in line.entries and column not in line.videos:
                continue
            videos = line.videos.get(column)
            entries = [line.find(column, metric) for metric in table.metrics]
            label = [f"  {column}", f"  {videos.text}" if videos and videos.text else ""]
            drawing.add_row(*_draw_row(label, entries, indent="  "))
        drawing.add_section()
    return drawing


def _draw_row(
    label: Sequence[str], entries: Sequence[Entry | None], *, indent: str = ""
) -> list[str]:
    """Return a label and the numbers of a row, whose lines stand at the same heights.

    Below a number follow its interval, the paper's figure with the difference, and the grade: each
    has a line if any number of the row has it, and the label says what the line is.
    """
    known = [entry for entry in entries if entry is not None]
    below: list[tuple[str, Callable[[Entry], str]]] = []
    if label[1] or any(entry.number.interval for entry in known):
        below.append((label[1], lambda entry: entry.number.interval))
    if any(entry.published is not None for entry in known):
        words = "paper, diff." if any(entry.difference_text for entry in known) else "paper"
        below.append(
            (
                f"{indent}{words}",
                lambda entry: f"{entry.published_text} {entry.difference_text}".strip(),
            )
        )
    if any(entry.grade for entry in known):
        below.append((f"{indent}grade", lambda entry: entry.grade or ""))
    cells = ["\n".join([escape_markup(label[0]), *(dim(text) for text, _ in below)])]
    for entry in entries:
        if entry is None:
            cells.append("–")
            continue
        value = entry.number.value
        shown = f"[bold]{value}*[/bold]" if entry.best else value
        cells.append("\n".join([shown, *(dim(read(entry)) for _, read in below)]))
    return cells


def _escape_lines(lines: Iterable[str]) -> str:
    return "\n".join(escape_markup(part) for line in lines for part in line.split("\n"))


def _split(counts: str | None) -> list[str]:
    return counts.split(", ") if counts else []


def _name(line: Line) -> str:
    kind = "" if line.kind == line.detector or line.printed else f"({line.kind})"
    return escape_markup(line.name) + (f"\n{dim(kind)}" if kind else "")
