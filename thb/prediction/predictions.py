"""One row per video: what a detector said of it, or why it said nothing.

Predictions are the primary artefact: numbers, tables and boards are pure functions of the Parquet
file that this module writes. While a run goes on its rows are appended to a log, so that a killed
run continues where it stopped (``PredictionLog``).
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from thb.runs.provenance import ScoringRecord, read_scoring_record
from thb.runtime.records import to_json
from thb_dataset.errors import IncompletePredictionsError, ResultError

if TYPE_CHECKING:
    import pyarrow as pa

    from thb.prediction.throughput import Throughput

_RUN_KEY = b"thb.run"
_SAME_SCORE = 1e-6
"""Two scores of one video closer than this are one: rounding differs between machines."""


class Status(StrEnum):
    """What became of a video."""

    OK = "ok"
    NO_FACE = "no_face"
    NO_AUDIO = "no_audio"
    MISSING = "missing"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a detector said of one video.

    Attributes:
        video_id: As in the release, or the path of a file that belongs to none.
        label: 1 fake, 0 real; None where it is not known.
        generator: Which generator made it; None for a real video.
        portrait: Face shown, where known.
        driver: Clip that moves the face, where known.
        real_dataset: Where a real video comes from.
        split: Part of the protocol that it was scored in (``test``, ``extra``).
        status: ``ok`` if and only if there is a score.
        reason: Why there is none, in one line.
        score: P(fake) within [0, 1].
        clip_logits: The detector's number for each clip, higher = fake, in the order of time.
        clips: How many clips were scored.
        faces: Faces followed in the video, the chosen one included.
    """

    video_id: str
    label: int | None = None
    generator: str | None = None
    portrait: str | None = None
    driver: str | None = None
    real_dataset: str | None = None
    split: str = ""
    status: Status
    reason: str | None = None
    score: float | None = None
    clip_logits: tuple[float, ...] = ()
    clips: int = 0
    faces: int = 0

    def __post_init__(self) -> None:
        """Refuse a row that contradicts itself.

        Raises:
            ResultError: Label, status, score and logits do not fit together.
        """
        object.__setattr__(self, "clip_logits", tuple(self.clip_logits))
        try:
            object.__setattr__(self, "status", Status(self.status))
        except ValueError:
            raise ResultError(f"{self.video_id}: unknown status {self.status!r}") from None
        if self.label not in (None, 0, 1):
            raise ResultError(f"{self.video_id}: label {self.label!r} is none of 0, 1")
        if (self.status is Status.OK) != (self.score is not None):
            raise ResultError(f"{self.video_id}: status {self.status} with score {self.score}")
        if self.score is not None and not 0 <= self.score <= 1:
            raise ResultError(f"{self.video_id}: score {self.score} is not within [0, 1]")
        if not all(map(math.isfinite, self.clip_logits)):
            raise ResultError(f"{self.video_id}: a clip's logit is not a finite number")

    def agrees_with(self, other: Prediction) -> bool:
        """Say whether both rows say the same of the same video, up to rounding."""
        if self.score is None or other.score is None:
            return self == other
        same = self.video_id == other.video_id and self.label == other.label
        return same and abs(self.score - other.score) <= _SAME_SCORE


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The rows of one run, sorted by ``video_id``.

    Attributes:
        rows: One per video.
        run: What was scored with what.
        throughput: How fast this process and its siblings scored them; None for rows that were
            read from a file. It is no part of what the rows say.
    """

    rows: tuple[Prediction, ...]
    run: ScoringRecord
    throughput: Throughput | None = field(default=None, compare=False)

    def check(self, expected_ids: Collection[str]) -> None:
        """Make sure that every expected video has its one row, and no other has any.

        Raises:
            IncompletePredictionsError: The offenders are named, ten of a kind at most.
        """
        ids = [row.video_id for row in self.rows]
        groups = {
            "without a row": sorted(set(expected_ids) - set(ids)),
            "not of this split": sorted(set(ids) - set(expected_ids)),
            "twice": sorted(name for name, count in Counter(ids).items() if count > 1),
        }
        problems = [
            f"{len(names)} {what}: {_some(names)}" for what, names in groups.items() if names
        ]
        if problems:
            raise IncompletePredictionsError("predictions: " + "; ".join(problems))


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")


def merge_rows(rows: Iterable[Prediction]) -> tuple[Prediction, ...]:
    """Return one row per video, sorted by ``video_id``.

    Raises:
        ResultError: Two rows of one video contradict each other.
    """
    kept: dict[str, Prediction] = {}
    for row in rows:
        first = kept.setdefault(row.video_id, row)
        if not first.agrees_with(row):
            raise ResultError(
                f"{row.video_id} has two rows that contradict each other ({first.status} "
                f"{first.score} and {row.status} {row.score}): delete the log and run again"
            )
    return tuple(kept[name] for name in sorted(kept))


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write a Parquet file, whole or not at all; the same rows give the same bytes.

    Raises:
        OSError: The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [asdict(row) for row in sorted(predictions.rows, key=lambda row: row.video_id)]
    schema = _schema().with_metadata({_RUN_KEY: _canonical(predictions.run).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_predictions(path: str | Path) -> Predictions:
    """Read what ``write_predictions`` wrote.

    Raises:
        ResultError: No such file, not Parquet, other columns, or a row that contradicts itself.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # ParquetFile, not read_table: that one reads "key=value" in folder names as columns.
        table = pq.ParquetFile(path).read()
        run = read_scoring_record((table.schema.metadata or {}).get(_RUN_KEY, b"{}"))
        rows = [Prediction(**row) for row in table.select(_schema().names).to_pylist()]
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{path} holds no predictions: {error}") from error
    return Predictions(rows=tuple(rows), run=run)


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {
        "label": pa.int8(),
        "score": pa.float64(),
        "clip_logits": pa.list_(pa.float64()),
        "clips": pa.int32(),
        "faces": pa.int32(),
    }
    names = [column.name for column in fields(Prediction)]
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names])


