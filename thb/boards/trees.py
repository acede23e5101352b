"""The files of a results repo: which may lie where, how large, and what changed since a merge.

No link is followed and no file is opened here, except to compare it with a merged one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from thb.boards.findings import Finding, FindingKind
from thb.boards.submissions import RERUN_FILE, SUBMISSION_FILE
from thb_dataset.errors import ResultError
from thb_dataset.files import digest_file

LARGEST_FILE: Final = 10 * 1024 * 1024
MOST_FILES: Final = 100_000
DEEPEST: Final = 12

_OF_GIT: Final = ".git"
_OF_THE_CLIENT: Final = re.compile(
    r"\.cache/huggingface/(CACHEDIR\.TAG|\.gitignore|download/[^\\]+\.(metadata|lock|incomplete))"
)
"""What `hf download` keeps beside the files of a repo; no other file may hide there."""

_SUBMISSION: Final = re.compile(r"(results/[A-Za-z0-9._-]+__[A-Za-z0-9._-]+/[0-9a-f]{40})/(.+)")
_INSIDE: Final = re.compile(
    rf"{re.escape(SUBMISSION_FILE)}|{re.escape(RERUN_FILE)}|result-p[123]\.json"
    r"|p[123](-[a-z0-9_-]+)?/(predictions\.parquet|run\.json)"
)
_GENERATOR: Final = re.compile(
    r"generators/[A-Za-z0-9._-]+__[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+\.(json|parquet)"
)
_OF_THE_REPO: Final = re.compile(
    r"README\.md|LICENSE|\.gitattributes|\.gitignore|\.github/[A-Za-z0-9._/-]+"
    r"|boards/[A-Za-z0-9._/-]+"
)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The files of a results repo.

    Attributes:
        root: Its folder.
        files: The size in bytes of each regular file by its path, with ``/`` between its parts.
        findings: What has no place in it.
    """

    root: Path
    files: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def submissions(self) -> dict[str, dict[str, int]]:
        """The files of each submission, by the path in its folder; sorted by folder."""
        found: dict[str, dict[str, int]] = {}
        for path, size in sorted(self.files.items()):
            if match := _SUBMISSION.fullmatch(path):
                found.setdefault(match[1], {})[match[2]] = size
        return found


def read_tree(root: str | Path) -> Tree:
    """List the files of a results repo and name what has no place in it.

    Raises:
        ResultError: It is no folder, or cannot be read.
    """
    place = Path(root).expanduser()
    if not place.is_dir():
        raise ResultError(f"there is no folder {place}: name a results repo on this disk")
    files: dict[str, int] = {}
    findings: list[Finding] = []
    try:
        for path, status in _walk(place, "", 0):
            if len(files) + len(findings) >= MOST_FILES:
                raise ResultError(f"{place} holds more than {MOST_FILES:,} files")
            fault = _explain_file(path, status)
            if fault is None:
                files[path] = status.st_size
            else:
                findings.append(fault)
    except OSError as error:
        raise ResultError(f"{place} cannot be read: {error}") from error
    return Tree(root=place, files=files, findings=tuple(findings))


def _walk(folder: Path, inside: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = f"{inside}{entry.name}"
        status = entry.stat(follow_symlinks=False)
        if not inside and entry.name == _OF_GIT and stat.S_ISDIR(status.st_mode):
            continue
        if stat.S_ISDIR(status.st_mode) and depth < DEEPEST:
            yield from _walk(Path(entry.path), f"{path}/", depth + 1)
        elif not (_OF_THE_CLIENT.fullmatch(path) and stat.S_ISREG(status.st_mode)):
            yield path, status


def _explain_file(path: str, status: os.stat_result) -> Finding | None:
    """Return what is wrong with a file by its path, kind and size; None if nothing is."""
    if stat.S_ISLNK(status.st_mode):
        return _say(FindingKind.PATH, path, "is a link; links are never followed: send the file")
    if not stat.S_ISREG(status.st_mode):
        return _say(FindingKind.PATH, path, "is neither a file nor a folder, or lies too deep")
    if ".." in path.split("/") or "\\" in path:
        return _say(FindingKind.PATH, path, "leads out of its folder")
    if not _has_place(path):
        return _say(FindingKind.PATH, path, _explain_place(path))
    if status.st_size > LARGEST_FILE:
        return _say(
            FindingKind.SIZE,
            path,
            f"has {status.st_size:,} bytes; a file may have {LARGEST_FILE:,} (10 MiB)",
        )
    return None


def _has_place(path: str) -> bool:
    match = _SUBMISSION.fullmatch(path)
    if match is not None:
        return _INSIDE.fullmatch(match[2]) is not None
    known = _GENERATOR.fullmatch(path) or _OF_THE_REPO.fullmatch(path)
    return known is not None and ".." not in path


def _explain_place(path: str) -> str:
    if _SUBMISSION.fullmatch(path):
        return (
            "is no file of a submission: there may be submission.json, result-<protocol>.json, and"
            " <fold>/ with predictions.parquet and run.json"
        )
    if path.startswith("results/"):
        return (
            "is not in the folder of a submission, which is results/<org>__<model>/<revision>/ with"
            " the 40 hex digits of the model repo's commit"
        )
    return "has no place in a results repo: a submission adds files below results/ only"


def compare_trees(tree: Tree, base: Tree) -> tuple[list[str], list[Finding]]:
    """Return the new submissions of a tree, and every change of what was merged.

    Args:
        tree: The files of the pull request.
        base: The files of the branch that it is to be merged into.
    """
    new = [folder for folder in tree.submissions if folder not in base.submissions]
    findings = []
    for path in sorted({*tree.files, *base.files}):
        match = _SUBMISSION.fullmatch(path)
        is_new = (match is not None and match[1] in new) or (
            path.startswith("generators/") and path not in base.files
        )
        if not is_new and (change := _explain_change(path, tree, base)):
            findings.append(_say(FindingKind.MERGED, path, change))
    return new, findings


def _explain_change(path: str, tree: Tree, base: Tree) -> str | None:
    if path not in tree.files:
        return "is deleted; what was merged stays"
    if path not in base.files:
        is_merged = path.startswith("results/")
        return (
            "is added to a submission that was merged; send another revision as a new submission"
            if is_merged
            else "is added; a submission adds files below results/ only"
        )
    same = tree.files[path] == base.files[path] and (
        digest_file(tree.root / path) == digest_file(base.root / path)
    )
    return None if same else "is changed; what was merged stays as it is"


def _say(kind: FindingKind, place: str, message: str) -> Finding:
    return Finding(kind=kind, place=place, message=message)
