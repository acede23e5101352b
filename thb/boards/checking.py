"""Check the submissions of a results repo as its maintainers do before they merge them.

:func:`check_submissions` names everything that is wrong with the tree of a pull request. What
strangers sent is measured before it is read, read without following links, and never executed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from thb.boards.findings import Finding, FindingKind, SubmissionsCheck
from thb.boards.fold_checks import FoldCheck, check_admission, check_places, check_protocol
from thb.boards.names import explain_link, explain_model, explain_text
from thb.boards.rerun_records import read_rerun
from thb.boards.row_checks import find_dangerous_texts
from thb.boards.submissions import (
    DIAGNOSTIC,
    NOT_LISTED,
    RERUN_FILE,
    SUBMISSION_FILE,
    SubmissionRecord,
    find_submissions,
    read_submission,
    read_submission_record,
)
from thb.boards.trees import Tree, compare_trees, read_tree
from thb.releases.opening import OpenRelease, open_release
from thb_dataset.errors import THBError, first_line
from thb_dataset.files import digest_file, parse_json
from thb_dataset.protocols import PAPER_PROTOCOLS, Protocol

LINKS: Final = ("paper", "code")


@dataclass(kw_only=True)
class Known:
    """What earlier submissions of the repo are, to compare a new one with.

    Attributes:
        scores: The folder and the fold whose predictions have a digest.
        folds: The folder and the digest of the tested videos, by release and fold.
    """

    scores: dict[str, tuple[str, str]] = field(default_factory=dict)
    folds: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)


def check_submissions(
    root: str | Path,
    *,
    base: str | Path | None = None,
    release: str | Path | OpenRelease | None = None,
    other_release: bool = False,
) -> SubmissionsCheck:
    """Check the submissions in the tree of a pull request, or in a whole results repo.

    Every number is computed anew from the predictions, and every finding is named.

    Args:
        root: The folder with the tree, which holds ``results/``.
        base: The folder with the tree that the pull request is to be merged into: only what is new
            is checked, and a change of anything else is a finding. None checks every submission.
        release: The release whose folds were tested; its videos are not needed. None compares the
            videos with those of the other submissions only.
        other_release: Accept scores on a release that is not the published one.

    Raises:
        ResultError: A folder cannot be read.
        ReleaseError: The release cannot be read.

    Examples:
        >>> check = thb.check_submissions("results")
        >>> check.passed, len(check.checked), str(check.findings[0].kind)
        (False, 5, 'digest')
    """
    tree = read_tree(root)
    opened = None if release is None else open_release(release)
    new, findings = list(tree.submissions), list(tree.findings)
    known, before = Known(), 0
    base_tree = None if base is None else read_tree(base)
    if base_tree is not None:
        new, changes = compare_trees(tree, base_tree)
        findings += changes
        before = len(base_tree.submissions)
        for merged in find_submissions(base_tree.root):
            _remember(known, base_tree.root, merged)
    notes: list[str] = []
    for folder in new:
        check = SubmissionCheck(tree=tree, folder=folder, known=known)
        findings += check.run(opened, is_new=base is not None, other_release=other_release)
        notes += [f"{folder}: {note}" for note in check.notes]
    base_files = base_tree.files if base_tree is not None else {}
    proposed = [path for path in tree.files if path.startswith("generators/")]
    if unread := [path for path in proposed if path not in base_files]:
        notes.append(f"{len(unread)} files of proposed generators were not read")
    if base is None and not new:
        notes.append(
            "no submission was found: each lies in a folder of its own below results/, as"
            " `thb submit` writes it"
        )
    if new and release is None:
        notes.append("the rows were compared with no release: pass --release to be sure of them")
    return SubmissionsCheck(
        checked=tuple(new),
        unchanged=before,
        findings=tuple(sorted(findings, key=lambda found: (found.place, found.kind))),
        notes=tuple(notes),
    )


@dataclass(kw_only=True)
class SubmissionCheck:
    """The check of one submission.

    Attributes:
        tree: The tree that holds it.
        folder: Its folder in the tree.
        known: What the other submissions are; this one is added.
        notes: What a maintainer should know.
    """

    tree: Tree
    folder: str
    known: Known
    notes: list[str] = field(default_factory=list)

    @property
    def place(self) -> Path:
        """The folder on this disk."""
        return self.tree.root / self.folder

    def run(
        self, opened: OpenRelease | None, *, is_new: bool, other_release: bool
    ) -> Iterator[Finding]:
        """Yield everything that is wrong.

        Args:
            opened: The release, if it is at hand.
            is_new: Whether it is part of a pull request, so that it may hold no re-run yet.
            other_release: Whether scores on another release than the published one are accepted.
        """
        files = self.tree.submissions[self.folder]
        if SUBMISSION_FILE not in files:
            yield self._say(FindingKind.RECORD, SUBMISSION_FILE, "is missing")
            return
        try:
            record = read_submission_record(self.place)
        except THBError as error:
            fault = first_line(error).removeprefix(str(self.place / SUBMISSION_FILE))
            yield self._say(FindingKind.RECORD, SUBMISSION_FILE, fault.strip())
            return
        yield from self._check_record(record)
        yield from self._check_digests(record, files)
        if RERUN_FILE in files:
            yield from self._check_rerun(record, is_new=is_new)
        check = FoldCheck(place=self.place, record=record, files=files)
        yield from (self._say(*one) for one in check_places(check))
        for protocol in PAPER_PROTOCOLS:
            if protocol.value in record.protocols:
                found = check_protocol(check, protocol.value, opened)
                yield from (self._say(*one) for one in found)
        refused = check_admission(check, other_release=other_release)
        yield from (self._say(*one) for one in refused)
        yield from self._check_others(check)
        self.notes += check.notes

    def _check_record(self, record: SubmissionRecord) -> Iterator[Finding]:
        """Yield what is wrong with the names in the record."""
        faults = [explain_model(record.model, record.revision)]
        if record.place.folder != self.folder:
            faults.append(
                f"is of {record.model} at {record.revision}, which belongs into"
                f" {record.place.folder}"
            )
        if not record.protocols or len(set(record.protocols)) != len(record.protocols):
            faults.append("names no protocol, or one of them twice")
        faults += [
            f"names {DIAGNOSTIC}"
            if name == Protocol.P3_FAMILY
            else f"names a protocol {name!r}; there are p1, p2 and p3"
            for name in record.protocols
            if name not in {one.value for one in PAPER_PROTOCOLS}
        ]
        for fault in filter(None, faults):
            yield self._say(FindingKind.RECORD, SUBMISSION_FILE, fault)
        texts = {"name": record.name, **({"authors": record.authors} if record.authors else {})}
        for key, text in texts.items():
            if wrong := explain_text(text):
                yield self._say(FindingKind.NAME, SUBMISSION_FILE, f"the {key} {text!r}: {wrong}")
        for key, link in record.links.items():
            wrong = explain_link(link) if key in LINKS else f"there may be {' and '.join(LINKS)}"
            if wrong:
                message = f"the link {key!r} {link!r}: {wrong}"
                yield self._say(FindingKind.NAME, SUBMISSION_FILE, message)
        for danger in find_dangerous_texts(parse_json((self.place / SUBMISSION_FILE).read_bytes())):
            yield self._say(FindingKind.NAME, SUBMISSION_FILE, danger)

    def _check_digests(self, record: SubmissionRecord, files: dict[str, int]) -> Iterator[Finding]:
        """Yield files that are not those that the record lists."""
        there = set(files) - set(NOT_LISTED)
        faulty = {found.place for found in self.tree.findings}
        for name in sorted(set(record.files) | there):
            if name not in record.files:
                yield self._say(FindingKind.DIGEST, name, f"is not listed in {SUBMISSION_FILE}")
            elif name not in there:
                if f"{self.folder}/{name}" not in faulty:
                    yield self._say(FindingKind.DIGEST, name, "is listed but is not there")
            elif digest_file(self.place / name) != record.files[name]:
                message = f"is not the file that {SUBMISSION_FILE} lists: its sha256 is another"
                yield self._say(FindingKind.DIGEST, name, message)

    def _check_rerun(self, record: SubmissionRecord, *, is_new: bool) -> Iterator[Finding]:
        if is_new:
            message = "is written by maintainers after the merge (thb board rerun): leave it out"
            yield self._say(FindingKind.RECORD, RERUN_FILE, message)
            return
        try:
            rerun = read_rerun(self.place)
        except THBError as error:
            yield self._say(FindingKind.RECORD, RERUN_FILE, first_line(error))
            return
        if rerun.submission_sha256 != digest_file(self.place / SUBMISSION_FILE):
            message = f"is of another submission of {record.model}: run thb board rerun again"
            yield self._say(FindingKind.RECORD, RERUN_FILE, message)

    def _check_others(self, check: FoldCheck) -> Iterator[Finding]:
        """Yield what does not go together with the other submissions of the repo."""
        for fold, identity, split, scores in check.digests:
            owner = self.known.scores.setdefault(scores, (self.folder, fold))
            if owner != (self.folder, fold):
                message = f"has exactly the scores of {owner[0]} on {owner[1]}: they are there"
                yield self._say(FindingKind.DUPLICATE, fold, message)
            other, expected = self.known.folds.setdefault((identity, fold), (self.folder, split))
            if split != expected:
                message = f"was tested on other videos than {other}, which names the same release"
                yield self._say(FindingKind.ROWS, fold, message)

    def _say(self, kind: FindingKind, inside: str, message: str) -> Finding:
        return Finding(kind=kind, place=f"{self.folder}/{inside}", message=message)


def _remember(known: Known, root: Path, folder: Path) -> None:
    """Take note of a merged submission, whose numbers were checked when it was merged."""
    name = folder.relative_to(root).as_posix()
    for result in read_submission(folder).results.values():
        for fold, run in result.runs.items():
            known.scores.setdefault(result.predictions_sha256.get(fold, ""), (name, fold))
            split = result.splits_sha256.get(fold, "")
            known.folds.setdefault((run.release.identity, fold), (name, split))
