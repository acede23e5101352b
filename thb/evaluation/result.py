"""The record of an evaluation: every number, with what it was made from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from thb.evaluation.cells import ProtocolNumbers
from thb.evaluation.tables import markdown_table
from thb.runs.provenance import FoldScoringRecord
from thb.runtime.records import read_json, to_json
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Result(ProtocolNumbers):
    """A detector on one protocol: its numbers, and what they were made from.

    Attributes:
        thresholds: Of T1 and T0.1 over all fakes of a fold, by fold; None where nothing is called
            fake. They are read off the Test videos: other videos may give more false alarms.
        runs: What each fold's predictions say of their making, by fold.
        predictions_sha256: Of the rows that the numbers come from, by fold.
    """

    thresholds: Mapping[str, Mapping[str, float | None]]
    runs: Mapping[str, FoldScoringRecord]
    predictions_sha256: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, floats rounded to 6 decimals."""
        record: dict[str, Any] = _rounded({"schema_version": SCHEMA_VERSION, **to_json(self)})
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the result that :meth:`to_dict` described.

        Raises:
            ResultError: Another schema version, or fields that are missing or of another type.
        """
        if record.get("schema_version") != SCHEMA_VERSION:
            raise ResultError(
                f"result schema {record.get('schema_version')!r}; this version reads "
                f"{SCHEMA_VERSION}: score the predictions again"
            )
        try:
            return read_json(cls, json.dumps(record))
        except ValueError as error:
            raise ResultError(f"not the record of a result: {error}") from error

    def save(self, path: Path) -> None:
        """Write JSON: keys sorted, the same result gives the same bytes.

        Raises:
            OSError: The file cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False)
        with write_whole(path) as draft:
            draft.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            ResultError: No such file, not JSON, or not a result.
        """
        try:
            record = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResultError(f"{path} holds no result: {error}") from error
        if not isinstance(record, dict):
            raise ResultError(f"{path} holds no result")
        return cls.from_dict(record)

    def to_markdown(self) -> str:
        """Return the paper's table: one row, columns generators x AUC, T1, T0.1, Brier."""
        return markdown_table([self])


def result_file_name(result: Result) -> str:
    """Return ``result-p3.json``, or ``result-p3-hallo.json`` where that fold is alone."""
    name = next(iter(result.runs)) if len(result.runs) == 1 else result.protocol
    return f"result-{name}.json"


def _rounded(value: Any) -> Any:  # noqa: ANN401 — any JSON value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
