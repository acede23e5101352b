"""Tables as Markdown: a column for each generator, a row for each detector and metric."""

from __future__ import annotations

import re
from typing import Final

from thb.evaluation.tables import TITLES
from thb.reports.tables.table import Entry, Line, Table, TableSet
from thb.runtime.text import markdown_row, printable

_MARKUP: Final = re.compile(r"([\\<\[`*])")


def write_markdown(tables: TableSet) -> str:
    """Return tables and notes as Markdown; the best number of a column is bold."""
    parts = [_draw_table(table) for table in tables.tables]
    notes = "\n".join(f"- {without_markup(note)}" for note in tables.notes)
    return "\n\n".join([*parts, notes] if notes else parts) + "\n"


def without_markup(text: str) -> str:
    """Return a text in which Markdown finds no markup."""
    return _MARKUP.sub(r"\\\1", printable(text))


def _draw_table(table: Table) -> str:
    counts = "; ".join(f"{name} {videos}" for name, videos in table.counts.items())
    lead = ["detector", "fold", ""] if table.folded else ["detector", ""]
    lines = [f"**{without_markup(table.label)}: {without_markup(table.title)}**", ""]
    if counts:
        lines += [f"Scored: {without_markup(counts)}.", ""]
    lines.append(markdown_row([*lead, *map(without_markup, table.columns)]))
    lines.append(markdown_row(["---"] * len(lead) + ["---:"] * len(table.columns)))
    for line in table.lines:
        lines += _draw_line(table, line, with_fold=table.folded)
    return "\n".join(lines)


def _draw_line(table: Table, line: Line, *, with_fold: bool) -> list[str]:
    rows = [
        [TITLES[metric], *(_draw_entry(line.find(column, metric)) for column in table.columns)]
        for metric in table.metrics
    ]
    if table.graded:
        words = [line.grade(column) or "–" for column in table.columns]
        rows.insert(2, ["grade of T1", *words])
    names = [without_markup(line.name), *([without_markup(line.fold)] if with_fold else [])]
    blank = [""] * len(names)
    return [markdown_row([*(names if not at else blank), *row]) for at, row in enumerate(rows)]


def _draw_entry(entry: Entry | None) -> str:
    if entry is None:
        return "–"
    number = entry.number
    text = f"**{number.value}**" if entry.best else number.value
    if number.interval:
        text += f" {number.interval}"
    if entry.published is not None:
        text += f"; paper {entry.published_text}"
    return f"{text} ({entry.difference_text})" if entry.difference_text else text
