"""Files that are written whole, and their hashes."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT_PREFIX = ".writing-"
"""A file of this prefix is being written, or was left behind by a process that was killed."""


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Give a draft to write, and move it to its place in one step once it is complete.

    Threads, processes and machines may write one file at the same time: each has a draft of its
    own, and readers see either the file before or a complete new one.

    Args:
        path: The file to write; its folder is created if it does not exist.

    Yields:
        The draft, which lies in the same folder and has the same ending. If writing it fails,
        it is removed and the file stays as it was.

    Raises:
        OSError: The folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{DRAFT_PREFIX}{secrets.token_hex(4)}.{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: Path, record: object) -> None:
    """Write a record whole, as JSON to be read by people too.

    Args:
        path: The file to write; its folder is created if it does not exist.
        record: Plain JSON values.

    Raises:
        OSError: The folder or the file cannot be written.
        ValueError: A number is not finite, which JSON cannot express.
    """
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with write_whole(path) as draft:
        draft.write_text(text, encoding="utf-8")


def digest_file(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
