"""Parquet files with one row per video: a dataclass gives the columns, the metadata the run.

A field's annotation gives the type of its column. Three keys of its metadata refine this:

- ``"column"``: another type, such as ``"int8"``;
- ``"keys"``: the field is a mapping with these keys, and each of them gets a column of its own,
  named ``<field>_<key>``. Where one of the values is missing, the whole mapping is read as None;
- ``"later"``: files of older versions lack the column, and get the field's default.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_type_hints

from thb.runs.provenance import ScoringRecord, read_scoring_record
from thb.runtime.records import to_json
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    import pyarrow as pa
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")

RUN_KEY: Final = b"thb.run"
"""Key of the run's record in the metadata of the file."""

_COLUMNS: Final[Mapping[object, str]] = {
    float: "double",
    int: "int32",
    tuple[float, ...]: "list<double>",
    tuple[str, ...]: "list<string>",
}
"""Types of columns by the type of a field; every other field is a string."""


def write_rows(path: Path, row_type: type[Row], rows: Iterable[Row], run: ScoringRecord) -> None:
    """Write rows as Parquet, whole or not at all; the same rows give the same bytes.

    Args:
        path: The file; its folder is created if it does not exist.
        row_type: The dataclass of the rows.
        rows: The rows, in the order in which they are written.
        run: The record of the run that gave the rows.

    Raises:
        OSError: The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = make_schema(row_type).with_metadata({RUN_KEY: write_canonical(run).encode()})
    table = pa.Table.from_pylist([_flatten(row) for row in rows], schema=schema)
    with write_whole(path) as draft:
        pq.write_table(table, draft)


def read_rows(
    path: str | Path, row_type: type[Row], *, what: str
) -> tuple[tuple[Row, ...], ScoringRecord]:
    """Read the rows that :func:`write_rows` wrote, and the record of their run.

    Args:
        path: The file.
        row_type: The dataclass of the rows.
        what: The plural noun for the rows in messages, such as ``predictions``.

    Raises:
        ResultError: The file does not exist, is not Parquet, lacks a column, or holds a row that
            contradicts itself.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # ParquetFile, not read_table, which reads "key=value" in folder names as columns.
        table = pq.ParquetFile(path).read()
        run = read_scoring_record((table.schema.metadata or {}).get(RUN_KEY, b"{}"))
        later = {field.name for field in fields(row_type) if "later" in field.metadata}
        absent = later - set(table.column_names)
        names = [name for name in make_schema(row_type).names if name not in absent]
        lines = table.select(names).to_pylist()
        rows = tuple(row_type(**_unflatten(row_type, line)) for line in lines)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ResultError(
            f"{path} holds no {what}: {error}; give a run folder, or a Parquet file that thb wrote"
        ) from error
    return rows, run


def write_canonical(run: ScoringRecord) -> str:
    """Return JSON text that is the same for equal records."""
    return json.dumps(to_json(run), sort_keys=True, ensure_ascii=False)


def make_schema(row_type: type[DataclassInstance]) -> pa.Schema:
    """Return the columns of a file with such rows."""
    import pyarrow as pa

    types = {
        "int8": pa.int8(),
        "int32": pa.int32(),
        "double": pa.float64(),
        "list<double>": pa.list_(pa.float64()),
        "list<string>": pa.list_(pa.string()),
        "string": pa.string(),
    }
    return pa.schema([(name, types[kind]) for name, kind in list_columns(row_type)])


def list_columns(row_type: type[DataclassInstance]) -> Iterator[tuple[str, str]]:
    """Yield the name and the type of each column."""
    hints = get_type_hints(row_type)
    for field in fields(row_type):
        if "keys" in field.metadata:
            yield from ((f"{field.name}_{key}", "double") for key in field.metadata["keys"])
        else:
            hint = hints[field.name]
            known = (_COLUMNS[kind] for kind in (hint, *get_args(hint)) if kind in _COLUMNS)
            yield field.name, field.metadata.get("column") or next(known, "string")


def _flatten(row: DataclassInstance) -> dict[str, Any]:
    line: dict[str, Any] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if "keys" in field.metadata:
            values = value or {}
            line |= {f"{field.name}_{key}": values.get(key) for key in field.metadata["keys"]}
        else:
            line[field.name] = value
    return line


def _unflatten(row_type: type[DataclassInstance], line: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields(row_type):
        if "keys" in field.metadata:
            found = {key: line[f"{field.name}_{key}"] for key in field.metadata["keys"]}
            values[field.name] = None if None in found.values() else found
        elif field.name in line:
            values[field.name] = line[field.name]
    return values
