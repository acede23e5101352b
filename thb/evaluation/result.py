"""The result of an evaluation: every number and its provenance, as ``result-<protocol>.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from metrics.talking_head_detection.roc import grade
from thb.evaluation.cells import Cell, ProtocolNumbers
from thb.evaluation.tables import list_caveats, markdown_table, notes
from thb.runs.provenance import FakesRecord, FoldScoringRecord, Mark
from thb.runtime.records import read_json, to_json
from thb_dataset.errors import ResultError
from thb_dataset.files import parse_json, write_whole

SCHEMA_VERSION = 3
AUC_GRADES = 1
"""The version of results whose grades were those of the AUC; they are graded anew when read."""

READ_VERSIONS = (AUC_GRADES, 2, SCHEMA_VERSION)
"""Version 2 does not know ``splits_sha256`` and ``versions``."""


@dataclass(frozen=True, kw_only=True)
class Result(ProtocolNumbers):
    """The numbers of a detector on one protocol, and their provenance.

    Attributes:
        thresholds: The thresholds of T1 and T0.1 over all fakes of a fold, by fold and name; None
            if no video is called fake. They are chosen on the test videos, so other videos may
            give more false alarms.
        runs: The provenance of each fold's predictions, by fold.
        predictions_sha256: The digest of the rows behind the numbers, by fold.
        splits_sha256: The digest of what the release says of the videos in these rows (label,
            generator, portrait, driver, dataset, part), by fold: two detectors with equal digests
            were tested on the same videos. Empty in results of older versions.
        versions: What computed the numbers: the versions of the toolkit, of the metric and of
            numpy. Empty in results of older versions.

    Examples:
        >>> result = thb.Result.load("runs/baseline/result-p3-hallo.json")
        >>> result.protocol, [cell.generator for cell in result.cells]
        ('p3', ['Hallo', 'Hallo3', 'MAGI-1'])
    """

    thresholds: Mapping[str, Mapping[str, float | None]]
    runs: Mapping[str, FoldScoringRecord]
    predictions_sha256: Mapping[str, str]
    splits_sha256: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def narrow(self, fold: str) -> dict[str, Any]:
        """Return the fields, by name, whose values are those of one fold alone."""
        names = ("thresholds", "runs", "predictions_sha256", "splits_sha256")
        own = {name: getattr(self, name) for name in names}
        return super().narrow(fold) | {
            name: {key: value for key, value in values.items() if key == fold}
            for name, values in own.items()
        }

    @property
    def marks(self) -> Mapping[str, tuple[Mark, ...]]:
        """What sets the numbers of a fold apart, by the names of the folds with such marks."""
        return {name: run.marks for name, run in self.runs.items() if run.marks}

    @property
    def fakes(self) -> Mapping[str, FakesRecord]:
        """The folders of fakes that are of no release, by the generator of their column."""
        return {name: found for run in self.runs.values() for name, found in run.fakes.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, with floats rounded to 6 decimals.

        ``notes`` holds the sentences that stand below the result's table.
        """
        values = {"schema_version": SCHEMA_VERSION, "notes": notes([self]), **to_json(self)}
        record: dict[str, Any] = _rounded(values)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the result whose :meth:`to_dict` gave these values.

        Raises:
            ResultError: The record has another schema version, or a field is missing or of
                another type.
        """
        if record.get("schema_version") not in READ_VERSIONS:
            raise ResultError(
                f"the result has schema version {record.get('schema_version')!r}; this version "
                f"reads {', '.join(map(str, READ_VERSIONS))}: score the predictions again"
            )
        try:
            result = read_json(cls, json.dumps(record))
        except ValueError as error:
            raise ResultError(f"the record is not a result: {error}") from error
        if record["schema_version"] == AUC_GRADES:
            return replace(result, cells=tuple(map(_grade_anew, result.cells)))
        return result

    def save(self, path: Path) -> None:
        """Write the result as JSON with sorted keys; equal results give equal bytes.

        Args:
            path: The file; its folder is created if it does not exist.

        Raises:
            OSError: The file cannot be written.
        """
        with write_whole(path) as draft:
            draft.write_text(write_canonical_text(self.to_dict()), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a result that :meth:`save` wrote.

        Raises:
            ResultError: The file does not exist, is not JSON, or does not hold a result.
        """
        record = parse_result(Path(path), read_result_bytes(Path(path)))
        try:
            return cls.from_dict(record)
        except ResultError as error:
            raise ResultError(f"{path}: {error}") from error

    def to_markdown(self) -> str:
        """Return the paper's table in Markdown, with this detector as its only row."""
        caveats = list_caveats([self])
        table = markdown_table([self])
        return "\n".join([table, *caveats, ""]) if caveats else table

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def write_canonical_text(record: Mapping[str, Any]) -> str:
    """Return the JSON of a result as files hold it: sorted keys, two spaces, a final new line."""
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def parse_result(path: Path, data: bytes) -> dict[str, Any]:
    """Return the JSON values that a file of a result holds, whatever they are.

    Args:
        path: The file, for messages.
        data: Its bytes.

    Raises:
        ResultError: The bytes are not JSON, or not of an object.
    """
    try:
        record = parse_json(data)
    except ValueError as error:
        raise ResultError(f"{path} does not hold a result: {error}; {_NAME_ONE}") from error
    if not isinstance(record, dict):
        raise ResultError(f"{path} does not hold a result; {_NAME_ONE}")
    return record


def read_result_bytes(path: Path) -> bytes:
    """Return the bytes of a result file.

    Raises:
        ResultError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ResultError(f"{path} does not hold a result: {error}; {_NAME_ONE}") from error


_NAME_ONE: Final = "name a file such as result-p3.json, which thb evaluate and thb score write"


def result_file_name(result: Result) -> str:
    """Return ``result-p3.json``, or ``result-p3-hallo.json`` if the result has only that fold."""
    name = next(iter(result.runs)) if len(result.runs) == 1 else result.protocol
    return f"result-{name}.json"


def _grade_anew(cell: Cell) -> Cell:
    t1 = cell.measures.get("t1")
    if t1 is None:
        return replace(cell, grade=None)
    return replace(cell, grade=grade(t1.value, n_real=cell.n_real, n_fake=cell.n_fake))


def _rounded(value: Any) -> Any:  # noqa: ANN401 — any JSON value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
