"""Tables as CSV: one row for each detector, protocol, fold, generator and metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from thb.reports.tables.table import Line, Table, TableSet, Videos
from thb.runtime.text import printable

COLUMNS: Final = (
    *("table", "detector", "kind", "source", "protocol", "split_by", "fold", "part", "generator"),
    *("metric", "value", "low", "high", "below_resolution", "n_real", "n_fake"),
    *("published", "difference", "grade", "best", "problem", "release"),
)
"""The columns; ``source`` is ``scored`` or ``paper``, and ``generator`` may be ``mean``."""
_FORMULA: Final = ("=", "+", "-", "@")


def write_csv(tables: TableSet) -> str:
    """Return every number of the tables as CSV, with a header.

    A generator that could not be measured has one row without a metric, whose column ``problem``
    says why.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for table in tables.tables:
        for line in table.lines:
            writer.writerows(_list_rows(table, line))
    return stream.getvalue()


def harmless(text: str) -> str:
    """Return a text that a spreadsheet shows and does not compute.

    A name that begins like a formula gets an apostrophe in front.
    """
    shown = printable(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _list_rows(table: Table, line: Line) -> Iterator[dict[str, Any]]:
    for column in table.columns:
        videos = line.videos.get(column, Videos())
        entries = line.entries.get(column, {})
        common = {
            "table": table.label,
            "detector": harmless(line.detector),
            "kind": harmless(line.kind),
            "source": "paper" if line.printed else "scored",
            "protocol": table.protocol,
            "split_by": table.split_by,
            "fold": harmless(videos.fold or line.fold),
            "part": table.part,
            "generator": harmless(column),
            "n_real": videos.n_real,
            "n_fake": videos.n_fake,
            "problem": harmless(videos.problem or ""),
            "release": "" if line.printed else harmless(table.release),
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
                "below_resolution": str(entry.measure.below_resolution).lower(),
                "published": entry.published,
                "difference": entry.difference,
                "grade": entry.grade,
                "best": str(entry.best).lower(),
            }
