"""Tables on a terminal: the paper's columns if they fit, else a generator a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from thb.evaluation.tables import TITLES
from thb.reports.tables.table import Entry, Line, Table, TableSet
from thb.runtime.text import print_fitting, print_text, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Drawing


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
    extra = table.part == "extra"
    drawing = _start("detector", "fold", "") if extra else _start("detector", "")
    for name in table.columns:
        heading = [name.replace("AniPortrait", "AniPortrait\n"), *_split(table.counts.get(name))]
        drawing.add_column(_escape_lines(heading), justify="right", no_wrap=True)
    for line in table.lines:
        for at, metric in enumerate(table.metrics):
            names = [_name(line), *([_escape(line.fold)] if extra else [])]
            lead = names if at == 0 else [""] * len(names)
            entries = [line.find(column, metric) for column in table.columns]
            drawing.add_row(*lead, _label(metric, entries), *map(_draw_entry, entries))
        drawing.add_section()
    return drawing


def _draw_lines(table: Table) -> Drawing:
    """Draw a line for each generator of each detector, with a column for each metric."""
    drawing = _start("")
    for metric in table.metrics:
        drawing.add_column(TITLES[metric], justify="right", no_wrap=True)
    for line in table.lines:
        fold = f" {_escape(line.fold)}" if line.fold else ""
        drawing.add_row(f"{_name(line)}{fold}")
        for column in table.columns:
            if column not in line.entries and column not in line.videos:
                continue
            videos = line.videos.get(column)
            entries = [line.find(column, metric) for metric in table.metrics]
            label = [column, videos.text if videos else ""]
            if any(entry is not None and entry.published is not None for entry in entries):
                label = [column, "", label[1]] if not label[1] else [*label, "paper"]
            drawing.add_row(_indent(label), *map(_draw_entry, entries))
        drawing.add_section()
    return drawing


def _start(*titles: str) -> Drawing:
    from rich import box
    from rich.table import Table as Drawing

    drawing = Drawing(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in titles:
        drawing.add_column(heading, no_wrap=True)
    return drawing


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))


def _escape_lines(lines: Iterable[str]) -> str:
    return "\n".join(_escape(part) for line in lines for part in line.split("\n"))


def _split(counts: str | None) -> list[str]:
    return counts.split(", ") if counts else []


def _dim(text: str) -> str:
    return f"[dim]{_escape(text)}[/dim]" if text else ""


def _indent(lines: Sequence[str]) -> str:
    first, *others = lines
    return "\n".join([f"  {_escape(first)}", *(f"  {_dim(line)}" for line in others)])


def _name(line: Line) -> str:
    kind = "" if line.kind == line.detector or line.printed else f"({line.kind})"
    return _escape(line.name) + (f"\n{_dim(kind)}" if kind else "")


def _label(metric: str, entries: Sequence[Entry | None]) -> str:
    """Return the metric, and what the second and third line of its numbers are."""
    known = [entry for entry in entries if entry is not None]
    lines = [TITLES[metric]]
    if any(entry.number.interval for entry in known):
        lines.append("")
    if any(entry.published is not None for entry in known):
        lines.append(_dim("paper, diff."))
    if any(entry.grade for entry in known):
        lines.append(_dim("grade"))
    return "\n".join(lines)


def _draw_entry(entry: Entry | None) -> str:
    if entry is None:
        return "–"
    number = entry.number
    value = f"[bold]{number.value}*[/bold]" if entry.best else number.value
    beside = f"{entry.published_text} {entry.difference_text}".strip()
    return "\n".join(
        [value, *(_dim(text) for text in (number.interval, beside, entry.grade or "") if text)]
    )
