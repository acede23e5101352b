"""The record of an evaluation: every number, with what it was made from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from thb_dataset.errors import ResultError

SCHEMA_VERSION = 1
METRICS = ("auc", "t1", "t01", "brier")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number with its intervals.

    Attributes:
        value: The number, within [0, 1].
        low: Lower end of the 95 % interval: DeLong's for the AUC, exact binomial for T1 and T0.1,
            bootstrap for Brier and for means over generators.
        high: Upper end.
        bootstrap_low: Lower end of the bootstrap interval that resamples drivers and portraits.
        bootstrap_high: Upper end.
        below_resolution: For T1 and T0.1, fewer reals than 1 / target: no false alarm is allowed.
        threshold: For T1 and T0.1, scores from here on are called fake; None where nothing is.
    """

    value: float
    low: float | None = None
    high: float | None = None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    below_resolution: bool = False
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One generator's fakes against the Test reals.

    Attributes:
        fold: Name of the fold, for instance ``p3-hallo``.
        generator: Whose fakes.
        part: ``test``, or ``extra`` for the test-only generators.
        n_real: Scored real videos.
        n_fake: Scored fakes.
        unscored: How many of both are not in the numbers, by status.
        assumed: How many of both have no face and count with the score of the no-face policy.
        measures: By name ``auc``, ``t1``, ``t01``, ``brier``; empty where there is no answer.
        grade: The paper's word for the AUC.
        resampling: How the bootstrap drew: ``components`` or ``crossed``; None without one.
        problem: Why there are no measures.
    """

    fold: str
    generator: str
    part: str
    n_real: int
    n_fake: int
    unscored: Mapping[str, int] = field(default_factory=dict)
    assumed: int = 0
    measures: Mapping[str, Measure] = field(default_factory=dict)
    grade: str | None = None
    resampling: str | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """A detector on one protocol.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``.
        split_by: Which reading of the release's splits (``release`` or ``driver``).
        release: Name, revision, and whether it is synthetic.
        detector: Its ``model_type``; what each fold was scored with stands in ``runs``.
        cells: One per fold and generator.
        mean: Plain mean over the cells of part ``test`` that have an answer, by metric.
        mean_over: The generators of those cells.
        thresholds: Of T1 and T0.1 over all fakes of a fold, by fold; None where nothing is called
            fake. They are read off the Test videos: other videos may give more false alarms.
        runs: What each fold's predictions say of their making, by fold.
        settings: How the numbers were made (method, no-face policy, bootstrap, seed).
        predictions_sha256: Of the rows that the numbers come from, by fold.
    """

    protocol: str
    split_by: str
    release: Mapping[str, Any]
    detector: str
    cells: tuple[Cell, ...]
    mean: Mapping[str, Measure]
    mean_over: tuple[str, ...]
    thresholds: Mapping[str, Mapping[str, float | None]]
    runs: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]
    predictions_sha256: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, floats rounded to 6 decimals."""
        record: dict[str, Any] = _rounded({"schema_version": SCHEMA_VERSION, **asdict(self)})
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` gave.

        Raises:
            ResultError: Another schema version, or keys that are missing or unknown.
        """
        if record.get("schema_version") != SCHEMA_VERSION:
            raise ResultError(
                f"result schema {record.get('schema_version')!r}; this version reads "
                f"{SCHEMA_VERSION}: score the predictions again"
            )
        try:
            values = {name.name: record[name.name] for name in fields(cls)}
            values["cells"] = tuple(_read_cell(cell) for cell in values["cells"])
            values["mean"] = _read_measures(values["mean"])
            values["mean_over"] = tuple(values["mean_over"])
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ResultError(f"not the record of a result: {error!r}") from error

    def save(self, path: Path) -> None:
        """Write JSON: keys sorted, the same result gives the same bytes.

        Raises:
            OSError: The file cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}")
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(path)

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
        from thb.evaluation.tables import markdown_table

        return markdown_table([self])


def _read_cell(record: Mapping[str, Any]) -> Cell:
    return Cell(**{**record, "measures": _read_measures(record["measures"])})


def _read_measures(record: Mapping[str, Any]) -> dict[str, Measure]:
    return {name: Measure(**value) for name, value in record.items()}


def _rounded(value: Any) -> Any:  # noqa: ANN401 — any JSON value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
