"""What a results repo holds: the submissions that can be read, and what is left out and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from thb.boards.board import PROTOCOLS, LeftOut, Tier
from thb.boards.columns import FoldColumns, KnownVideos, read_columns
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import Mark
from thb.runtime.records import read_json
from thb.runtime.text import printable
from thb_dataset.errors import ResultError, first_line
from thb_dataset.files import find_fault
from thb_dataset.protocols import Protocol, fold_name
from thb_dataset.records import TRAINING_GENERATORS
from thb_dataset.wording import spell_out

_RESULTS: Final = "results"
_GENERATORS: Final = "generators"
_SUBMISSION: Final = "submission.json"
_RERUN: Final = "rerun.json"
_GENERATOR: Final = "generator.json"
_MOST_BYTES: Final = 5_000_000
_LONGEST_NAME: Final = 100
_METADATA: Final = "metadata"
_OWNER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}?)__[A-Za-z0-9._-]{1,96}")
_REVISION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LINK: Final = re.compile(r"https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~/%?=&#:+-]*)?")

FOLDS: Final[Mapping[str, tuple[str, ...]]] = {
    protocol.value: tuple(
        fold_name(protocol, held_out)
        for held_out in (TRAINING_GENERATORS if protocol.is_folded else (None,))
    )
    for protocol in Protocol
}
"""The folds of each protocol."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What ``submission.json`` says that a board shows; whatever it lacks stays empty.

    Attributes:
        model: The model repo, ``org/name``.
        revision: The revision of its weights.
        name: What the detector is called.
        modality: What it looks at.
        links: Addresses by what they lead to.
    """

    model: str = ""
    revision: str = ""
    name: str = ""
    modality: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


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
    if not (root / _RESULTS).is_dir():
        raise ResultError(
            f"{root} holds no folder {_RESULTS}/: name a results repo, as thb submit fills it"
        )
    left_out: list[LeftOut] = []
    folders = [*_list_folders(root, _RESULTS, left_out)]
    known: KnownVideos = {}
    # One after another: threads would take turns at Python, and need more time in all.
    read = [_read_entry(root, name, known) for name in folders]
    entries = [entry for entry, _ in read if entry is not None]
    left_out += [fault for _, faults in read for fault in faults]
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
    plain = printable(spell_out(text))
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def _list_folders(root: Path, kind: str, left_out: list[LeftOut]) -> Iterator[str]:
    """Yield ``org__name/revision`` for each folder of that form, sorted."""
    for owner in sorted((root / kind).iterdir()):
        if not owner.is_dir() or not _OWNER.fullmatch(owner.name):
            reason = "not a folder named <org>__<name>"
            left_out.append(_leave_out(f"{kind}/{owner.name}", reason))
            continue
        for revision in sorted(owner.iterdir()):
            if revision.is_dir() and _REVISION.fullmatch(revision.name):
                yield f"{owner.name}/{revision.name}"
            else:
                reason = "not a folder named by a revision"
                left_out.append(_leave_out(f"{kind}/{owner.name}/{revision.name}", reason))


def _read_entry(root: Path, name: str, known: KnownVideos) -> tuple[Entry | None, list[LeftOut]]:
    folder, place = root / _RESULTS / name, f"{_RESULTS}/{name}"
    try:
        said = _read_said(folder / _SUBMISSION)
        if said.model and f"{said.model.replace('/', '__')}/{said.revision}" != name:
            raise ResultError(f"{_SUBMISSION} names another model or revision than its folder")
        tier = _read_tier(folder)
    except ResultError as error:
        return None, [_leave_out(place, str(error))]
    folds: dict[str, FoldColumns] = {}
    faults = []
    for path in sorted(folder.glob(f"*/{PREDICTIONS_FILE}")):
        try:
            folds[path.parent.name] = _read_fold(path, known)
        except ResultError as error:
            faults.append(_leave_out(f"{place}/{path.parent.name}", str(error)))
    if not folds:
        faults.append(_leave_out(place, "it holds no predictions that can be read"))
        return None, faults
    org, _, model = name.partition("/")[0].partition("__")
    links = [link for _, link in sorted(said.links.items()) if _LINK.fullmatch(link)]
    entry = Entry(
        folder=name,
        name=clean(said.name) or model,
        tier=tier,
        modality=clean(said.modality, 30),
        link=(links or [f"https://huggingface.co/{org}/{model}"])[0],
        folds=folds,
    )
    return entry, faults


def _read_fold(path: Path, known: KnownVideos) -> FoldColumns:
    name = path.parent.name
    protocol = next((key for key, folds in FOLDS.items() if name in folds), None)
    if protocol is None:
        raise ResultError(f"{clean(name)} is not a fold of {', '.join(PROTOCOLS)}")
    columns = read_columns(path, known)
    if (columns.origin.protocol, columns.origin.fold) != (protocol, name):
        raise ResultError(f"the predictions are of the fold {clean(columns.origin.fold)}")
    return columns


def _read_text(path: Path) -> bytes:
    fault = find_fault(path)
    if fault is not None:
        raise ResultError(f"{path.name}: {fault}")
    if path.stat().st_size > _MOST_BYTES:
        raise ResultError(f"{path.name} has more than {_MOST_BYTES:,} bytes")
    return path.read_bytes()


def _read_said(path: Path) -> Said:
    try:
        return read_json(Said, _read_text(path))
    except (OSError, ValueError) as error:
        raise ResultError(f"{path.name} is damaged: {first_line(error)}") from error


def _read_tier(folder: Path) -> Tier:
    """Return ``re-run`` if a maintainer has run the detector again and found the same scores."""
    if not (folder / _RERUN).exists():
        return "recomputed"
    try:
        record = read_json(_Rerun, _read_text(folder / _RERUN))
    except (OSError, ValueError) as error:
        raise ResultError(f"{_RERUN} is damaged: {first_line(error)}") from error
    return "re-run" if record.passed else "recomputed"


@dataclass(frozen=True, kw_only=True)
class _Rerun:
    """The part of ``rerun.json`` that a board reads."""

    passed: bool = True


def _read_proposal(root: Path, name: str) -> Proposal:
    said = _read_said(root / _GENERATORS / name / _GENERATOR)
    links = [link for _, link in sorted(said.links.items()) if _LINK.fullmatch(link)]
    shown = clean(said.name) or name.partition("/")[0].partition("__")[2]
    return Proposal(name=shown, folder=name, link=(links or [""])[0])
