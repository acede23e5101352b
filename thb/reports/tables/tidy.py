"""Tables as CSV: one row for each detector, protocol, fold, generator and metric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from thb.reports.tables.table import Line, Table, TableSet, Videos
from thb.runtime.csv_text import Cell
from thb.runtime.csv_text import write_csv as write_table

COLUMNS: Final = (
    *("table", "detector", "kind", "source", "protocol", "split_by", "fold", "part", "generator"),
    *("metric", "value", "low", "high", "below_resolution", "n_real", "n_fake"),
    *("published", "difference", "grade", "best", "problem", "release"),
)
"""The columns; ``source`` is ``scored`` or ``paper``, and ``generator`` may be ``mean``."""


def write_csv(tables: TableSet) -> str:
    """Return every number of the tables as CSV, with a header.

    A generator that could not be measured has one row without a metric, whose column ``problem``
    says why.
    """
    return write_table(
        COLUMNS,
        (row for table in tables.tables for line in table.lines for row in _list_rows(table, line)),
    )


def _list_rows(table: Table, line: Line) -> Iterator[dict[str, Cell]]:
    for column in table.columns:
        videos = line.videos.get(column, Videos())
        entries = line.entries.get(column, {})
        common: dict[str, Cell] = {
            "table": table.label,
            "detector": line.detector,
            "kind": line.kind,
            "source": "paper" if line.printed else "scored",
            "protocol": table.protocol,
            "split_by": table.split_by,
            "fold": videos.fold or line.fold,
            "part": table.part,
            "generator": column,
            "n_real": videos.n_real,
            "n_fake": videos.n_fake,
            "problem": videos.problem or "",
            "release": "" if line.printed else table.release,
        }
        if not entries and videos.problem:
            yield common
        for metric, entry in entries.items():
            yield {
                **common,
                "metric": metric,
                "value": entry.measure.value,
                "low": entry.measure.low,
                "high": entry.measure.high,
                "below_resolution": entry.measure.below_resolution,
                "published": entry.published,
                "difference": entry.difference,
                "grade": entry.grade,
                "best": entry.best,
            }
