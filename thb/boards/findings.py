"""What a check of submissions found, as text, as JSON, and as a comment that is safe to post."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from thb.runtime.text import printable

LONGEST_SHOWN: Final = 300
SHOWN_PER_KIND: Final = 10
FOLDERS_SHOWN: Final = 50
LARGEST_COMMENT: Final = 50_000
_SIGNATURE: Final = "Checked by `thb board check`, which recomputes every number."


class FindingKind(StrEnum):
    """What kind of thing is wrong."""

    PATH = "path"
    SIZE = "size"
    NAME = "name"
    RECORD = "record"
    DIGEST = "digest"
    ROWS = "rows"
    FOLD = "fold"
    DUPLICATE = "duplicate"
    MERGED = "merged"
    ADMISSION = "admission"
    FIGURES = "figures"


MEANINGS: Final = {
    FindingKind.PATH: "a file that has no place in a results repo",
    FindingKind.SIZE: "a file that is too large, or that would become too large when it is read",
    FindingKind.NAME: "a name that may not stand on a board",
    FindingKind.RECORD: "a record that is missing, damaged, or of another submission",
    FindingKind.DIGEST: "a file that is not the one that submission.json lists",
    FindingKind.FIGURES: "a number that is not what the predictions give",
    FindingKind.ROWS: "rows that are missing, doubled, of other videos, or contradict themselves",
    FindingKind.FOLD: "a fold that is missing, or scores of another training",
    FindingKind.DUPLICATE: "scores that another submission has already",
    FindingKind.MERGED: "a change of what was merged",
    FindingKind.ADMISSION: "scores that may not stand on this board",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: What kind of thing it is.
        place: The path in the repo that it is about; it was chosen by strangers.
        message: What is wrong, which one, and what to do; it may quote strangers.
    """

    kind: FindingKind
    place: str
    message: str

    def __str__(self) -> str:
        return printable(f"{self.place}: {self.message}")

    def to_dict(self) -> dict[str, str]:
        """Return plain JSON values."""
        return {
            "kind": self.kind.value,
            "place": printable(self.place),
            "message": printable(self.message),
        }


@dataclass(frozen=True, kw_only=True)
class SubmissionsCheck:
    """What a check of the submissions of a results repo found.

    Attributes:
        checked: The folders of the submissions that were checked.
        unchanged: The number of submissions that were merged before and are the same now.
        findings: Everything that is wrong.
        notes: What a maintainer should know and nobody has to mend.
    """

    checked: tuple[str, ...]
    unchanged: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "passed": self.passed,
            "checked": [printable(name) for name in self.checked],
            "unchanged": self.unchanged,
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": [printable(note) for note in self.notes],
        }

    def to_markdown(self) -> str:
        """Return a comment for the pull request.

        Whatever strangers wrote stands in code spans, where neither GitHub nor the Hub renders
        markup, links or the names of people.
        """
        lines = [f"### {self.summary}"]
        for folder in self.checked[:FOLDERS_SHOWN]:
            own = [found for found in self.findings if found.place.startswith(f"{folder}/")]
            outcome = "" if own else ": nothing is wrong"
            lines += ["", f"#### {quote(folder)}{outcome}", *_list_findings(own, folder)]
        others = [
            found
            for found in self.findings
            if not found.place.startswith(tuple(f"{folder}/" for folder in self.checked))
        ]
        if others:
            lines += ["", "#### Elsewhere in the repo", *_list_findings(others, "")]
        if self.notes:
            lines += ["", "#### Notes", ""]
            lines += [f"- {quote(note)}" for note in self.notes[:FOLDERS_SHOWN]]
        return "\n".join([*_limit(lines), "", _SIGNATURE, ""])

    @property
    def summary(self) -> str:
        """The outcome in one sentence, which quotes nobody."""
        count = len(self.checked)
        what = "1 submission" if count == 1 else f"{count} submissions"
        if self.passed:
            outcome = "nothing is wrong" if count else "nothing new, and nothing is wrong"
        else:
            found = len(self.findings)
            outcome = "1 thing is wrong" if found == 1 else f"{found} things are wrong"
        merged = f" ({self.unchanged} merged before)" if self.unchanged else ""
        return f"{what} checked{merged}: {outcome}"


def _limit(lines: Sequence[str]) -> Iterator[str]:
    """Yield whole lines as long as the Hub takes the comment: half a code span would be markup."""
    size = 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > LARGEST_COMMENT:
            yield "\n… and more than a comment can hold (`--format json` names all)"
            return
        yield line


def _list_findings(findings: Sequence[Finding], folder: str) -> Iterator[str]:
    """Yield the lines of findings, the kinds in their order: numbers follow from what is above."""
    for kind in FindingKind:
        own = [found for found in findings if found.kind is kind]
        if own:
            yield from ("", f"**{kind.value}** ({len(own)}): {MEANINGS[kind]}", "")
        for found in own[:SHOWN_PER_KIND]:
            place = found.place.removeprefix(f"{folder}/")
            yield f"- {quote(place)}: {quote(found.message)}"
        if len(own) > SHOWN_PER_KIND:
            yield f"- and {len(own) - SHOWN_PER_KIND} more (`--format json` names all)"


def quote(text: str) -> str:
    """Return a text of strangers as a code span of Markdown, in which nothing else is rendered."""
    shown = printable(text)
    if len(shown) > LONGEST_SHOWN:
        shown = f"{shown[:LONGEST_SHOWN]}…"
    runs = [len(run) for run in _runs_of_ticks(shown)]
    fence = "`" * (max(runs, default=0) + 1)
    return f"{fence} {shown or ' '} {fence}"


def _runs_of_ticks(text: str) -> Iterable[str]:
    return (part for part in "".join(c if c == "`" else " " for c in text).split(" ") if part)
