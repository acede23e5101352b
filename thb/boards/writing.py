"""Boards in files: JSON and CSV for programs, Markdown and HTML for readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from thb.boards.board import DetectorBoard, DetectorRow, Estimate, GeneratorBoard, GeneratorRow
from thb.boards.page import draw_page
from thb.boards.sheets import Sheet, SheetRow, SheetSet, lay_out_detectors, lay_out_generators
from thb.reports.tables.markdown import without_markup
from thb.runtime.csv_text import write_csv
from thb.runtime.records import to_json
from thb.runtime.text import markdown_row
from thb_dataset.files import write_json, write_whole

DETECTORS: Final = "detectors"
GENERATORS: Final = "generators"

_RANKS: Final = ("protocol", "rank", "rank_low", "rank_high", "group")
_NUMBERS: Final = ("metric", "value", "low", "high", "below_resolution")
DETECTOR_COLUMNS: Final = (
    *_RANKS,
    *("kind", "name", "marks", "tier", "modality", "org", "model", "revision", "part"),
    *("generator", *_NUMBERS, "link", "folder", "reason"),
)
"""The columns of ``detectors.csv``; ``generator`` may be ``mean``."""
GENERATOR_COLUMNS: Final = (
    *_RANKS,
    *("name", "part", "n_fake", "n_real", "detector", "folder", *_NUMBERS),
)
"""The columns of ``generators.csv``; ``detector`` may be ``mean`` or ``metadata``."""


def save_detectors(board: DetectorBoard, folder: Path) -> list[Path]:
    """Write ``detectors.json``, ``.csv``, ``.md`` and ``.html``; return the files.

    Raises:
        OSError: A file cannot be written.
    """
    rows = (
        row
        for protocol, table in {**board.protocols, "overall": board.overall}.items()
        for line in table.rows
        for row in _list_detector(protocol, line)
    )
    texts = {
        ".csv": write_csv(DETECTOR_COLUMNS, rows),
        ".md": write_markdown(lay_out_detectors(board)),
        ".html": draw_page(lay_out_detectors(board)),
    }
    return _save(folder, DETECTORS, to_json(board), texts)


def save_generators(board: GeneratorBoard, folder: Path) -> list[Path]:
    """Write ``generators.json``, ``.csv``, ``.md`` and ``.html``; return the files.

    Raises:
        OSError: A file cannot be written.
    """
    rows = (
        row
        for protocol, table in board.protocols.items()
        for line in table.rows
        for row in _list_generator(protocol, line)
    )
    texts = {
        ".csv": write_csv(GENERATOR_COLUMNS, rows),
        ".md": write_markdown(lay_out_generators(board)),
        ".html": draw_page(lay_out_generators(board)),
    }
    return _save(folder, GENERATORS, to_json(board), texts)


def _save(folder: Path, name: str, record: object, texts: Mapping[str, str]) -> list[Path]:
    write_json(folder / f"{name}.json", record)
    for ending, text in texts.items():
        with write_whole(folder / f"{name}{ending}") as draft:
            draft.write_text(text, encoding="utf-8")
    return [folder / f"{name}{ending}" for ending in (".json", *texts)]


def _list_detector(protocol: str, row: DetectorRow) -> Iterator[dict[str, Any]]:
    common = {
        "protocol": protocol,
        "rank": row.rank,
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
        "group": row.group,
        "kind": row.kind,
        "name": row.name,
        "marks": " ".join(mark.symbol for mark in row.marks),
        "tier": row.tier,
        "modality": row.modality,
        "org": row.org,
        "model": row.model,
        "revision": row.revision,
        "link": row.link,
        "folder": row.folder,
        "reason": row.reason or "",
    }
    parts = [("test", "mean", row.mean)]
    parts += [("test", name, numbers) for name, numbers in row.cells.items()]
    parts += [("extra", name, numbers) for name, numbers in row.extra.items()]
    if not row.mean:
        yield common
        return
    for part, generator, numbers in parts:
        for metric, own in numbers.items():
            yield {
                **common,
                "part": part,
                "generator": generator,
                **_spread(metric, own),
            }


def _spread(metric: str, own: Estimate) -> dict[str, Any]:
    return {
        "metric": metric,
        "value": own.value,
        "low": own.low,
        "high": own.high,
        "below_resolution": own.below_resolution,
    }


def _list_generator(protocol: str, row: GeneratorRow) -> Iterator[dict[str, Any]]:
    common = {
        "protocol": protocol,
        "rank": row.rank,
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
        "group": row.group,
        "name": row.name,
        "part": row.part,
        "n_fake": row.videos and row.videos.fake,
        "n_real": row.videos and row.videos.real,
    }
    if not row.mean:
        yield {**common, "folder": row.folder}
    for metric, own in row.mean.items():
        yield {**common, "detector": "mean", **_spread(metric, own)}
    for metric, value in row.floor.items():
        yield {**common, "detector": "metadata", "metric": metric, "value": value}
    for catch in row.by_detector:
        named = {"detector": catch.name, "folder": catch.folder}
        yield {**common, **named, "metric": "t1", "value": catch.t1}
        yield {**common, **named, "metric": "t01", "value": catch.t01}


def write_markdown(sheets: SheetSet) -> str:
    """Return the sheets of a board as Markdown."""
    parts = [f"# {sheets.title}", *map(_write_sheet, sheets.sheets)]
    parts += [_write_list("How to read this", sheets.notes)]
    parts += [_write_list("Left out", sheets.left_out)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _write_sheet(sheet: Sheet) -> str:
    lines = [f"## {without_markup(sheet.title)}", ""]
    if sheet.lead:
        lines += [without_markup(sheet.lead), ""]
    if sheet.rows:
        lines.append(markdown_row(sheet.headings))
        lines.append(markdown_row(["---:", "---", "---", *["---:"] * (len(sheet.headings) - 3)]))
        lines += [markdown_row(_write_cells(row)) for row in sheet.rows]
    texts = [_write_list("", sheet.notes), _write_list("Not ranked", sheet.unranked)]
    return "\n".join([*lines, *(f"\n{text}" for text in texts if text)])


def _write_cells(row: SheetRow) -> list[str]:
    cells = [without_markup(text) for text in row.cells]
    # The bracket that closes a link must be ours, not one in the name.
    name, below = (text.replace("]", "\\]") for text in (cells[2], without_markup(row.below)))
    if row.link:
        name = f"[{name}]({row.link})"
    cells[2] = f"{name} · {below}" if below else name
    return cells


def _write_list(title: str, texts: tuple[str, ...]) -> str:
    if not texts:
        return ""
    lines = [f"- {without_markup(text)}" for text in texts]
    return "\n".join([f"**{title}**", "", *lines] if title else lines)
