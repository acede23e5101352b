"""The check of one protocol of a submission: its folds, its rows, and its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from thb.boards.admission import BOARD_SETTINGS, Answer, find_rules, is_refused
from thb.boards.findings import FindingKind
from thb.boards.parquet_guard import explain_parquet
from thb.boards.row_checks import (
    check_against_fold,
    check_rows,
    count_unscored,
    find_dangerous_texts,
    list_reals,
)
from thb.boards.submissions import DIAGNOSTIC, SUBMISSION_FILE, SubmissionRecord, result_name
from thb.evaluation.result import SCHEMA_VERSION, Result, parse_result
from thb.evaluation.verification import verify_result
from thb.prediction.predictions import Predictions, read_predictions
from thb.releases.opening import OpenRelease
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.folds import build_all_folds
from thb.runs.provenance import FoldScoringRecord
from thb.runs.record import RECORD_FILE, ReleaseRecord, read_record
from thb.runtime.records import to_json
from thb_dataset.errors import THBError, first_line
from thb_dataset.files import parse_json
from thb_dataset.protocols import PAPER_PROTOCOLS, Protocol, fold_name, split_fold_name

Fault = tuple[FindingKind, str, str]
"""What kind of thing is wrong, at which path in the submission, and what it is."""


@dataclass(kw_only=True)
class FoldCheck:
    """The check of the protocols of one submission.

    Attributes:
        place: The folder of the submission on this disk.
        record: Its record.
        files: The sizes of its files.
        runs: The provenance of each fold that could be read.
        notes: What a maintainer should know.
        digests: Of each fold that could be read its name, the identity of its release, the digest
            of its videos and the digest of its rows.
    """

    place: Path
    record: SubmissionRecord
    files: Mapping[str, int]
    runs: dict[str, FoldScoringRecord] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    digests: list[tuple[str, str, str, str]] = field(default_factory=list)


def list_folds(protocol: str) -> list[str]:
    """Return the names of all folds of a protocol."""
    chosen = Protocol(protocol)
    return [fold_name(chosen, held_out) for held_out in chosen.held_out]


def check_places(check: FoldCheck) -> Iterator[Fault]:
    """Yield files of protocols and folds that the submission does not name.

    Args:
        check: The submission.
    """
    chosen = [one.value for one in PAPER_PROTOCOLS if one.value in check.record.protocols]
    folds = {fold for protocol in chosen for fold in list_folds(protocol)}
    results = {result_name(protocol) for protocol in chosen}
    for inside in check.files:
        fold, inner, _ = inside.partition("/")
        if (inner and fold not in folds) or (
            inside.startswith("result-") and inside not in results
        ):
            message = f"belongs to no protocol that {SUBMISSION_FILE} names"
            if split_fold_name(fold)[0] is Protocol.P3_FAMILY:
                message = f"is of {DIAGNOSTIC}"
            yield FindingKind.FOLD, inside, message


def check_admission(check: FoldCheck, *, other_release: bool) -> Iterator[Fault]:
    """Yield the rules by which scores are refused, and note those by which they are marked.

    Args:
        check: The submission, whose folds were read.
        other_release: Whether scores on another release than the published one are accepted.
    """
    found = [(rule, name) for name, run in check.runs.items() for rule in find_rules(run)]
    for rule in dict.fromkeys(rule for rule, _ in found):
        folds = [name for one, name in found if one is rule]
        which = "" if len(folds) == len(check.runs) else f" ({', '.join(folds)})"
        if is_refused(rule, other_release=other_release):
            message = f"{rule.case}{which}: {rule.answer}. {rule.reason}"
            yield FindingKind.ADMISSION, SUBMISSION_FILE, message
        else:
            check.notes.append(f"{Answer.MARKED}: {rule.case}{which}")


def check_protocol(check: FoldCheck, protocol: str, opened: OpenRelease | None) -> Iterator[Fault]:
    """Yield everything that is wrong with one protocol of a submission.

    Args:
        check: The submission; receives notes and digests.
        protocol: ``p1``, ``p2`` or ``p3``.
        opened: The release, if it is at hand.
    """
    folds: dict[str, Predictions] = {}
    faults = 0
    for name in list_folds(protocol):
        for fault in _read_fold(check, name, folds):
            faults += 1
            yield fault
    for name, rows in folds.items():
        yield from _check_fold(check, name, rows)
    runs = {name: rows.run for name, rows in folds.items()}
    own = {name: run for name, run in runs.items() if isinstance(run, FoldScoringRecord)}
    check.runs.update(own)
    reals = {list_reals(rows) for rows in folds.values()}
    if len(reals) > 1:
        message = "the folds were not tested on the same real videos"
        yield FindingKind.ROWS, protocol, message
    if opened is not None:
        yield from _check_release(protocol, folds, own, opened)
    if not faults:  # numbers of what cannot be read cannot be recomputed
        yield from _check_numbers(check, protocol)


def _read_fold(check: FoldCheck, name: str, folds: dict[str, Predictions]) -> Iterator[Fault]:
    """Read the rows of a fold, if it is safe to do so."""
    inside = f"{name}/{PREDICTIONS_FILE}"
    path = check.place / inside
    if inside not in check.files:
        yield FindingKind.FOLD, inside, "is missing, or may not be read: every fold must be there"
        return
    if fault := explain_parquet(path):
        yield FindingKind.SIZE, inside, fault
        return
    try:
        rows = read_predictions(path)
    except THBError as error:
        yield FindingKind.ROWS, inside, first_line(error).removeprefix(f"{path} ")
        return
    if not isinstance(rows.run, FoldScoringRecord) or rows.run.fold != name:
        found = rows.run.fold if isinstance(rows.run, FoldScoringRecord) else "no fold"
        yield FindingKind.FOLD, inside, f"holds the predictions of {found}"
        return
    folds[name] = rows


def _check_fold(check: FoldCheck, name: str, rows: Predictions) -> Iterator[Fault]:
    inside = f"{name}/{PREDICTIONS_FILE}"
    run = rows.run
    assert isinstance(run, FoldScoringRecord)  # noqa: S101 — _read_fold keeps no other
    for message in check_rows(rows, run):
        yield FindingKind.ROWS, inside, message
    for message in find_dangerous_texts(to_json(run)):
        yield FindingKind.NAME, inside, message
    expected = run.protocol if run.held_out is None else run.fold
    if run.fold != expected or run.protocol != name.partition("-")[0]:
        yield FindingKind.FOLD, inside, f"is {run.fold} of {run.protocol}, held out {run.held_out}"
    if run.detector.name != check.record.model:
        message = f"names the detector {run.detector.name!r}, not {check.record.model}"
        yield FindingKind.RECORD, inside, message
    unscored = count_unscored(rows)
    if unscored:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(unscored.items()))
        check.notes.append(
            f"{name}: {counts} of {len(rows)} videos have no score and count nowhere"
        )
    yield from _check_training(check, name, run)


def _check_training(check: FoldCheck, name: str, run: FoldScoringRecord) -> Iterator[Fault]:
    """Yield how the training record beside the rows differs from what the rows say of it."""
    inside = f"{name}/{RECORD_FILE}"
    if inside not in check.files:
        return
    try:
        record = read_record(check.place / name)
    except THBError as error:
        yield FindingKind.RECORD, inside, first_line(error)
        return
    if record is None:
        return
    for message in find_dangerous_texts(parse_json((check.place / inside).read_bytes())):
        yield FindingKind.NAME, inside, message
    if record.weights_sha256 != run.detector.weights_sha256:
        message = "is the training of other weights than those that gave the scores"
        yield FindingKind.FOLD, inside, message
    if run.trained_on is None or record.fold_record.differing(run.trained_on):
        trained = run.trained_on.fold if run.trained_on else "nothing that is known"
        message = f"is a training on {record.fold}, but the scores say {trained}"
        yield FindingKind.FOLD, inside, message


def _check_release(
    protocol: str,
    folds: Mapping[str, Predictions],
    runs: Mapping[str, FoldScoringRecord],
    opened: OpenRelease,
) -> Iterator[Fault]:
    """Yield the differences between rows and the folds of the release at hand."""
    release = ReleaseRecord.of(opened.release)
    for built in build_all_folds(opened, [protocol], fold=None, split_by="release"):
        if built.name not in folds:
            continue
        inside = f"{built.name}/{PREDICTIONS_FILE}"
        if runs[built.name].release.identity != release.identity:
            message = f"was scored on {runs[built.name].release}, not on {release}"
            yield FindingKind.FOLD, inside, message
        for message in check_against_fold(folds[built.name], built):
            yield FindingKind.ROWS, inside, message


def _check_numbers(check: FoldCheck, protocol: str) -> Iterator[Fault]:
    """Yield every number that is not what the predictions give."""
    inside = result_name(protocol)
    path = check.place / inside
    if inside not in check.files:
        yield FindingKind.FIGURES, inside, "is missing"
        return
    try:
        values = parse_result(path, path.read_bytes())
        result = Result.from_dict(values)
    except THBError as error:
        yield FindingKind.RECORD, inside, first_line(error).removeprefix(f"{path} ")
        return
    for message in find_dangerous_texts(values):
        yield FindingKind.NAME, inside, message
    if result.settings != BOARD_SETTINGS or values["schema_version"] != SCHEMA_VERSION:
        message = "was not computed as every number of a board is: submit it with thb submit"
        yield FindingKind.FIGURES, inside, message
        return
    if result.protocol != protocol or sorted(result.runs) != sorted(list_folds(protocol)):
        message = f"is of {result.protocol} with the folds {', '.join(sorted(result.runs))}"
        yield FindingKind.FOLD, inside, message
        return
    if result.name != check.record.name:
        message = f"calls the detector {result.name!r}, not {check.record.name!r}"
        yield FindingKind.RECORD, inside, message
    try:
        # The files are named, because a search would find others, which nobody has measured.
        verified = verify_result(
            path, [check.place / fold / PREDICTIONS_FILE for fold in list_folds(protocol)]
        )
    except THBError as error:
        yield FindingKind.FIGURES, inside, first_line(error).removeprefix(f"{path}: ")
        return
    for difference in verified.differences:
        yield FindingKind.FIGURES, inside, str(difference)
    check.notes += [f"{protocol}: {note}" for note in verified.notes]
    check.digests += [
        (
            fold,
            run.release.identity,
            result.splits_sha256.get(fold, ""),
            result.predictions_sha256.get(fold, ""),
        )
        for fold, run in result.runs.items()
    ]
