"""A submission: the predictions of a detector, what follows from them, and who sent them.

A results repo holds one folder for each submission, which never changes after it was merged::

    results/<org>__<model>/<revision>/submission.json           SubmissionRecord
    results/<org>__<model>/<revision>/result-<protocol>.json    the numbers, recomputed
    results/<org>__<model>/<revision>/<fold>/predictions.parquet
    results/<org>__<model>/<revision>/<fold>/run.json           the training of the fold, if known
    results/<org>__<model>/<revision>/rerun.json                by maintainers, after a re-run
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Final, Literal

from thb.boards.admission import BOARD_SETTINGS
from thb.boards.names import SubmissionName
from thb.evaluation.result import Result
from thb.evaluation.score import score
from thb.prediction.predictions import Predictions, read_all_predictions, write_predictions
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import FoldScoringRecord
from thb.runs.record import FOLD_NAME, RECORD_FILE, RunRecord, read_record
from thb.runtime.environment import package_versions
from thb.runtime.records import read_json, write_text
from thb_dataset.errors import ResultError
from thb_dataset.files import digest_file, write_whole

SUBMISSION_FILE: Final = "submission.json"
SUBMISSION_FORMAT: Final = "thb-submission/1"
RERUN_FILE: Final = "rerun.json"
NOT_LISTED: Final = (SUBMISSION_FILE, RERUN_FILE)
"""The files of a submission whose digests ``submission.json`` does not hold."""

DIAGNOSTIC: Final = "p3-family, a diagnostic beside P3 that no board ranks: leave it out"
"""What is said of results that stand beside the protocols of the boards."""

Modality = Literal["visual", "audio-visual", "audio", "metadata"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SubmissionRecord:
    """Who sent what: the record ``submission.json``.

    Attributes:
        format: The version of the record.
        model: The model repo, ``org/name``.
        revision: The commit of the weights, 40 hex digits.
        name: What the detector is called on the board.
        modality: What the detector looks at: ``visual``, ``audio-visual``, ``audio`` or
            ``metadata``.
        authors: Whom to name; empty for the owner of the model repo.
        links: Addresses by what they lead to: ``paper``, ``code``.
        protocols: The protocols that were scored.
        versions: The version of the toolkit that wrote the submission.
        files: The sha256 of each file by its path in the folder, but for this record and a re-run.
    """

    format: Literal["thb-submission/1"] = SUBMISSION_FORMAT
    model: str
    revision: str
    name: str
    modality: Modality
    authors: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    protocols: tuple[str, ...]
    versions: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def place(self) -> SubmissionName:
        """The model and the revision, from which the folder follows."""
        return SubmissionName(model=self.model, revision=self.revision)


@dataclass(frozen=True, kw_only=True)
class SubmissionSettings:
    """What a submission says of its detector beside the scores.

    Attributes:
        name: What the detector is called on the board; None for the name in its predictions.
        modality: What it looks at; None for what its clips say.
        authors: Whom to name on the board.
        paper: The address of a paper.
        code: The address of its code.
    """

    name: str | None = None
    modality: Modality | None = None
    authors: str = ""
    paper: str | None = None
    code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submission as a folder holds it.

    Attributes:
        record: Who sent what.
        folder: The folder that holds ``submission.json``.
        results: The numbers by protocol, as they are recorded; ``thb board check`` recomputes them.
    """

    record: SubmissionRecord
    folder: Path
    results: Mapping[str, Result]

    @property
    def predictions(self) -> dict[str, Path]:
        """The files of the predictions by fold."""
        return {
            fold: self.folder / fold / PREDICTIONS_FILE
            for result in self.results.values()
            for fold in result.runs
        }


def read_submission_record(folder: Path) -> SubmissionRecord:
    """Read ``submission.json``.

    Raises:
        ResultError: The file cannot be read, or a field is missing or of another type.
    """
    file = folder / SUBMISSION_FILE
    try:
        return read_json(SubmissionRecord, file.read_bytes())
    except (OSError, ValueError) as error:
        raise ResultError(f"{file} is not a {SUBMISSION_FORMAT} record: {error}") from error


def read_submission(folder: str | Path) -> Submission:
    """Read a submission and its numbers as they are recorded, and believe them.

    Args:
        folder: The folder that holds ``submission.json``; ``thb board check`` has accepted it.

    Raises:
        ResultError: A file cannot be read, or holds no such record.
    """
    place = Path(folder)
    record = read_submission_record(place)
    results = {name: Result.load(place / result_name(name)) for name in record.protocols}
    return Submission(record=record, folder=place, results=results)


def find_submissions(root: str | Path) -> list[Path]:
    """Return the folders of all submissions of a results repo, sorted."""
    return sorted(file.parent for file in Path(root).glob(f"results/*/*/{SUBMISSION_FILE}"))


