"""Predictions as columns: a fold of a submission in a few arrays, never an object per video."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.inputs import FloatArray
from thb.prediction.predictions import Status
from thb.prediction.row_files import RUN_KEY
from thb.runs.provenance import FoldScoringRecord, Mark, read_scoring_record
from thb.runs.record import ReleaseRecord
from thb_dataset.errors import ResultError, first_line
from thb_dataset.files import find_fault

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MOST_BYTES: Final = 50_000_000
MOST_ROWS: Final = 100_000
"""No release of the benchmark has a tenth of these: a file beyond them is not read."""

IDENTITY: Final = ("video_id", "label", "generator", "portrait", "driver", "real_dataset", "split")
"""The columns that say what a video is: they must be the same in every submission."""

_SCORED: Final = ("status", "score")


@dataclass(frozen=True, kw_only=True)
class FoldOrigin:
    """What a board needs to know of where the scores of a fold come from.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``.
        fold: The name of the fold.
        split_by: The reading of the release's splits.
        release: The release that was scored.
        model_type: The ``model_type`` of the detector.
        marks: What sets the scores apart.
    """

    protocol: str
    fold: str
    split_by: str
    release: ReleaseRecord
    model_type: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldColumns:
    """The predictions of one fold, sorted by ``video_id``.

    Attributes:
        origin: Where the scores come from.
        videos: The columns of :data:`IDENTITY`, N rows.
        digest: A digest of these columns: equal digests mean the same videos.
        scores: float64 (N,), P(fake); NaN for a video without a score.
    """

    origin: FoldOrigin
    videos: pa.Table
    digest: str
    scores: FloatArray


KnownVideos = dict[str, tuple[str, "pa.Table"]]
"""The digest and the columns of videos that were read before, by a digest of their bytes."""


def read_columns(path: Path, known: KnownVideos | None = None) -> FoldColumns:
    """Read the predictions of a fold.

    Args:
        path: The file.
        known: Videos that other files hold. The toolkit writes the same videos as the same bytes,
            which are then read once. New videos are added.

    Raises:
        ResultError: The file is too large, is not Parquet, lacks a column, has rows that
            contradict themselves or each other, or does not name its fold.
    """
    import pyarrow as pa

    fault = find_fault(path)
    if fault is not None:
        raise ResultError(f"{path.name}: {fault}")
    if path.stat().st_size > MOST_BYTES:
        raise ResultError(f"{path.name} has more than {MOST_BYTES:,} bytes")
    try:
        return _read(path.read_bytes(), path.name, {} if known is None else known)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{path.name} holds no predictions: {first_line(error)}") from error


def _read(data: bytes, name: str, known: KnownVideos) -> FoldColumns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(pa.BufferReader(data)) as file:
        if file.metadata.num_rows > MOST_ROWS:
            raise ResultError(f"{name} has more than {MOST_ROWS:,} rows")
        run = read_scoring_record((file.schema_arrow.metadata or {}).get(RUN_KEY, b"{}"))
        if not isinstance(run, FoldScoringRecord):
            raise ResultError(f"{name} does not name its protocol and fold")
        print_of_bytes = _fingerprint(file.metadata, data)
        seen = known.get(print_of_bytes)
        table = _take(file, _SCORED if seen else (*IDENTITY, *_SCORED))
    if seen is None:
        ordered = _sort(table, name)
        videos = ordered.select(IDENTITY).replace_schema_metadata(None)
        seen = _digest(videos), videos
        if ordered is table:
            known[print_of_bytes] = seen
        table = ordered
    return FoldColumns(
        origin=FoldOrigin(
            protocol=run.protocol,
            fold=run.fold,
            split_by=run.split_by,
            release=run.release,
            model_type=run.detector.model_type,
            marks=run.marks,
        ),
        videos=seen[1],
        digest=seen[0],
        scores=_read_scores(table, name),
    )


def _take(file: pq.ParquetFile, names: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    kinds = {"label": pa.int8(), "score": pa.float64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    table = file.read(columns=list(names), use_threads=False)
    return table.select(list(names)).cast(schema).combine_chunks()


def _fingerprint(metadata: pq.FileMetaData, data: bytes) -> str:
    """Return a digest of how a file spells its videos: equal bytes hold equal videos."""
    digest = hashlib.blake2b(digest_size=16)
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(metadata.num_columns):
            column = row_group.column(place)
            if column.path_in_schema not in IDENTITY:
                continue
            kind = metadata.schema.column(place)
            words = (
                *(column.path_in_schema, column.compression, column.num_values),
                *(kind.physical_type, kind.logical_type, kind.max_definition_level),
            )
            start = column.dictionary_page_offset or column.data_page_offset
            digest.update(" ".join(map(str, words)).encode("utf-8", "backslashreplace"))
            digest.update(data[start : start + column.total_compressed_size])
    return digest.hexdigest()


def _sort(table: pa.Table, name: str) -> pa.Table:
    """Return the rows sorted by ``video_id``, of which each may stand there once."""
    import pyarrow.compute as pc

    ids = table["video_id"]
    if ids.null_count or table["label"].null_count or len(ids) == 0:
        raise ResultError(f"{name} has no rows, or rows without a video or a label")
    if not _rises(ids):
        table = table.take(pc.sort_indices(ids)).combine_chunks()
        if not _rises(table["video_id"]):
            raise ResultError(f"{name} has two rows for one video")
    labels = table["label"].to_numpy()
    if not np.isin(labels, (0, 1)).all():
        raise ResultError(f"{name} has labels other than 0 and 1")
    if pc.any(pc.and_(pc.equal(table["label"], 1), pc.is_null(table["generator"]))).as_py():
        raise ResultError(f"{name} has a fake without a generator")
    return table


def _rises(ids: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    return len(ids) < 2 or bool(pc.all(pc.less(ids[:-1], ids[1:])).as_py())


def _digest(videos: pa.Table) -> str:
    """Return a digest of the values, whatever pages and dictionaries the file keeps them in."""
    import pyarrow.compute as pc

    digest = hashlib.blake2b(digest_size=16)
    for name in IDENTITY:
        column = videos[name].combine_chunks()
        if name == "label":
            digest.update(column.to_numpy(zero_copy_only=False).tobytes())
            continue
        # A missing value has the length 0, as an empty text has, so the missing ones are hashed.
        digest.update(np.packbits(pc.is_null(column).to_numpy(zero_copy_only=False)).tobytes())
        lengths = pc.binary_length(pc.fill_null(column, ""))
        digest.update(lengths.to_numpy(zero_copy_only=False).tobytes())
        digest.update(pc.binary_join(_as_list(pc.fill_null(column, "")), "")[0].as_buffer())
    return digest.hexdigest()


def _as_list(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column)


def _read_scores(table: pa.Table, name: str) -> FloatArray:
    import pyarrow.compute as pc

    column = table["score"]
    scored = pc.is_valid(column).to_numpy()
    scores: FloatArray = column.to_numpy()  # a missing score becomes NaN
    is_ok = pc.fill_null(pc.equal(table["status"], Status.OK.value), False).to_numpy()
    if not np.array_equal(scored, is_ok):
        raise ResultError(f"{name} has rows whose status and score contradict each other")
    known = scores[scored]
    if not ((known >= 0) & (known <= 1)).all():
        raise ResultError(f"{name} has scores that are not within [0, 1]")
    return scores
