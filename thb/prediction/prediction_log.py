"""The log of a scoring in progress, from which a killed run continues where it stopped."""

from __future__ import annotations

import json
import logging
import os
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Self

from thb.prediction.predictions import Prediction, Status, merge_rows
from thb.prediction.row_files import write_canonical
from thb.runs.identity import explain_other_scoring
from thb.runs.provenance import ScoringRecord, read_scoring_record
from thb_dataset.errors import ResultError
from thb_dataset.files import parse_json

_log = logging.getLogger(__name__)

_CONTENT_KEY = "content"
"""The key of a log's line for the digest of the video's file; the Parquet file does not hold it."""


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
