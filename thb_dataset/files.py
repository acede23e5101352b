"""Files that are written whole or in use, their hashes, and whether they have any content."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
import socket
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, Final

from thb_dataset.errors import THBError

DRAFT_PREFIX = ".writing-"
"""A file of this prefix is being written, or was left behind by a process that was killed."""

ABANDONED_DRAFT_SECONDS: Final = 60.0
"""The age from which a draft in a folder of ours was left behind: it takes no second to write."""

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
    own, and readers see either the file before or a complete new one. Drafts of the same file that
    killed processes left are removed.

    Args:
        path: The file to write; its folder is created if it does not exist.

    Yields:
        The draft, which lies in the same folder and has the same ending. If writing it fails,
        it is removed and the file stays as it was.

    Raises:
        OSError: The folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent.glob(f"{DRAFT_PREFIX}????????.{escape(path.name)}"))
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


def parse_json(text: str | bytes) -> Any:  # noqa: ANN401 — JSON can be anything
    """Return the values of a JSON text that others wrote.

    Raises:
        ValueError: The text is not JSON, is nested more deeply than any record is, or holds a
            number that is not finite, which Python writes but JSON does not know.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_parse_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name}, and JSON has no such number")


def _parse_finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"it holds {text[:20]}, and no number is as large")
    return value


def digest_file(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from filling a folder, and clear what a killed one left of it.

    The lock is a file beside the folder, so the folder may be replaced meanwhile. The operating
    system lifts it when its process ends in any way, so no lock is left behind.

    Args:
        folder: The folder; it need not exist.

    Raises:
        THBError: Another process has the lock; the message names it.
        OSError: The folder around it cannot be written.
    """
    from filelock import FileLock, Timeout

    place = folder.expanduser().resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    file = place.with_name(f".{place.name}.in-use")
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        owner = ""
        with suppress(OSError):
            owner = file.read_text(encoding="utf-8", errors="replace").strip()
        raise THBError(
            f"{folder} is in use by {owner or 'another process'}: wait until it has ended, or"
            " choose another folder (--out)"
        ) from None
    try:
        command = " ".join(Path(word).name if i == 0 else word for i, word in enumerate(sys.argv))
        words = f"process {os.getpid()} on {socket.gethostname()} ({command[:200]})\n"
        file.write_text(words, encoding="utf-8", errors="backslashreplace")
        _clear_abandoned(place)
        yield
    finally:
        file.unlink(missing_ok=True)  # whoever waits for the lock sees that its file has gone
        lock.release()


def workshop_prefix(folder: Path) -> str:
    """Return how the names of the temporary folders begin in which a folder is prepared.

    They lie beside the folder; :func:`lock_folder` clears those that were left behind.
    """
    return f".{folder.name}.writing-"


def _clear_abandoned(folder: Path) -> None:
    """Remove what no living process owns, since this one has the lock of the folder."""
    for workshop in folder.parent.glob(f"{workshop_prefix(folder)}*"):
        shutil.rmtree(workshop, ignore_errors=True)
    _remove_abandoned(folder.rglob(f"{DRAFT_PREFIX}*"))


def _remove_abandoned(drafts: Iterable[Path]) -> None:
    """Remove the drafts, files and folders, that nobody has written to for a while."""
    for draft in [*drafts]:
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > ABANDONED_DRAFT_SECONDS:
                shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
