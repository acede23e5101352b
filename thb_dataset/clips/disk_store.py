"""A folder of values made from videos, shared by processes and bounded in size.

An entry is one ``.npz`` file, named by a hash of what it depends on: the content of the video and
the settings. It is written beside its place and moved there in one step. Processes therefore share
the folder without locks, and a killed process leaves nothing that could be taken for an entry.
"No face" and "too short" are entries too; failures to decode are not and are tried again.

A store that cannot be written, for want of permission or of room, keeps nothing more; the values
are made all the same, and one warning tells so.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ClipTooShortError, NoFaceError
from thb_dataset.files import DRAFT_PREFIX, digest_file, write_whole

DEFAULT_MAX_BYTES: Final = 50 * 2**30
PRUNE_TO: Final = 0.9
"""The part of its bound to which a full store is pruned, so that not every write prunes it."""

ABANDONED_SECONDS: Final = 3600.0
"""The age from which a draft counts as left behind by a process that was killed."""

_CLOCK_TICK_NS: Final = 2 * 10**9
"""The coarsest tick of a file system's clock, that of FAT."""

_DIGESTS: Final = "digests"
_REFUSAL: Final = "refusal"
_ENTRIES: Final = "*/*/[!.]*.npz"  # drafts begin with a dot
_KEPT_ERRORS: Final[Mapping[str, type[NoFaceError | ClipTooShortError]]] = {
    "NoFaceError": NoFaceError,
    "ClipTooShortError": ClipTooShortError,
}
_DAMAGED: Final = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error)

_log = logging.getLogger(__name__)
_told_of: dict[Path, object] = {}

Array = npt.NDArray[Any]
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class StoreInfo:
    """Facts about a store.

    Attributes:
        folder: Its folder.
        entries: The number of entries, refusals included.
        bytes: Their size on disk.
        max_bytes: The bound of their size.
    """

    folder: Path
    entries: int
    bytes: int
    max_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "folder": str(self.folder),
            "entries": self.entries,
            "bytes": self.bytes,
            "max_bytes": self.max_bytes,
        }


