"""Files that are written whole, their hashes, and whether they have any content."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DRAFT_PREFIX = ".writing-"
"""A file of this prefix is being written, or was left behind by a process that was killed."""

VIDEO_SUFFIXES: Final = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".ts",
        ".mts",
        ".m2ts",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".flv",
        ".3gp",
        ".ogv",
    ]
)
"""The endings of video files, in small letters."""

_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_LARGEST_POINTER: Final = 1024  # bytes; by its specification a pointer is smaller


def find_fault(path: Path) -> str | None:
    """Return why there is no content at a path, in a few words; None if there is.

    Only small files are opened, so that thousands are checked in a moment.

    Args:
        path: Where a file should be.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return "a link to a file that does not exist" if path.is_symlink() else "no such file"
    except OSError as error:  # a loop of links, a folder that may not be entered
        return f"not a file that can be read: {error.strerror}"
    fault = None
    if not stat.S_ISREG(status.st_mode):
        fault = "a folder, not a file" if stat.S_ISDIR(status.st_mode) else "not a regular file"
    elif status.st_size == 0:
        fault = "an empty file"
    elif not os.access(path, os.R_OK):
        fault = "no permission to read the file"
    elif status.st_size <= _LARGEST_POINTER and path.read_bytes().startswith(_LFS_POINTER):
        fault = "a Git LFS pointer in place of the file: fetch it with git lfs pull"
    return fault


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
