"""Predictions: one row per video, with its score or the reason why it has none.

Predictions are the primary artefact: numbers, tables and boards are pure functions of the Parquet
file that this module writes. During a run the rows are appended to a :class:`PredictionLog`, so
that a killed run continues where it stopped.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from thb.prediction.row_files import read_rows, write_canonical, write_rows
from thb.runs.identity import explain_other_scoring
from thb.runs.provenance import ScoringRecord, read_scoring_record
from thb_dataset.errors import IncompletePredictionsError, ResultError
from thb_dataset.files import parse_json
from thb_dataset.wording import shorten_list

if TYPE_CHECKING:
    from thb.prediction.throughput import Throughput

_log = logging.getLogger(__name__)

NAMES_SHOWN = 10
_CONTENT_KEY = "content"
"""The key of a log's line for the digest of the video's file; the Parquet file does not hold it."""

_SAME_SCORE = 1e-6
"""Two scores of a video that differ by less are the same: machines round differently."""


class Status(StrEnum):
    """Whether a video has a score, or why it has none."""

    OK = "ok"
    NO_FACE = "no_face"
    NO_AUDIO = "no_audio"
    MISSING = "missing"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The score of one video, and what the release says about the video.

    Attributes:
        video_id: The id in the release, or the path of a file that belongs to no release.
        label: 1 fake, 0 real; None if it is unknown.
        generator: The generator that made the video; None for a real video.
        portrait: The face shown, if it is known.
        driver: The clip that moves the face, if it is known.
        real_dataset: The dataset that a real video comes from.
        split: The part of the protocol that the video was scored in (``test``, ``extra``).
        status: ``ok`` if and only if there is a score.
        reason: Why there is no score, in one line.
        score: P(fake), within [0, 1].
        clip_logits: The logit of each clip in order of time; a higher number means fake.
        clips: The number of clips that were scored.
        faces: The number of faces tracked in the video, including the chosen one.
        warnings: What is unusual about the video and may matter to the score, a sentence each.
    """

    video_id: str
    label: int | None = field(default=None, metadata={"column": "int8"})
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
    warnings: tuple[str, ...] = field(default=(), metadata={"later": True})

    def __post_init__(self) -> None:
        """Refuse a row that contradicts itself.

        Raises:
            ResultError: Label, status, score and logits do not go together.
        """
        object.__setattr__(self, "clip_logits", tuple(self.clip_logits))
        object.__setattr__(self, "warnings", tuple(self.warnings))
        try:
            object.__setattr__(self, "status", Status(self.status))
        except ValueError:
            raise ResultError(f"{self.video_id}: unknown status {self.status!r}") from None
        if self.label not in (None, 0, 1):
            raise ResultError(f"{self.video_id}: label {self.label!r} is neither 0 nor 1")
        if (self.status is Status.OK) != (self.score is not None):
            raise ResultError(f"{self.video_id}: status {self.status} with score {self.score}")
        if self.score is not None and not 0 <= self.score <= 1:
            raise ResultError(f"{self.video_id}: score {self.score} is not within [0, 1]")
        if not all(map(math.isfinite, self.clip_logits)):
            raise ResultError(f"{self.video_id}: a clip's logit is not a finite number")

    @property
    def key(self) -> tuple[str, int]:
        """What tells the row from others: the video, and 0 for all of it."""
        return self.video_id, 0

    def agrees_with(self, other: Prediction) -> bool:
        """Return whether both rows say the same about the same video, up to rounding."""
        if self.score is None or other.score is None:
            return self == other
        same = self.video_id == other.video_id and self.label == other.label
        return same and abs(self.score - other.score) <= _SAME_SCORE


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The rows of one run, sorted by ``video_id``.

    Attributes:
        rows: One row per video.
        run: The provenance of the scores.
        throughput: How fast the processes of the run scored the videos; None for rows that were
            read from a file. Comparisons ignore it.
    """

    rows: tuple[Prediction, ...]
    run: ScoringRecord
    throughput: Throughput | None = field(default=None, compare=False)

    def check(self, expected_ids: Collection[str]) -> None:
        """Check that every expected video has exactly one row, and that no other video has one.

        Raises:
            IncompletePredictionsError: They do not; the message names up to ten videos of each
                kind.
        """
        ids = [row.video_id for row in self.rows]
        groups = {
            "without a row": sorted(set(expected_ids) - set(ids)),
            "not of this split": sorted(set(ids) - set(expected_ids)),
            "twice": sorted(name for name, count in Counter(ids).items() if count > 1),
        }
        problems = [
            f"{len(names)} {fault}: {shorten_list(names, NAMES_SHOWN)}"
            for fault, names in groups.items()
            if names
        ]
        if problems:
            raise IncompletePredictionsError("predictions: " + "; ".join(problems))


def merge_rows(rows: Iterable[Prediction]) -> tuple[Prediction, ...]:
    """Return one row per video, or per face of a video, sorted by ``video_id``.

    Raises:
        ResultError: Two rows of one video contradict each other.
    """
    kept: dict[tuple[str, int], Prediction] = {}
    for row in rows:
        first = kept.setdefault(row.key, row)
        if not first.agrees_with(row):
            raise ResultError(
                f"{row.video_id} has two rows that contradict each other ({first.status} "
                f"{first.score} and {row.status} {row.score}): delete the log and run again"
            )
    return tuple(kept[name] for name in sorted(kept))


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write a Parquet file, whole or not at all; the same rows give the same bytes.

    Raises:
        ResultError: The rows are of single faces and not of videos.
        OSError: The file cannot be written.
    """
    if any(row.key[1] for row in predictions.rows):
        raise ResultError("predictions: rows of single faces cannot be kept; score without them")
    rows = sorted(predictions.rows, key=lambda row: row.video_id)
    write_rows(path, Prediction, rows, predictions.run)


