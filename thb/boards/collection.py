"""What a results repo holds: the submissions that can be read, and what is left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from thb.boards.board import PROTOCOLS, LeftOut, Tier
from thb.boards.columns import FoldColumns, VideoMemory, read_columns
from thb.boards.names import RESULTS_FOLDER, explain_link, explain_model
from thb.boards.rerun_records import read_rerun
from thb.boards.submissions import (
    DIAGNOSTIC,
    RERUN_FILE,
    SUBMISSION_FILE,
    SubmissionRecord,
    read_submission_record,
)
from thb.boards.trees import LARGEST_FILE
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import Mark
from thb.runtime.records import read_json
from thb.runtime.text import printable
from thb_dataset.errors import ResultError, first_line
from thb_dataset.files import digest_file, find_fault
from thb_dataset.protocols import PAPER_PROTOCOLS, Protocol, fold_name, split_fold_name
from thb_dataset.wording import spell_out

_GENERATORS: Final = "generators"
_GENERATOR: Final = "generator.json"
_LONGEST_NAME: Final = 100
_METADATA: Final = "metadata"

FOLDS: Final[Mapping[str, tuple[str, ...]]] = {
    protocol.value: tuple(fold_name(protocol, held_out) for held_out in protocol.held_out)
    for protocol in PAPER_PROTOCOLS
}
"""The folds of each protocol."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A submission.

    Attributes:
        folder: Its folder in the results, ``org__model/revision``.
        name: What the detector is called; it is printable, and nothing else is known of it.
        tier: ``recomputed`` or ``re-run``.
        modality: What the detector looks at.
        link: The address that leads to it; empty without one.
        folds: The predictions by fold.
    """

    folder: str
    name: str
    tier: Tier
    modality: str
    link: str
    folds: Mapping[str, FoldColumns]

    @property
    def owner(self) -> tuple[str, str]:
        """The organisation and the model, from the name of the folder."""
        org, _, model = self.folder.partition("/")[0].partition("__")
        return org, model

    @property
    def revision(self) -> str:
        """The revision, from the name of the folder."""
        return self.folder.rpartition("/")[2]

    def list_marks(self, folds: Iterable[str]) -> tuple[Mark, ...]:
        """Return what sets its scores apart in any of these folds."""
        own = [self.folds[name] for name in folds if name in self.folds]
        found = {mark for fold in own for mark in fold.origin.marks}
        return tuple(sorted(found, key=lambda mark: (mark.symbol, mark.sentence)))

    @property
    def is_floor(self) -> bool:
        """Whether it sees the metadata of the files only."""
        types = {fold.origin.model_type.lower() for fold in self.folds.values()}
        return self.modality == _METADATA or any(name.startswith(_METADATA) for name in types)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A generator that its author proposes: what ``generator.json`` says that a board shows.

    Attributes:
        name: What the generator is called.
        folder: Its folder, ``org__name/revision``.
        link: The address that leads to it; empty without one.
    """

    name: str
    folder: str
    link: str


@dataclass(frozen=True, kw_only=True)
class Collection:
    """What a results repo holds, in an order that does not depend on the file system.

    Attributes:
        entries: The submissions.
        proposals: The generators that their authors propose.
        left_out: What could not be read.
    """

    entries: tuple[Entry, ...]
    proposals: tuple[Proposal, ...]
    left_out: tuple[LeftOut, ...]


def read_collection(root: Path) -> Collection:
    """Read a results repo. Whatever is damaged or hostile in it is named and left out.

    Args:
        root: The folder that holds ``results/``.

    Raises:
        ResultError: There is no such folder.
    """
    if not (root / RESULTS_FOLDER).is_dir():
        raise ResultError(
            f"{root} holds no folder {RESULTS_FOLDER}/: name a results repo, as thb submit fills it"
        )
    left_out: list[LeftOut] = []
    memory = VideoMemory()
    # One after another: threads would take turns at Python, and need more time in all.
    entries = [
        entry
        for name in _list_folders(root, RESULTS_FOLDER, left_out)
        if (entry := _read_entry(root, name, memory, left_out)) is not None
    ]
    proposals = []
    if (root / _GENERATORS).is_dir():
        for name in _list_folders(root, _GENERATORS, left_out):
            try:
                proposals.append(_read_proposal(root, name))
            except ResultError as error:
                left_out.append(_leave_out(f"{_GENERATORS}/{name}", str(error)))
    return Collection(
        entries=tuple(entries),
        proposals=tuple(proposals),
        left_out=tuple(sorted(left_out, key=lambda fault: (fault.path, fault.reason))),
    )


