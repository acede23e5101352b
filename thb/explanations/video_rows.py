"""One row per explained video, and the Parquet file that holds the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thb.explanations.face_regions import REGIONS
from thb.prediction.predictions import Status
from thb.prediction.row_files import read_rows, write_rows
from thb.prediction.verdicts import Verdict
from thb.runs.provenance import ExplainingRecord, ScoringRecord
from thb_dataset.errors import ResultError

_BY_REGION: Mapping[str, Any] = {"keys": REGIONS}
"""For fields that give a share for each region: the file has a column for each of them."""


@dataclass(frozen=True, kw_only=True)
class ExplainedVideo:
    """The score of one video, and measurements of the heat that explains it.

    Attributes:
        video_id: The name of the video in the release.
        detector: The ``model_type`` of the detector.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        fold: The name of the fold, such as ``p3-hallo``.
        label: 1 for a fake, 0 for a real video.
        generator: The generator that made the video; None for a real video.
        split: ``test`` or ``extra``.
        status: ``ok`` if and only if there is a score.
        reason: Why there is no score, or why the heat was not measured.
        score: P(fake).
        verdict: Whether the answer is right; None where this cannot be told.
        energy: The share of the heat for the target class in each region; None where nothing
            speaks for that class.
        area: The share of the crops' pixels in each region; None without a face.
        against: The share of the heat against the target class in each region.
        deletion: Area under the deletion curve; None where it was not measured.
        deletion_control: The same for a random order of the cells.
        insertion: Area under the insertion curve; None where it was not measured.
        insertion_control: The same for a random order of the cells.
    """

    video_id: str
    detector: str
    protocol: str
    fold: str
    label: int = field(metadata={"column": "int8"})
    generator: str | None
    split: str = "test"
    status: Status
    reason: str | None = None
    score: float | None = None
    verdict: Verdict | None = None
    energy: Mapping[str, float] | None = field(default=None, metadata=_BY_REGION)
    area: Mapping[str, float] | None = field(default=None, metadata=_BY_REGION)
    against: Mapping[str, float] | None = field(default=None, metadata=_BY_REGION)
    deletion: float | None = None
    deletion_control: float | None = None
    insertion: float | None = None
    insertion_control: float | None = None

    def __post_init__(self) -> None:
        """Refuse a row that contradicts itself.

        Raises:
            ResultError: The status is unknown, or does not agree with the score.
        """
        try:
            object.__setattr__(self, "status", Status(self.status))
        except ValueError:
            raise ResultError(f"{self.video_id}: unknown status {self.status!r}") from None
        if (self.status is Status.OK) != (self.score is not None):
            raise ResultError(f"{self.video_id}: status {self.status} with score {self.score}")


def write_explanations(path: Path, rows: Sequence[ExplainedVideo], run: ExplainingRecord) -> None:
    """Write rows as Parquet, whole or not at all, with a column for the share of each region.

    Args:
        path: The file.
        rows: One row per video.
        run: The record of the run that explained them.

    Raises:
        OSError: The file cannot be written.
    """
    write_rows(path, ExplainedVideo, rows, run)


def read_explanations(path: Path) -> tuple[tuple[ExplainedVideo, ...], ScoringRecord]:
    """Read what :func:`write_explanations` wrote: the rows, and the record of the run.

    Raises:
        ResultError: The file does not exist or holds something else.
    """
    return read_rows(path, ExplainedVideo, what="explanations")
