"""Boards as sheets: headings, rows and notes of plain text, which Markdown and HTML both draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from thb.boards.board import (
    DetectorBoard,
    DetectorRow,
    DetectorTable,
    Estimate,
    GeneratorBoard,
    GeneratorRow,
    GeneratorTable,
    LeftOut,
    Ranked,
)
from thb.evaluation.cells import METRICS, Measure
from thb.evaluation.tables import NOT_COMPARABLE, TITLES, order_generators, show
from thb.runs.record import ReleaseRecord

_UNRANKED: Final = {"floor": "floor", "published": "paper"}
"""What stands in the place of a rank."""
_METADATA: Final = {"t1": "metadata alone at 1 %", "t01": "metadata alone at 0.1 %"}
_PARTS: Final = {
    "test": "tested",
    "extra": "test-only",
    "proposed": "proposed",
}


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One line of a sheet.

    Attributes:
        kind: ``ranked``, ``floor``, ``published`` or ``proposed``.
        cells: A text for each heading.
        below: What stands in small letters below the name.
        link: The address of the name; empty without one.
    """

    kind: str
    cells: tuple[str, ...]
    below: str = ""
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One table of a board with what is said around it.

    Attributes:
        anchor: Its name in links within the page.
        title: Its heading.
        lead: What its numbers are about, a sentence; empty without one.
        headings: The headings of the columns; the third one is that of the names.
        rows: The rows.
        notes: The sentences below the table.
        unranked: Who is named and has no rank, with the reason, a sentence each.
    """

    anchor: str
    title: str
    lead: str
    headings: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    notes: tuple[str, ...]
    unranked: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SheetSet:
    """The sheets of a board.

    Attributes:
        title: The title of the page.
        sheets: The sheets.
        notes: The sentences that hold for all of them.
        left_out: What was not read, and why, a sentence each.
    """

    title: str
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def lay_out_detectors(board: DetectorBoard) -> SheetSet:
    """Return the sheets of the board of detectors: the overall ranks first."""
    tables = {"overall": board.overall, **board.protocols}
    return SheetSet(
        title="TalkingHeadBench: the board of detectors",
        sheets=tuple(_lay_out_detectors(name, table) for name, table in tables.items()),
        notes=board.notes,
        left_out=_write_left_out(board.left_out),
    )


def lay_out_generators(board: GeneratorBoard) -> SheetSet:
    """Return the sheets of the board of generators."""
    return SheetSet(
        title="TalkingHeadBench: the board of generators",
        sheets=tuple(_lay_out_generators(name, table) for name, table in board.protocols.items()),
        notes=board.notes,
        left_out=_write_left_out(board.left_out),
    )


def _write_left_out(left_out: Sequence[LeftOut]) -> tuple[str, ...]:
    return tuple(f"{one.path}: {one.reason}." for one in left_out)


def _lay_out_detectors(anchor: str, table: DetectorTable) -> Sheet:
    tested = {name for row in table.rows for name in row.cells}
    extra = {name for row in table.rows for name in row.extra}
    generators = order_generators(tested | extra)
    listed = [row for row in table.rows if row.kind != "unranked"]
    marks = dict.fromkeys(mark for row in listed for mark in row.marks)
    counts = [
        f"{name} {table.videos[name].fake} fake, {table.videos[name].real} real"
        for name in generators
        if name in table.videos
    ]
    return Sheet(
        anchor=anchor,
        title=table.title,
        lead=_describe(table.release, table.split_by, counts),
        headings=(
            *("rank", "group", "detector"),
            *(TITLES[metric] for metric in ("t1", "t01", "auc", "brier")),
            *(f"T1 {name}" for name in generators),
        ),
        rows=tuple(_write_detector(row, generators) for row in listed),
        notes=(*(f"{mark.symbol} {mark.sentence}" for mark in marks), *table.notes),
        unranked=tuple(
            f"{_name(row)} ({row.folder}): {row.reason}"
            for row in table.rows
            if row.kind == "unranked"
        ),
    )


def _describe(release: ReleaseRecord | None, split_by: str, counts: Sequence[str]) -> str:
    if release is None:
        return ""
    synthetic = "SYNTHETIC " if release.synthetic else ""
    videos = f" Videos: {'; '.join(counts)}." if counts else ""
    differs = f" ({NOT_COMPARABLE})" if release.differs else ""
    return f"On {synthetic}{release}{differs}, splits by {split_by}.{videos}"


def _name(row: DetectorRow) -> str:
    return " ".join([row.name, *dict.fromkeys(mark.symbol for mark in row.marks)])


def _write_detector(row: DetectorRow, generators: Sequence[str]) -> SheetRow:
    cells = {**row.cells, **row.extra}
    return SheetRow(
        kind=row.kind,
        cells=(
            _write_rank(row) if row.kind == "ranked" else _UNRANKED[row.kind],
            row.group or "–",
            _name(row),
            *(_show(row.mean, metric) for metric in ("t1", "t01", "auc", "brier")),
            *(_show(cells.get(name, {}), "t1") for name in generators),
        ),
        below=" · ".join(
            text for text in (row.org, row.tier, row.modality, row.revision[:7]) if text
        ),
        link=row.link,
    )


def _write_rank(row: Ranked) -> str:
    if row.rank_low == row.rank_high:
        return str(row.rank)
    return f"{row.rank} ({row.rank_low}–{row.rank_high})"


def _show(numbers: Mapping[str, Estimate], metric: str) -> str:
    own = numbers.get(metric)
    if own is None:
        return "–"
    return str(
        show(
            Measure(
                value=own.value,
                low=own.low,
                high=own.high,
                below_resolution=own.below_resolution,
            )
        )
    )


def _lay_out_generators(anchor: str, table: GeneratorTable) -> Sheet:
    counts = [f"Verified detectors: {table.n_detectors}"] if table.n_detectors else []
    described = _describe(table.release, table.split_by, ())
    floors = [name for name in METRICS if any(name in row.floor for row in table.rows)]
    return Sheet(
        anchor=anchor,
        title=table.title,
        lead=" ".join([described, *(f"{count}." for count in counts)]).strip(),
        headings=(
            *("rank", "group", "generator", "caught at 1 %", "caught at 0.1 %"),
            *(_METADATA[name] for name in floors),
            *("fakes", "real videos"),
        ),
        rows=tuple(_write_generator(row, floors) for row in table.rows),
        notes=table.notes,
    )


def _write_generator(row: GeneratorRow, floors: Sequence[str]) -> SheetRow:
    return SheetRow(
        kind="proposed" if row.part == "proposed" else "ranked",
        cells=(
            "–" if row.rank is None else _write_rank(row),
            row.group or "–",
            row.name,
            *(_show(row.mean, metric) for metric in ("t1", "t01")),
            *(f"{row.floor[name]:.3f}" if name in row.floor else "–" for name in floors),
            "–" if row.videos is None else str(row.videos.fake),
            "–" if row.videos is None else str(row.videos.real),
        ),
        below=_PARTS[row.part],
        link=row.link,
    )
