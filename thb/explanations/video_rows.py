"""One row per explained video, and the Parquet file that holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb.explanations.face_regions import REGIONS
from thb.prediction.predictions import Status
from thb.prediction.verdicts import Verdict
from thb.runs.provenance import ExplainingRecord, ScoringRecord, read_scoring_record
from thb.runtime.records import to_json
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    import pyarrow as pa

_RUN_KEY = b"thb.run"
_SHARES = ("energy", "area", "against")


@dataclass(frozen=True, kw_only=True)
class ExplainedVideo:
    """What was measured of the reasons for one video's score.

    Attributes:
        video_id: As in the release.
        detector: Its ``model_type``.
        protocol: ``p1``, ``p2`` or ``p3``.
        fold: Name of the fold, such as ``p3-hallo``.
        label: 1 fake, 0 real.
        generator: Which generator made it; None for a real video.
        split: ``test`` or ``extra``.
        status: ``ok`` if and only if there is a score.
        reason: Why there is no score, or nothing measured of its heat.
        score: P(fake).
        verdict: Whether the answer is right; None where nothing can tell.
        energy: Share of the heat for the class asked for, by region; None without such heat.
        area: Share of the crops' pixels, by region; None without a face.
        against: Share of the heat against the class asked for, by region.
        deletion: Area under the deletion curve; None where it was not measured.
        deletion_control: Of a random order.
        insertion: Area under the insertion curve.
        insertion_control: Of a random order.
    """

    video_id: str
    detector: str
    protocol: str
    fold: str
    label: int
    generator: str | None
    split: str = "test"
    status: Status
    reason: str | None = None
    score: float | None = None
    verdict: Verdict | None = None
    energy: Mapping[str, float] | None = None
    area: Mapping[str, float] | None = None
    against: Mapping[str, float] | None = None
    deletion: float | None = None
    deletion_control: float | None = None
    insertion: float | None = None
    insertion_control: float | None = None

    def __post_init__(self) -> None:
        """Refuse a row that contradicts itself.

        Raises:
            ResultError: Status and score do not fit together.
        """
        if (self.status is Status.OK) != (self.score is not None):
            raise ResultError(f"{self.video_id}: status {self.status} with score {self.score}")


def write_explanations(path: Path, rows: Sequence[ExplainedVideo], run: ExplainingRecord) -> None:
    """Write rows as Parquet, whole or not at all; a column for each region's share.

    Args:
        path: The file.
        rows: One per video.
        run: What explained them; it is kept in the file's metadata.

    Raises:
        OSError: It cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema().with_metadata({_RUN_KEY: json.dumps(to_json(run), sort_keys=True)})
    table = pa.Table.from_pylist([_flatten(row) for row in rows], schema=schema)
    with write_whole(path) as draft:
        pq.write_table(table, draft)


def read_explanations(path: Path) -> tuple[tuple[ExplainedVideo, ...], ScoringRecord]:
    """Read what :func:`write_explanations` wrote: the rows, and the record of the run.

    Raises:
        ResultError: The file is absent or holds something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        run = read_scoring_record((table.schema.metadata or {})[_RUN_KEY])
        rows = tuple(_unflatten(line) for line in table.to_pylist())
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{path} holds no explanations: {error}") from error
    return rows, run


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"label": pa.int8()}
    numbers = ("score", "deletion", "deletion_control", "insertion", "insertion_control")
    kinds |= dict.fromkeys(numbers, pa.float64())
    columns = []
    for one in fields(ExplainedVideo):
        if one.name in _SHARES:
            columns += [(f"{one.name}_{region}", pa.float64()) for region in REGIONS]
        else:
            columns.append((one.name, kinds.get(one.name, pa.string())))
    return pa.schema(columns)


def _flatten(row: ExplainedVideo) -> dict[str, Any]:
    line = {one.name: getattr(row, one.name) for one in fields(row) if one.name not in _SHARES}
    for name in _SHARES:
        shares = getattr(row, name) or {}
        line |= {f"{name}_{region}": shares.get(region) for region in REGIONS}
    return {**line, "status": row.status.value}


def _unflatten(line: Mapping[str, Any]) -> ExplainedVideo:
    values = {one.name: line[one.name] for one in fields(ExplainedVideo) if one.name not in _SHARES}
    for name in _SHARES:
        shares = {region: line[f"{name}_{region}"] for region in REGIONS}
        values[name] = None if None in shares.values() else shares
    return ExplainedVideo(**{**values, "status": Status(values["status"])})
