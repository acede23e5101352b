"""Parts of the boards to look at: filtered tables, one detector, one generator.

A filter hides rows and never ranks anew: ranks stay those of the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from thb.boards.board import (
    DetectorBoard,
    DetectorRow,
    DetectorTable,
    Estimate,
    GeneratorBoard,
    GeneratorRow,
    Tier,
)
from thb.boards.sheets import Sheet, lay_out_detectors, lay_out_generators
from thb.evaluation.cells import Measure
from thb.evaluation.tables import order_generators
from thb.reports.rows import Row

OVERALL: Final = "overall"
TIERS: Final[tuple[Tier, ...]] = ("published", "recomputed", "re-run")


@dataclass(frozen=True, kw_only=True)
class View:
    """What of the board of detectors is shown.

    Attributes:
        protocol: ``p1``, ``p2``, ``p3`` or ``overall``.
        generator: The generator whose numbers are shown; empty for the mean over all.
        tiers: The tiers that are shown.
        modality: The modality that is shown; empty for every one.
    """

    protocol: str
    generator: str = ""
    tiers: tuple[str, ...] = TIERS
    modality: str = ""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What can be chosen on the boards.

    Attributes:
        protocols: The protocols that have a table of detectors, and ``overall`` if it has rows.
        generators: The generators, those of the paper first.
        modalities: What the detectors look at.
        detectors: The keys of the detectors, see :func:`key_of`.
    """

    protocols: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DetectorView:
    """One detector on all protocols.

    Attributes:
        key: What it is called in links.
        rows: Its rows by protocol.
        titles: The titles of the tables by protocol.
    """

    key: str
    rows: Mapping[str, DetectorRow] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)


def key_of(row: DetectorRow) -> str:
    """Return what a detector is called in links: ``org/model@revision``, or its name."""
    return f"{row.org}/{row.model}@{row.revision[:12]}" if row.org else row.name


def list_tables(board: DetectorBoard) -> dict[str, DetectorTable]:
    """Return the tables that have rows by protocol; ``overall`` comes last."""
    tables = {**board.protocols, OVERALL: board.overall}
    return {name: table for name, table in tables.items() if table.rows}


def list_choices(detectors: DetectorBoard, generators: GeneratorBoard) -> Choices:
    """Return what can be chosen on two boards."""
    tables = list_tables(detectors)
    rows = [row for table in tables.values() for row in table.rows]
    tested = {name for row in rows for name in (*row.cells, *row.extra)}
    listed = {row.name for table in generators.protocols.values() for row in table.rows}
    return Choices(
        protocols=tuple(tables),
        generators=tuple(order_generators(tested | listed)),
        modalities=tuple(sorted({row.modality for row in rows if row.modality})),
        detectors=tuple(dict.fromkeys(key_of(row) for row in rows)),
    )


def select_rows(board: DetectorBoard, view: View) -> tuple[DetectorRow, ...]:
    """Return the rows of a table that a view shows, in the order of the table.

    With a generator, the mean of a row is replaced by the numbers of that generator, and rows
    without such numbers are hidden.
    """
    table = list_tables(board).get(view.protocol)
    rows = () if table is None else table.rows
    shown = [
        row
        for row in rows
        if row.tier in view.tiers and (not view.modality or row.modality == view.modality)
    ]
    if view.generator:
        cells = [(row, {**row.extra, **row.cells}.get(view.generator)) for row in shown]
        shown = [replace(row, mean=own, cells={}, extra={}) for row, own in cells if own]
    return tuple(shown)


def lay_out_view(board: DetectorBoard, view: View) -> tuple[Sheet, tuple[str, ...]]:
    """Return the table that a view shows, and the key of the detector in each of its rows."""
    table = list_tables(board).get(view.protocol, board.overall)
    rows = select_rows(board, view)
    title = f"{table.title}: {view.generator} only" if view.generator else table.title
    reduced = replace(table, rows=rows, title=title)
    whole = replace(board, protocols={view.protocol: reduced}, overall=reduced)
    (*_, sheet) = lay_out_detectors(whole).sheets
    return sheet, tuple(key_of(row) for row in rows if row.kind != "unranked")


def lay_out_generator_view(board: GeneratorBoard, protocol: str) -> Sheet | None:
    """Return the table of generators of a protocol; None if it has none."""
    table = board.protocols.get(protocol)
    if table is None:
        return None
    (sheet,) = lay_out_generators(replace(board, protocols={protocol: table})).sheets
    return sheet


def view_detector(board: DetectorBoard, key: str) -> DetectorView | None:
    """Return everything that a board says about a detector; None if it is not on it."""
    tables = list_tables(board)
    rows = {name: row for name, table in tables.items() for row in table.rows if key_of(row) == key}
    if not rows:
        return None
    return DetectorView(key=key, rows=rows, titles={name: tables[name].title for name in rows})


def view_generator(board: GeneratorBoard, name: str) -> dict[str, GeneratorRow]:
    """Return the rows of a generator by protocol."""
    return {
        protocol: row
        for protocol, table in board.protocols.items()
        for row in table.rows
        if row.name == name
    }


def measure_of(own: Estimate) -> Measure:
    """Return an estimate as tables and figures take it."""
    return Measure(
        value=own.value, low=own.low, high=own.high, below_resolution=own.below_resolution
    )


def make_rows(rows: Sequence[DetectorRow], protocol: str) -> list[Row]:
    """Return rows of a board as the figures take them; two of one name are told apart."""
    names = [row.name for row in rows]
    return [
        Row(
            detector=(row.name if names.count(row.name) == 1 else key_of(row)).removesuffix(
                " (paper)"
            ),
            protocol=protocol,
            published=row.kind == "published",
            cells={
                name: {metric: measure_of(own) for metric, own in numbers.items()}
                for name, numbers in row.cells.items()
            },
            mean={metric: measure_of(own) for metric, own in row.mean.items()},
        )
        for row in rows
    ]
