"""Look at a Parquet file of strangers before its rows are read.

Ten megabytes of Parquet can hold terabytes of rows: a column of one value, said a billion times, is
a few bytes. So the counts in the footer are read first, and then the columns in small batches,
each of which is measured before the next one is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from thb.prediction.predictions import Prediction
from thb.prediction.row_files import RUN_KEY, make_schema
from thb_dataset.errors import first_line

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MOST_ROWS: Final = 20_000
MOST_VALUES: Final = 100
"""Of a list in one row: clips of a video, or warnings about it."""
MOST_BYTES: Final = 100 * 1024 * 1024
LONGEST_TEXT: Final = 1_000
LARGEST_RECORD: Final = 1024 * 1024
_BATCH: Final = 16
_BATCH_BYTES: Final = 4 * 1024 * 1024


def explain_parquet(path: Path) -> str | None:
    """Return why the predictions in a file should not be read; None if they can be.

    Args:
        path: A file of at most 10 MB.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        return _explain_footer(file) or _explain_batches(file)
    except (OSError, pa.ArrowException, ValueError, TypeError, KeyError) as error:
        return f"is no Parquet file that can be read: {first_line(error)[:200]}"


def _explain_footer(file: pq.ParquetFile) -> str | None:
    footer, found, expected = file.metadata, file.schema_arrow, make_schema(Prediction)
    if len(found.names) != len(expected.names) or set(found.names) != set(expected.names):
        wrong = sorted(set(found.names) ^ set(expected.names))
        return (
            f"has other columns than predictions have: {', '.join(wrong)[:200] or 'doubled ones'}"
        )
    other = [name for name in expected.names if found.field(name).type != expected.field(name).type]
    if other:
        return f"has columns of another type: {', '.join(other)}"
    if footer.num_rows > MOST_ROWS:
        return f"has {footer.num_rows:,} rows; a fold has at most {MOST_ROWS:,}"
    record = (footer.metadata or {}).get(RUN_KEY, b"")
    if len(record) > LARGEST_RECORD:
        return f"has a record of {len(record):,} bytes; {LARGEST_RECORD:,} are allowed"
    return _explain_chunks(footer)


def _explain_chunks(footer: pq.FileMetaData) -> str | None:
    chunks = [
        footer.row_group(at).column(column)
        for at in range(min(footer.num_row_groups, MOST_ROWS))
        for column in range(footer.num_columns)
    ]
    size = sum(max(chunk.total_uncompressed_size, 0) for chunk in chunks)
    if size > MOST_BYTES:
        return f"becomes {size:,} bytes when it is read; {MOST_BYTES:,} are allowed"
    largest = max((chunk.num_values for chunk in chunks), default=0)
    if largest > MOST_VALUES * max(footer.num_rows, 1):
        return f"has {largest:,} values in one column of {footer.num_rows:,} rows"
    return None


def _explain_batches(file: pq.ParquetFile) -> str | None:
    """Read the rows, which may be other than the footer says, and keep none of them."""
    rows = size = 0
    for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if batch.nbytes > _BATCH_BYTES or size > MOST_BYTES or rows > MOST_ROWS:
            return f"becomes more than {min(size, MOST_BYTES):,} bytes within {rows:,} rows"
        for name, longest in _measure_columns(batch):
            limit = LONGEST_TEXT if longest[0] == "characters" else MOST_VALUES
            if longest[1] > limit:
                return f"has {longest[1]:,} {longest[0]} in a row of {name}; {limit:,} are allowed"
    if rows != file.metadata.num_rows:
        return f"has {rows:,} rows where it says {file.metadata.num_rows:,}"
    return None


def _measure_columns(batch: pa.RecordBatch) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield the length of the longest text or list of each column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        inner = column
        if pa.types.is_list(column.type):
            yield name, ("values", pc.max(pc.list_value_length(column)).as_py() or 0)
            inner = column.flatten()
        if pa.types.is_string(inner.type):
            yield name, ("characters", pc.max(pc.utf8_length(inner)).as_py() or 0)
