"""Predictions: one row per video, with its score or the reason why it has none.

Predictions are the primary artefact: numbers, tables and boards are pure functions of the Parquet
file that this module writes. During a run the rows are appended to a :class:`PredictionLog`, so
that a killed run continues where it stopped.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self, overload

from thb.prediction.row_files import read_rows, write_rows
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import ScoringRecord
from thb_dataset.errors import IncompletePredictionsError, ResultError
from thb_dataset.wording import shorten_list

if TYPE_CHECKING:
    import pandas as pd

    from thb.prediction.calls import Call, Grounds
    from thb.prediction.throughput import Throughput
    from thb_dataset.records import Video

_log = logging.getLogger(__name__)

NAMES_SHOWN = 10
_SAME_SCORE = 1e-6
"""Two scores of a video that differ by less are the same: machines round differently."""


class Status(StrEnum):
    """Whether a video has a score, or why it has none.

    Examples:
        >>> thb.predict("runs/baseline/p3-hallo", "landscape.mp4")[0].status
        <Status.NO_FACE: 'no_face'>
    """

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

    Examples:
        >>> thb.read_predictions("runs/tall/p1/predictions.parquet")[0].score
        0.847...
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

    @classmethod
    def of_video(
        cls,
        video: Video,
        *,
        split: str,
        status: Status,
        reason: str | None = None,
        score: float | None = None,
        clip_logits: tuple[float, ...] = (),
    ) -> Self:
        """Return the row of a video of a release, with what the release says of it.

        Args:
            video: The video.
            split: The part of the protocol that it was scored in.
            status: Whether it has a score.
            reason: Why it has none.
            score: P(fake).
            clip_logits: The logits behind the score.

        Raises:
            ResultError: Status, score and logits do not go together.
        """
        return cls(
            video_id=video.video_id,
            label=int(video.label),
            generator=video.generator.value if video.generator else None,
            portrait=video.portrait,
            driver=video.driver,
            real_dataset=video.real_dataset.value if video.real_dataset else None,
            split=split,
            status=status,
            reason=reason,
            score=score,
            clip_logits=clip_logits,
        )

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


@dataclass(frozen=True, kw_only=True, repr=False)
class Predictions:
    """The rows of one run: a sequence of :class:`Prediction`.

    Attributes:
        rows: One row per video: sorted by ``video_id`` in files and for a release, in the order in
            which the files were given for loose files.
        run: The provenance of the scores.
        throughput: How fast they were scored; None for rows of a file. Comparisons ignore it.
        grounds: What verdicts rest on; None for rows of a release or a file. Comparisons ignore it.

    Examples:
        >>> len(thb.read_predictions("runs/tall/p1/predictions.parquet"))
        102
    """

    rows: tuple[Prediction, ...]
    run: ScoringRecord
    throughput: Throughput | None = field(default=None, compare=False)
    grounds: Grounds | None = field(default=None, compare=False)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Prediction]:
        """Yield the rows in their order."""
        return iter(self.rows)

    @overload
    def __getitem__(self, place: int) -> Prediction: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Prediction, ...]: ...

    def __getitem__(self, place: int | slice) -> Prediction | tuple[Prediction, ...]:
        """Return a row, or the rows of a slice."""
        return self.rows[place]

    def __repr__(self) -> str:
        """Return how many rows there are of each status, and the detector."""
        counts = Counter(row.status.value for row in self.rows)
        found = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        detector = self.run.detector
        return f"<{len(self)} predictions of {detector.name or detector.model_type}: {found}>"

    @property
    def calls(self) -> tuple[Call | None, ...]:
        """What the score of each row comes to, in the order of the rows.

        None for a row without a score, and for every row without ``grounds``.
        """
        found = self.grounds
        return tuple(
            None if found is None or row.score is None else found.call(row.score, row.video_id)
            for row in self.rows
        )

    @property
    def verdicts(self) -> tuple[str | None, ...]:
        """``called fake``, ``not called fake`` or ``none`` for each row, None as in ``calls``."""
        return tuple(None if call is None else call.verdict for call in self.calls)

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each prediction and a column for each field.

        Verdicts and the threshold are columns as well if the rows have ``grounds``.
        """
        import pandas as pd

        table = pd.DataFrame([asdict(row) for row in self.rows])
        if self.grounds is not None:
            found = self.grounds.calibration
            table["verdict"] = pd.Series(self.verdicts, index=table.index, dtype=object)
            table["threshold"] = None if found is None else found.threshold
        return table

    def _repr_html_(self) -> str:
        table = self.to_pandas()
        shown = ["video_id", "score", "verdict", "status", "reason", "clips", "faces"]
        known = [name for name in shown if name in table.columns or name != "verdict"]
        html: str = table.reindex(columns=known).to_html(index=False, max_rows=60)
        return html

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

    Examples:
        >>> from pathlib import Path
        >>> rows = thb.read_predictions("runs/tall/p1/predictions.parquet")
        >>> thb.write_predictions(Path("copy.parquet"), rows)
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

    Examples:
        >>> thb.read_predictions("runs/tall/p1/predictions.parquet").run.fold
        'p1'
    """
    rows, run = read_rows(path, Prediction, what="predictions")
    return Predictions(rows=rows, run=run)


def read_all_predictions(paths: Iterable[str | Path]) -> list[Predictions]:
    """Read predictions from files, and from all files ``predictions.parquet`` in folders.

    Args:
        paths: Files and folders; a file that is named twice is read once.

    Raises:
        ResultError: A path does not exist, a folder holds no predictions, or a file cannot be read.
    """
    return [read_predictions(file) for file in find_predictions(paths)]


def find_predictions(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files that hold predictions: those named, and those in the folders named.

    Args:
        paths: Files and folders; a file that is named twice is returned once.

    Raises:
        ResultError: A folder holds no predictions.
    """
    files: list[Path] = []
    for given in paths:
        path = Path(given).expanduser()
        found = sorted(path.rglob(PREDICTIONS_FILE)) if path.is_dir() else [path]
        if not found:
            raise ResultError(f"{path} holds no {PREDICTIONS_FILE}; thb evaluate writes them")
        files += found
    return list(dict.fromkeys(files))