class DiskStore:
    """A folder of entries, created when the first entry is written.

    Args:
        folder: The folder of the entries.
        max_bytes: The largest size of the entries; the least recently used are removed first.
    """

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._known_bytes: int | None = None

    def fetch(
        self,
        kind: str,
        video_path: Path,
        settings: Mapping[str, Any],
        *,
        make: Callable[[], Made],
        dump: Callable[[Made], Mapping[str, Array]],
        load: Callable[[Mapping[str, Array]], Made],
    ) -> Made:
        """Return the value made from a video before, or make it and keep it.

        A second call reads only the video's size and times. A damaged entry is removed and made
        again.

        Args:
            kind: The kind of value, such as ``crops``; it names a folder of the store.
            video_path: The video.
            settings: The JSON values that the entry depends on, beside the video's content.
            make: Makes the value.
            dump: Turns the value into named arrays.
            load: Turns the named arrays back into the value.

        Raises:
            VideoError: ``make`` raised it; the message names the video.
        """
        text = self.digest(video_path) + json.dumps(settings, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        entry = self.folder / kind / key[:2] / f"{key}.npz"
        kept = _read_entry(entry, load)
        if kept is None:
            try:
                kept = make()
            except (NoFaceError, ClipTooShortError) as error:
                reason = str(error).removeprefix(f"{video_path}: ")
                kept = type(error)(reason)
                self._write(entry, {_REFUSAL: np.array([type(error).__name__, reason])})
            else:
                self._write(entry, dump(kept))
        if isinstance(kept, NoFaceError | ClipTooShortError):
            raise type(kept)(f"{video_path}: {kept}")
        return kept

    def digest(self, video_path: Path) -> str:
        """Return the sha256 of a video, remembered as long as nothing touches the file.

        Copying tools set the time of change (mtime) back to that of the original. They cannot set
        the time at which the file system saw the change (ctime), so it tells a file that was
        replaced by another of the same size and mtime. This holds for local and the usual network
        file systems; one that keeps no ctime of its own cannot tell such files apart.
        """
        stat = video_path.stat()
        known = "|".join(
            str(value)
            for value in (
                video_path.resolve(),
                *(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns),
                *(stat.st_dev, stat.st_ino),
            )
        )
        name = hashlib.sha256(known.encode(errors="surrogateescape")).hexdigest()
        memo = self.folder / _DIGESTS / name[:2] / name
        with suppress(OSError):  # there is none yet, or it cannot be read
            text = memo.read_text(encoding="ascii", errors="replace")
            if len(text) == 64:
                return text
        # The clocks of file systems tick coarsely: a file that was touched only just now may change
        # once more without a new time, so its digest is not remembered yet.
        is_settled = time.time_ns() - stat.st_ctime_ns > _CLOCK_TICK_NS
        digest = digest_file(video_path)
        if not is_settled:
            return digest
        with self._goes_on_without(), write_whole(memo) as draft:
            draft.write_text(digest, encoding="ascii")
        return digest

    def _write(self, path: Path, arrays: Mapping[str, Any]) -> None:
        with self._goes_on_without():
            with write_whole(path) as draft:
                np.savez(draft, **arrays)
                written = draft.stat().st_size
            self._keep_the_bound(written)

    @contextmanager
    def _goes_on_without(self) -> Iterator[None]:
        """Turn a failure to write into one warning for each store."""
        try:
            yield
        except OSError as error:
            token = object()
            if _told_of.setdefault(self.folder, token) is token:  # in one step, for threads
                _log.warning(
                    "face crops are not kept, so they are made again next time: %s cannot be"
                    " written (%s); set THB_CACHE to a folder with room that can be",
                    self.folder,
                    error.strerror or error,
                )

    def _keep_the_bound(self, written: int) -> None:
        if self._known_bytes is None:
            self._known_bytes = self.info().bytes
        else:
            self._known_bytes += written
        if self._known_bytes > self.max_bytes:
            self._known_bytes = self.prune(int(self.max_bytes * PRUNE_TO)).bytes

    def info(self) -> StoreInfo:
        """Count the entries and their bytes."""
        return self._describe([stat.st_size for _, stat in self._list(_ENTRIES)])

    def _describe(self, sizes: Sequence[int]) -> StoreInfo:
        return StoreInfo(
            folder=self.folder, entries=len(sizes), bytes=sum(sizes), max_bytes=self.max_bytes
        )

    def prune(self, max_bytes: int | None = None, *, dry_run: bool = False) -> StoreInfo:
        """Remove the least recently used entries until the store fits its bound.

        Drafts that killed processes left behind are removed too.

        Args:
            max_bytes: The bound for this call; None stands for the store's own. 0 empties it.
            dry_run: Remove nothing.

        Returns:
            The facts about what is left, or would be.
        """
        bound = self.max_bytes if max_bytes is None else max_bytes
        kept, unused = self._choose_unused(bound)
        if dry_run:
            return self._describe(kept)
        now = time.time()
        for path, stat in self._list(f"*/*/{DRAFT_PREFIX}*"):
            if now - stat.st_mtime > ABANDONED_SECONDS:
                path.unlink(missing_ok=True)
        for path in unused:
            path.unlink(missing_ok=True)
        if bound == 0:
            for path, _ in self._list(f"{_DIGESTS}/*/*"):
                path.unlink(missing_ok=True)
        return self.info()

    def _choose_unused(self, bound: int) -> tuple[list[int], list[Path]]:
        """Return the sizes of the entries to keep, and the entries that must go."""
        found = sorted(self._list(_ENTRIES), key=lambda item: item[1].st_mtime_ns)
        sizes = [stat.st_size for _, stat in found]
        total, first = sum(sizes), 0
        while total > bound:
            total -= sizes[first]
            first += 1
        return sizes[first:], [path for path, _ in found[:first]]

    def _list(self, pattern: str) -> list[tuple[Path, os.stat_result]]:
        found = []
        for path in self.folder.glob(pattern):
            try:
                found.append((path, path.stat()))
            except FileNotFoundError:  # another process has removed it meanwhile
                continue
        return found


def _read_entry(
    path: Path, load: Callable[[Mapping[str, Array]], Made]
) -> Made | NoFaceError | ClipTooShortError | None:
    """Read an entry and mark it as used; a damaged entry is removed and counts as absent."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            if _REFUSAL in arrays:
                kind, reason = (str(text) for text in arrays[_REFUSAL])
                kept: Made | NoFaceError | ClipTooShortError = _KEPT_ERRORS[kind](reason)
            else:
                kept = load(arrays)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except _DAMAGED:
        with suppress(OSError):  # in a folder that can only be read, it stays
            path.unlink(missing_ok=True)
        return None
    with suppress(OSError):  # where it cannot be marked, nothing is pruned either
        os.utime(path)
    return kept