def read_predictions(path: str | Path) -> Predictions:
    """Read what :func:`write_predictions` wrote.

    Raises:
        ResultError: The file does not exist, is not Parquet, lacks a column, or holds a row that
            contradicts itself.
    """
    rows, run = read_rows(path, Prediction, what="predictions")
    return Predictions(rows=rows, run=run)


class PredictionLog:
    """A log that saves every row at once: one append-only JSON Lines file per process.

    A log that is opened again reads the rows of all processes, however many there were. A line
    that a kill or a full disk left torn is dropped, wherever it stands: its video is scored again.
    The log of another run is refused. A row holds for the content of its file: each line keeps
    both, so that a file that was mended or replaced is scored again.

    Args:
        folder: The folder of the files; created if it does not exist.
        run: The provenance of the scores: the same in every process and in the continued run.
        rank: The number of this process, which appends only to its own file.

    Raises:
        ResultError: The folder holds the log of another run.
    """

    def __init__(self, folder: Path, run: ScoringRecord, *, rank: int = 0) -> None:
        self.folder = folder
        self.run = run
        self._header = f'{{"run": {write_canonical(run)}}}'
        folder.mkdir(parents=True, exist_ok=True)
        by_content: dict[str | None, list[Prediction]] = defaultdict(list)
        for path in sorted(folder.glob("rank-*.jsonl")):
            for content, row in self._read(path):
                by_content[content].append(row)
        self._rows = {
            (row.video_id, content): row
            for content, rows in by_content.items()
            for row in merge_rows(rows)
        }
        self._file = self._open_own(folder / f"rank-{rank}.jsonl")

    @property
    def done(self) -> dict[str, Prediction]:
        """The rows known so far by ``video_id``, including those of earlier runs."""
        return {name: self._rows[name, content] for name, content in sorted(self._rows, key=str)}

    def find(self, video_id: str, content: str | None) -> Prediction | None:
        """Return the row of a video whose file has this content; None if there is none.

        A row of an older version does not say which content it was made from. It is believed,
        except that a file that could not be read then is tried again.

        Args:
            video_id: The id of the video.
            content: The digest of its file; None if it is not known.
        """
        if (row := self._rows.get((video_id, content))) is not None:
            return row
        old = self._rows.get((video_id, None))
        return None if old is None or old.status is Status.ERROR else old

    def append(self, row: Prediction, *, content: str | None = None) -> None:
        """Write a row to the disk; after this returns, a kill does not lose it.

        Args:
            row: The row.
            content: The digest of the file that it was made from; None if it is not known.

        Raises:
            OSError: The disk is full; earlier rows are safe.
        """
        values = asdict(row) | ({} if content is None else {_CONTENT_KEY: content})
        line = json.dumps(values, ensure_ascii=False, allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._rows[row.video_id, content] = row

    def close(self) -> None:
        """Close the file of this process."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_own(self, path: Path) -> BinaryIO:
        """Open the file of this process, without the lines that are torn."""
        header, *lines = _whole_lines(path) or [b""]
        lines = [line for line in lines if _is_json(header) and _read_row(line) is not None]
        whole = b"".join((self._header.encode() + b"\n", *lines))
        stream = path.open("r+b" if path.exists() else "w+b")
        if stream.read() != whole:
            stream.seek(0)
            stream.write(whole)
            stream.truncate()
            stream.flush()
        return stream

    def _explain_other(self, header: bytes) -> str:
        """Return in words how the run of a log differs from this one; empty if it is the same."""
        try:
            run = read_scoring_record(json.dumps(parse_json(header)["run"]))
        except (KeyError, TypeError, ValueError):
            return "it does not say of which"
        return explain_other_scoring(run, self.run)

    def _read(self, path: Path) -> list[tuple[str | None, Prediction]]:
        header, *lines = _whole_lines(path) or [b""]
        if _is_json(header) and (other := self._explain_other(header)):
            raise ResultError(
                f"{path} is the log of another run ({other}): pass another --out, or --overwrite"
                " to score again"
            )
        rows = [_read_row(line) for line in lines] if _is_json(header) else []
        kept = [row for row in rows if row is not None]
        if len(kept) < len(lines):
            _log.warning(
                "%s: %d of %d lines are torn; their videos are scored again",
                path,
                len(lines) - len(kept),
                len(lines),
            )
        return kept


def _is_json(line: bytes) -> bool:
    try:
        parse_json(line)
    except ValueError:
        return False
    return True


def _read_row(line: bytes) -> tuple[str | None, Prediction] | None:
    """Return the row of a line and the digest of its file; None for a line that is torn."""
    try:
        values = parse_json(line)
        return values.pop(_CONTENT_KEY, None), Prediction(**values)
    except (AttributeError, TypeError, ValueError, ResultError):
        return None


def _whole_lines(path: Path) -> list[bytes]:
    """Return the complete lines of a file; a kill may have left an incomplete one at the end."""
    if not path.exists():
        return []
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
