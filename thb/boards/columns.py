"""Predictions as columns: a fold of a submission in a few arrays, never an object per video."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from metrics.talking_head_detection.inputs import FloatArray
from thb.boards.parquet_guard import explain_parquet
from thb.prediction.predictions import Status
from thb.prediction.row_files import RUN_KEY
from thb.runs.provenance import FoldScoringRecord, Mark, read_scoring_record
from thb.runs.record import ReleaseRecord
from thb_dataset.errors import ResultError, first_line

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

IDENTITY: Final = ("video_id", "label", "generator", "portrait", "driver", "real_dataset", "split")
"""The columns that say what a video is: they must be the same in every submission."""

_STATUS: Final = "status"
_SCORE: Final = "score"


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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """What files say of videos beside the scores: the columns, their digest, and who has a score.

    Attributes:
        videos: The columns of :data:`IDENTITY`.
        digest: Their digest.
        is_ok: bool (N,), whether the status says that there is a score.
    """

    videos: pa.Table
    digest: str
    is_ok: npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoMemory:
    """Videos that were read before.

    The toolkit writes the same videos as the same bytes, which are then read once.

    Attributes:
        by_bytes: What was read, by a digest of the bytes.
        by_digest: The videos, by the digest of their columns: equal ones are kept once.
    """

    by_bytes: dict[str, _Seen] = field(default_factory=dict)
    by_digest: dict[str, pa.Table] = field(default_factory=dict)


def read_columns(path: Path, memory: VideoMemory | None = None) -> FoldColumns:
    """Read the predictions of a fold.

    Args:
        path: A file of at most 10 MB.
        memory: Videos that other files hold; new ones are added.

    Raises:
        ResultError: The file is not Parquet, becomes too large when it is read, lacks a column,
            has rows that contradict themselves or each other, or does not name its fold.
    """
    import pyarrow as pa

    try:
        return _read(path, VideoMemory() if memory is None else memory)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{path.name} holds no predictions: {first_line(error)}") from error


def _read(path: Path, memory: VideoMemory) -> FoldColumns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data, name = path.read_bytes(), path.name
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        key = _fingerprint(file.metadata, data)  # with the numbers of rows, which bound the scores
        seen = memory.by_bytes.get(key)
        if seen is None:
            fault = explain_parquet(path)
            if fault is not None:
                raise ResultError(f"{name} {fault}")
        run = read_scoring_record((file.schema_arrow.metadata or {}).get(RUN_KEY, b"{}"))
        if not isinstance(run, FoldScoringRecord):
            raise ResultError(f"{name} does not name its protocol and fold")
        table = _take(file, (_SCORE,) if seen else (*IDENTITY, _STATUS, _SCORE))
    if seen is None:
        ordered = _sort(table, name)
        seen = _remember(ordered, memory)
        if ordered is table:
            memory.by_bytes[key] = seen
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
        videos=seen.videos,
        digest=seen.digest,
        scores=_read_scores(table[_SCORE], seen.is_ok, name),
    )


def _remember(table: pa.Table, memory: VideoMemory) -> _Seen:
    import pyarrow.compute as pc

    videos = table.select(IDENTITY).replace_schema_metadata(None)
    digest = _digest(videos)
    return _Seen(
        videos=memory.by_digest.setdefault(digest, videos),
        digest=digest,
        is_ok=pc.fill_null(pc.equal(table[_STATUS], Status.OK.value), False).to_numpy(),
    )


def _take(file: pq.ParquetFile, names: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    kinds = {"label": pa.int8(), _SCORE: pa.float64()}
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
            if column.path_in_schema not in (*IDENTITY, _STATUS):
                continue
            kind = metadata.schema.column(place)
            words = (
                *(row_group.num_rows, column.path_in_schema, column.compression, column.num_values),
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


def _read_scores(column: pa.ChunkedArray, is_ok: npt.NDArray[np.bool_], name: str) -> FloatArray:
    import pyarrow.compute as pc

    scored = pc.is_valid(column).to_numpy()
    scores: FloatArray = column.to_numpy()  # a missing score becomes NaN
    if not np.array_equal(scored, is_ok):
        raise ResultError(f"{name} has rows whose status and score contradict each other")
    known = scores[scored]
    if not ((known >= 0) & (known <= 1)).all():
        raise ResultError(f"{name} has scores that are not within [0, 1]")
    return scores
