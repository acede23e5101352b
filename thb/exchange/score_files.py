"""Read files of scores that other software wrote: plain CSV, and the workbench's pair of files.

Plain CSV has the columns ``video_id`` and ``score``. The deepfake-workbench writes
``<name>.scores.csv`` with the columns ``dataset, key, compression, label, score, status``, and
beside it ``<name>.scores.meta.json``; its scores are P(fake).
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from thb.runtime.csv_text import read_cell
from thb.runtime.text import escape
from thb_dataset.errors import ResultError
from thb_dataset.files import parse_json
from thb_dataset.wording import shorten_list

WORKBENCH_ENDING: Final = ".scores.csv"
WORKBENCH_META_ENDING: Final = ".scores.meta.json"
WORKBENCH_SCHEMA: Final = "dfwb.scores/1"
WORKBENCH_COLUMNS: Final = ("dataset", "key", "compression", "label", "score", "status")

_SHOWN: Final = 5
_WORDS: Final = 120
"""The longest name of a detector that is taken over from a file."""


@dataclass(frozen=True, kw_only=True)
class GivenScore:
    """A line of a file of scores.

    Attributes:
        video_id: The id that the line names.
        value: The number as it stands there; None for an empty cell.
        label: 1 fake, 0 real; None if the file has no label.
        line: The number of the line, from 1.
    """

    video_id: str
    value: float | None
    label: int | None
    line: int


@dataclass(frozen=True, kw_only=True)
class ScoreFile:
    """A file of scores.

    Attributes:
        path: The file.
        sha256: The digest of its bytes.
        format: ``csv`` or ``workbench``.
        rows: Its lines, each ``video_id`` once.
        origin: What the file says of its detector; None if it says nothing.
    """

    path: Path
    sha256: str
    format: str
    rows: tuple[GivenScore, ...]
    origin: str | None = None


def read_score_file(path: str | Path) -> ScoreFile:
    """Read a file of scores; a name that ends in ``.scores.csv`` means the workbench's format.

    Raises:
        ResultError: The file cannot be read, lacks a column, holds a number that is none, or names
            a video twice; the message names the lines.
    """
    file = Path(path).expanduser()
    try:
        data = file.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(f"{file} holds no scores: {error}") from error
    is_workbench = file.name.endswith(WORKBENCH_ENDING)
    id_column = "key" if is_workbench else "video_id"
    needed = WORKBENCH_COLUMNS if is_workbench else (id_column, "score")
    try:
        rows = tuple(_read_lines(file, text, id_column, needed))
    except csv.Error as error:
        raise ResultError(f"{file} is not CSV: {error}") from error
    _refuse_doubles(file, rows)
    return ScoreFile(
        path=file,
        sha256=hashlib.sha256(data).hexdigest(),
        format="workbench" if is_workbench else "csv",
        rows=rows,
        origin=_read_origin(file) if is_workbench else None,
    )


def _read_lines(
    file: Path, text: str, id_column: str, needed: tuple[str, ...]
) -> Iterator[GivenScore]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    columns = [name.strip() for name in reader.fieldnames or []]
    absent = [name for name in needed if name not in columns]
    if absent:
        raise ResultError(
            f"{file} has no column {', '.join(absent)}; its first line names"
            f" {escape(', '.join(columns)) or 'nothing'}, and must name {', '.join(needed)}"
        )
    reader.fieldnames = columns
    for cells in reader:
        where = f"{file}, line {reader.line_num}"
        if None in cells:
            raise ResultError(f"{where}: more cells than the first line has")
        video_id = read_cell((cells[id_column] or "").strip())
        if not video_id:
            raise ResultError(f"{where}: no {id_column}")
        yield GivenScore(
            video_id=video_id,
            value=_read_value(where, cells),
            label=_read_label(where, cells),
            line=reader.line_num,
        )


def _read_value(where: str, cells: Mapping[str, str | None]) -> float | None:
    text = (cells["score"] or "").strip()
    status = (cells.get("status") or "ok").strip()
    if not text and status in ("missing", "error"):
        return None
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise ResultError(f"{where}: the score {escape(text[:_WORDS])!r} is not a number")
    return value


def _read_label(where: str, cells: Mapping[str, str | None]) -> int | None:
    text = (cells.get("label") or "").strip()
    if not text:
        return None
    known = {"0": 0, "1": 1, "real": 0, "fake": 1}
    if text.lower() not in known:
        raise ResultError(f"{where}: the label {escape(text[:_WORDS])!r} is neither 0 nor 1")
    return known[text.lower()]


def _refuse_doubles(file: Path, rows: tuple[GivenScore, ...]) -> None:
    lines: dict[str, list[int]] = {}
    for row in rows:
        lines.setdefault(row.video_id, []).append(row.line)
    doubled = [
        f"{escape(name)} (lines {', '.join(map(str, found))})"
        for name, found in lines.items()
        if len(found) > 1
    ]
    if doubled:
        raise ResultError(
            f"{file} names {len(doubled)} videos more than once: {shorten_list(doubled, _SHOWN)}"
        )


def _read_origin(file: Path) -> str | None:
    """Return the detector that the workbench's second file names; None if there is no such file."""
    meta_file = file.with_name(file.name.removesuffix(WORKBENCH_ENDING) + WORKBENCH_META_ENDING)
    if not meta_file.is_file():
        return None
    try:
        meta: Any = parse_json(meta_file.read_bytes())
        if meta["schema"] != WORKBENCH_SCHEMA:
            raise ValueError(f"its schema is {meta['schema']!r}, not {WORKBENCH_SCHEMA}")
        detector = meta["detector"]
        words = f"{detector['name']} {detector['version']} ({detector['source']})"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(
            f"{meta_file} does not describe scores of the workbench: {error}"
        ) from error
    return escape(words[:_WORDS])