def _leave_out(path: str, reason: str) -> LeftOut:
    return LeftOut(path=clean(path, 200), reason=clean(reason, 300))


def clean(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return a text that others wrote without control characters, and not too long."""
    plain = printable(spell_out(text[: longest + 1]))
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def _list_folders(root: Path, kind: str, left_out: list[LeftOut]) -> Iterator[str]:
    """Yield ``org__name/revision`` for each folder in two levels, sorted."""
    for owner in sorted((root / kind).iterdir()):
        if not owner.is_dir() or "__" not in owner.name:
            reason = "not a folder named <org>__<name>"
            left_out.append(_leave_out(f"{kind}/{owner.name}", reason))
            continue
        for revision in sorted(owner.iterdir()):
            if revision.is_dir():
                yield f"{owner.name}/{revision.name}"
            else:
                reason = "not a folder named by a revision"
                left_out.append(_leave_out(f"{kind}/{owner.name}/{revision.name}", reason))


def _read_entry(
    root: Path, name: str, memory: VideoMemory, left_out: list[LeftOut]
) -> Entry | None:
    place = f"{RESULTS_FOLDER}/{name}"
    folder = root / place
    try:
        record = _read_record(folder, place)
        tier = _read_tier(folder)
    except ResultError as error:
        # The board is the same wherever the results lie.
        left_out.append(_leave_out(place, str(error).replace(f"{folder}/", "")))
        return None
    folds: dict[str, FoldColumns] = {}
    for path in sorted(folder.glob(f"*/{PREDICTIONS_FILE}")):
        try:
            folds[path.parent.name] = _read_fold(path, memory)
        except ResultError as error:
            left_out.append(_leave_out(f"{place}/{path.parent.name}", str(error)))
    if not folds:
        left_out.append(_leave_out(place, "it holds no predictions that can be read"))
        return None
    links = [link for _, link in sorted(record.links.items()) if explain_link(link) is None]
    return Entry(
        folder=name,
        name=clean(record.name) or record.model.partition("/")[2],
        tier=tier,
        modality=record.modality,
        link=(links or [f"https://huggingface.co/{record.model}"])[0],
        folds=folds,
    )


def _read_record(folder: Path, place: str) -> SubmissionRecord:
    _check_file(folder / SUBMISSION_FILE)
    record = read_submission_record(folder)
    fault = explain_model(record.model, record.revision)
    if fault is not None:
        raise ResultError(fault)
    if record.place.folder != place:
        raise ResultError(f"{SUBMISSION_FILE} names another model or revision than its folder")
    return record


def _read_fold(path: Path, memory: VideoMemory) -> FoldColumns:
    name = path.parent.name
    protocol = next((key for key, folds in FOLDS.items() if name in folds), None)
    if protocol is None:
        if split_fold_name(name)[0] is Protocol.P3_FAMILY:
            raise ResultError(f"{clean(name)} is of {DIAGNOSTIC}")
        raise ResultError(f"{clean(name)} is not a fold of {', '.join(PROTOCOLS)}")
    _check_file(path)
    columns = read_columns(path, memory)
    if (columns.origin.protocol, columns.origin.fold) != (protocol, name):
        raise ResultError(f"the predictions are of the fold {clean(columns.origin.fold)}")
    return columns


def _check_file(path: Path) -> None:
    fault = find_fault(path)
    if fault is not None:
        raise ResultError(f"{path.name}: {fault}")
    if path.stat().st_size > LARGEST_FILE:
        raise ResultError(f"{path.name} has more than {LARGEST_FILE:,} bytes")


def _read_tier(folder: Path) -> Tier:
    """Return ``re-run`` if a maintainer ran this very submission again and found the same."""
    if not (folder / RERUN_FILE).exists():
        return "recomputed"
    _check_file(folder / RERUN_FILE)
    rerun = read_rerun(folder)
    same = rerun.submission_sha256 == digest_file(folder / SUBMISSION_FILE)
    return "re-run" if rerun.agrees and same else "recomputed"


@dataclass(frozen=True, kw_only=True)
class _Proposed:
    """The part of ``generator.json`` that a board reads."""

    name: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


def _read_proposal(root: Path, name: str) -> Proposal:
    path = root / _GENERATORS / name / _GENERATOR
    _check_file(path)
    try:
        record = read_json(_Proposed, path.read_bytes())
    except (OSError, ValueError) as error:
        raise ResultError(f"{path.name} is damaged: {first_line(error)}") from error
    links = [link for _, link in sorted(record.links.items()) if explain_link(link) is None]
    shown = clean(record.name) or clean(name.partition("/")[0].partition("__")[2])
    return Proposal(name=shown, folder=clean(name, 200), link=(links or [""])[0])