def _canonical(run: ScoringRecord) -> str:
    return json.dumps(to_json(run), sort_keys=True, ensure_ascii=False)


class PredictionLog:
    """Rows on disk as soon as they are known: one append-only JSON Lines file per process.

    Opening it again finds every row that any process wrote before, whatever their number was; a
    last line torn by a kill is dropped. Rows of another run are never mixed in.

    Args:
        folder: Where the files lie; made if need be.
        run: What is scored with what. The same in every process, and in the run continued.
        rank: Which process this is; it appends to its own file only.

    Raises:
        ResultError: The folder holds the log of another run, or lines that are no rows.

    Attributes:
        done: Rows known so far by ``video_id``, those of earlier runs included.
    """

    def __init__(self, folder: Path, run: ScoringRecord, *, rank: int = 0) -> None:
        self.folder = folder
        self.run = run
        self._header = f'{{"run": {_canonical(run)}}}'
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for path in sorted(folder.glob("rank-*.jsonl")) for row in self._read(path)]
        self.done = {row.video_id: row for row in merge_rows(rows)}
        self._file = self._open_own(folder / f"rank-{rank}.jsonl")

    def append(self, row: Prediction) -> None:
        """Put a row on disk; when this returns, a kill does not lose it.

        Raises:
            OSError: The disk is full; the rows before this one are safe.
        """
        line = json.dumps(asdict(row), ensure_ascii=False, allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done[row.video_id] = row

    def close(self) -> None:
        """Close this process's file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open_own(self, path: Path) -> BinaryIO:
        whole = b"".join(_whole_lines(path))
        stream = path.open("r+b" if path.exists() else "w+b")
        stream.truncate(len(whole))
        stream.seek(len(whole))
        if not whole:
            stream.write(self._header.encode() + b"\n")
            stream.flush()
        return stream

    def _read(self, path: Path) -> list[Prediction]:
        header, *lines = _whole_lines(path) or [b""]
        if header and header.decode(errors="replace").rstrip("\n") != self._header:
            raise ResultError(
                f"{path} is the log of another run (another detector, release, protocol or "
                "version): give another --out, or delete that folder to score anew"
            )
        try:
            return [Prediction(**json.loads(line)) for line in lines]
        except (TypeError, ValueError) as error:
            raise ResultError(f"{path} holds a line that is no row: {error}; delete it") from error


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines that end as lines do; what a kill tore off is not one."""
    if not path.exists():
        return []
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
