"""Predictions as columns: a fold of a submission in a few arrays, never an object per video."""

from __future__ import annotations

import hashlib
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

MOST_BYTES: Final = 50_000_000
MOST_ROWS: Final = 100_000
"""No release of the benchmark has a tenth of these: a file beyond them is not read."""

IDENTITY: Final = ("video_id", "label", "generator", "portrait", "driver", "real_dataset", "split")
"""The columns that say what a video is: they must be the same in every submission."""


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


def read_columns(path: Path) -> FoldColumns:
    """Read the predictions of a fold.

    Raises:
        ResultError: The file is too large, is not Parquet, lacks a column, has rows that
            contradict themselves or each other, or does not name its fold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    fault = find_fault(path)
    if fault is not None:
        raise ResultError(f"{path.name}: {fault}")
    if path.stat().st_size > MOST_BYTES:
        raise ResultError(f"{path.name} has more than {MOST_BYTES:,} bytes")
    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise ResultError(f"{path.name} has more than {MOST_ROWS:,} rows")
            run = read_scoring_record((file.schema_arrow.metadata or {}).get(RUN_KEY, b"{}"))
            table = file.read(columns=[*IDENTITY, "status", "score"], use_threads=False)
        table = table.select([*IDENTITY, "status", "score"]).cast(_schema()).combine_chunks()
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{path.name} holds no predictions: {first_line(error)}") from error
    if not isinstance(run, FoldScoringRecord):
        raise ResultError(f"{path.name} does not name its protocol and fold")
    table = _sort(table, path.name)
    videos = table.select(IDENTITY).replace_schema_metadata(None)
    return FoldColumns(
        origin=FoldOrigin(
            protocol=run.protocol,
            fold=run.fold,
            split_by=run.split_by,
            release=run.release,
            model_type=run.detector.model_type,
            marks=run.marks,
        ),
        videos=videos,
        digest=_digest(videos),
        scores=_read_scores(table, path.name),
    )


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"label": pa.int8(), "score": pa.float64()}
    return pa.schema(
        [(name, kinds.get(name, pa.string())) for name in (*IDENTITY, "status", "score")]
    )


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
