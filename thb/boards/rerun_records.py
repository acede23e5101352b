"""The record ``rerun.json`` of a re-run: which videos were scored again, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Final, Literal

from thb.boards.submissions import RERUN_FILE
from thb.runtime.records import read_json, write_text
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole

RERUN_FORMAT: Final = "thb-rerun/1"


@dataclass(frozen=True, kw_only=True)
class DifferingVideo:
    """A video that was scored otherwise than the submission says.

    Attributes:
        fold: The fold.
        video_id: The video.
        submitted: What the submission says, in words.
        found: What the re-run found, in words.
    """

    fold: str
    video_id: str
    submitted: str
    found: str

    def __str__(self) -> str:
        return f"{self.fold} {self.video_id}: {self.submitted} submitted, {self.found} found"


@dataclass(frozen=True, kw_only=True)
class RerunRecord:
    """A re-run of some videos of a submission.

    Attributes:
        format: The version of the record.
        model: The model repo of the submission.
        revision: The commit of the weights.
        submission_sha256: The digest of the ``submission.json`` that was run again.
        source: Where the weights came from: ``the model repo`` or ``a local folder``.
        seed: The random seed that drew the videos.
        population: The number of rows that could be drawn.
        compared: The number of rows that were scored again and compared.
        not_compared: Why drawn rows could not be compared, by fold and video.
        tolerance: The largest difference of a logit that counts as none.
        largest_difference: The largest difference of a logit that was found; None without any.
        altered_share: The share of altered rows that ``probability`` is about.
        probability: The probability that so many altered rows would have shown.
        other_weights: The folds whose weights are not those that the submission names.
        differing: The videos that were scored otherwise.
        versions: The versions of the packages that the re-run used.
    """

    format: Literal["thb-rerun/1"] = RERUN_FORMAT
    model: str
    revision: str
    submission_sha256: str
    source: str
    seed: int
    population: int
    compared: int
    not_compared: Mapping[str, str]
    tolerance: float
    largest_difference: float | None
    altered_share: float
    probability: float
    other_weights: tuple[str, ...]
    differing: tuple[DifferingVideo, ...]
    versions: Mapping[str, str]

    @property
    def agrees(self) -> bool:
        """Whether the submission is what its weights give, as far as the videos drawn tell.

        Only then does its tier become ``re-run``.
        """
        return self.compared > 0 and not self.differing and not self.other_weights


def probability_of_finding(population: int, altered: int, drawn: int) -> float:
    """Return the probability that a draw without replacement holds an altered row.

    It is that of the hypergeometric distribution, computed exactly.

    Args:
        population: The number of rows.
        altered: The number of altered rows among them.
        drawn: The number of rows that are drawn.
    """
    if not 0 <= altered <= population or not 0 <= drawn <= population:
        raise ValueError(f"{altered} altered and {drawn} drawn of {population} rows")
    missed = comb(population - altered, drawn)
    every = comb(population, drawn)
    return (every - missed) / every


def read_rerun(folder: Path) -> RerunRecord:
    """Read the record of a re-run in the folder of a submission.

    Raises:
        ResultError: The file cannot be read, or is no such record.
    """
    file = folder / RERUN_FILE
    try:
        return read_json(RerunRecord, file.read_bytes())
    except (OSError, ValueError) as error:
        raise ResultError(f"{RERUN_FILE} is not a {RERUN_FORMAT} record: {error}") from error


def write_rerun(folder: Path, record: RerunRecord) -> None:
    """Write the record of a re-run into the folder of its submission.

    Raises:
        OSError: The file cannot be written.
    """
    with write_whole(folder / RERUN_FILE) as draft:
        draft.write_text(write_text(record), encoding="utf-8")
