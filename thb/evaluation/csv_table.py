"""Results as CSV: a line for each number, with everything that stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from thb.evaluation.cells import MEAN, Measure, ProtocolNumbers
from thb.evaluation.tables import rank
from thb.runtime.csv_text import Cell, write_csv

COLUMNS: Final = (
    *("detector", "kind", "protocol", "split_by", "release", "synthetic", "not_comparable"),
    *("fold", "generator", "part"),
    *("n_fake", "n_real", "metric", "value", "low", "high", "bootstrap_low", "bootstrap_high"),
    *("below_resolution", "threshold", "grade", "marks", "problem"),
)


def csv_table(results: Sequence[ProtocolNumbers]) -> str:
    """Return results as CSV: a line for each cell and metric, then the means; ranked as in tables.

    A cell without measures has one line that says why.
    """
    return write_csv(COLUMNS, [line for result in rank(results) for line in _list_lines(result)])


def _list_lines(result: ProtocolNumbers) -> Iterator[dict[str, Cell]]:
    common: dict[str, Cell] = {
        "detector": result.title,
        "kind": result.detector,
        "protocol": result.protocol,
        "split_by": result.split_by,
        "release": str(result.release),
        "synthetic": result.release.synthetic,
        "not_comparable": result.release.differs,
    }
    for cell in result.cells:
        own = common | {
            "fold": cell.fold,
            "generator": cell.generator,
            "part": cell.part,
            "n_fake": cell.n_fake,
            "n_real": cell.n_real,
            "grade": cell.grade,
            "marks": " ".join(mark.symbol for mark in result.marks.get(cell.fold, ())),
            "problem": cell.problem,
        }
        yield from _list_measures(own, cell.measures)
        if not cell.measures:
            yield own
    symbols = sorted({mark.symbol for marks in result.marks.values() for mark in marks})
    own = common | {"generator": MEAN, "part": "test", "marks": " ".join(symbols)}
    yield from _list_measures(own, result.mean)


def _list_measures(
    own: Mapping[str, Cell], measures: Mapping[str, Measure]
) -> Iterator[dict[str, Cell]]:
    for metric, measure in measures.items():
        yield {**own, "metric": metric, **vars(measure)}