def result_name(protocol: str) -> str:
    """Return the name of the file that holds the numbers of a protocol."""
    return f"result-{protocol}.json"


def make_submission(
    run: str | Path,
    root: Path,
    *,
    model: str,
    revision: str,
    settings: SubmissionSettings | None = None,
) -> Submission:
    """Write the folder of a submission: its numbers are computed anew from the predictions.

    Paths of this machine are left out: the model repo stands in the place of the run folder. So
    are folds of the diagnostic ``p3-family``, with a warning.

    Args:
        run: The folder that ``thb evaluate`` or ``thb import-scores`` wrote, with
            ``<fold>/predictions.parquet`` for every fold.
        root: The results repo; the folder is created below it.
        model: The model repo, ``org/name``.
        revision: The commit of the weights, 40 hex digits.
        settings: What else the board shows; None for what the predictions say.

    Raises:
        ResultError: There are no predictions of the boards' protocols, or they do not belong
            together.
        DetectorError: A training record is damaged.
    """
    settings = settings or SubmissionSettings()
    given = _read_folds(Path(run).expanduser())
    name = settings.name or given[0][0].title
    # The model repo stands in the place of a folder of this machine.
    runs = [replace(own, name=name, detector=replace(own.detector, name=model)) for own, _ in given]
    folds = [replace(rows, run=own) for own, (_, rows) in zip(runs, given, strict=True)]
    place = root / SubmissionName(model=model, revision=revision).folder
    results: dict[str, Result] = {}
    for protocol in sorted({one.protocol for one in runs}):
        own = [fold for fold, one in zip(folds, runs, strict=True) if one.protocol == protocol]
        results[protocol] = score_for_board(own, name)
        results[protocol].save(place / result_name(protocol))
    for fold, one in zip(folds, runs, strict=True):
        write_predictions(place / one.fold / PREDICTIONS_FILE, fold)
        _copy_training(Path(run).expanduser(), one.fold, place / one.fold / RECORD_FILE)
    record = SubmissionRecord(
        model=model,
        revision=revision,
        name=name,
        modality=settings.modality or _guess_modality(runs),
        authors=settings.authors,
        links={
            kind: link
            for kind, link in (("paper", settings.paper), ("code", settings.code))
            if link is not None
        },
        protocols=tuple(results),
        versions={"talkingheadbench": package_versions().get("talkingheadbench", "unknown")},
        files=digest_files(place),
    )
    with write_whole(place / SUBMISSION_FILE) as draft:
        draft.write_text(write_text(record), encoding="utf-8")
    return read_submission(place)


def score_for_board(folds: Sequence[Predictions], name: str) -> Result:
    """Compute the numbers of a protocol as every number of a board is computed.

    Raises:
        ResultError: The predictions do not belong together.
    """
    return score(
        folds,
        no_face=BOARD_SETTINGS.no_face,
        method=BOARD_SETTINGS.method,
        n_bootstrap=BOARD_SETTINGS.n_bootstrap,
        seed=BOARD_SETTINGS.seed,
        name=name,
    )


def digest_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file that ``submission.json`` lists, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in NOT_LISTED
    }


def _read_folds(run: Path) -> list[tuple[FoldScoringRecord, Predictions]]:
    folds = []
    for rows in read_all_predictions([run]):
        own = rows.run
        if not isinstance(own, FoldScoringRecord) or not FOLD_NAME.fullmatch(own.fold):
            raise ResultError(
                f"{run}: predictions do not name their fold: submit what thb evaluate wrote"
            )
        if own.family is None:
            folds.append((own, rows))
        else:
            _log.warning("%s is left out: it is of p3-family, which no board ranks", own.fold)
    if not folds:
        raise ResultError(f"{run} holds nothing but {DIAGNOSTIC}; evaluate on p1, p2 or p3")
    names = [own.fold for own, _ in folds]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ResultError(
            f"{run}: several files hold predictions of {', '.join(doubled)}: submit one run"
        )
    return folds


def _copy_training(run: Path, fold: str, target: Path) -> None:
    for folder in (run / fold, run):
        record = read_record(folder)
        if record is not None:
            with write_whole(target) as draft:
                draft.write_text(write_text(_strip_paths(record)), encoding="utf-8")
            return


def _strip_paths(record: RunRecord) -> RunRecord:
    detector = record.detector
    name = None if detector.name is None else PurePath(detector.name).name
    return replace(record, detector=replace(detector, name=name))


def _guess_modality(runs: Sequence[FoldScoringRecord]) -> Modality:
    if any(run.detector.metadata_only for run in runs):
        return "metadata"
    spec = runs[0].clip_spec
    return "audio-visual" if spec is not None and spec.listens else "visual"
