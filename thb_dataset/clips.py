"""Clips kept on disk, so that a video is decoded and searched once, by whoever comes first.

An entry is one ``.npz`` named by what it depends on: the video's content, the crop settings, the
face pack and the version of the code that cuts. It is written beside its place and moved there
in one step, so that processes share a folder without locks and a kill leaves nothing half
written. "No face" and "too short" are kept as well; failures to decode are tried again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import ClipTooShortError, NoFaceError
from thb_dataset.face_packs import digest_file
from thb_dataset.faces import FaceFinder
from thb_dataset.video_clips import CROPS_VERSION, VideoClips, make_clips, prepare_pixels

if TYPE_CHECKING:
    from thb_dataset.video import VideoReader

__all__ = ["ClipSpec", "ClipStore", "StoreInfo", "VideoClips", "make_clips", "prepare_pixels"]

DEFAULT_MAX_BYTES: Final = 50 * 2**30
PRUNE_TO: Final = 0.9
"""A full store is cut down to this part of its bound, so that it is not pruned at every write."""

_KEPT_ERRORS: Final[Mapping[str, type[NoFaceError | ClipTooShortError]]] = {
    "NoFaceError": NoFaceError,
    "ClipTooShortError": ClipTooShortError,
}
_COUNTS: Final = ("faces", "frames_with_face", "frames_searched", "frames_read")
_ARRAYS: Final = ("frame_index", "seconds", "boxes")
_DAMAGED: Final = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, kw_only=True)
class StoreInfo:
    """What a store holds.

    Attributes:
        folder: Where.
        entries: Videos' crops, refusals included.
        bytes: On disk.
        max_bytes: The bound.
    """

    folder: Path
    entries: int
    bytes: int
    max_bytes: int


class ClipStore:
    """A folder of crops, shared by threads and processes."""

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Name the folder; it is made when the first entry is written.

        Args:
            folder: Where the crops lie.
            max_bytes: Bound of the store; the entries unused for longest go first.
        """
        self.folder = folder
        self.max_bytes = max_bytes
        self._written_bytes: int | None = None

    def get(
        self, video_path: Path, spec: ClipSpec, finder: FaceFinder, reader: VideoReader
    ) -> VideoClips:
        """Return the clips of a video, from disk where they are there.

        A second call reads nothing of the video but its size and time of change.

        Raises:
            VideoError: As :func:`thb_dataset.video_clips.make_clips`, the video named.
        """
        entry = self._entry_path(video_path, spec, finder)
        kept = _read_entry(entry)
        if isinstance(kept, VideoClips):
            return kept
        if kept is None:
            try:
                clips = make_clips(video_path, spec, finder, reader)
            except (NoFaceError, ClipTooShortError) as error:
                kept = error
                self._write(entry, partial(_write_refusal, error))
            else:
                self._write(entry, partial(_write_clips, clips))
                return clips
        raise type(kept)(_name_video(video_path, str(kept)))

    def info(self) -> StoreInfo:
        """Count the entries and their bytes."""
        sizes = [stat.st_size for _, stat in self._list()]
        return StoreInfo(
            folder=self.folder, entries=len(sizes), bytes=sum(sizes), max_bytes=self.max_bytes
        )

    def prune(self, max_bytes: int | None = None) -> StoreInfo:
        """Remove the entries unused for longest until the store fits its bound.

        Args:
            max_bytes: Bound for this call; the store's own unless given. 0 empties it.

        Returns:
            What is left.
        """
        bound = self.max_bytes if max_bytes is None else max_bytes
        found = sorted(self._list(), key=lambda item: item[1].st_mtime_ns)
        total = sum(stat.st_size for _, stat in found)
        for path, stat in found:
            if total <= bound:
                break
            path.unlink(missing_ok=True)
            total -= stat.st_size
        return self.info()

    def _entry_path(self, video_path: Path, spec: ClipSpec, finder: FaceFinder) -> Path:
        settings = {name: value for name, value in spec.to_dict().items() if name in _CROP_FIELDS}
        settings |= {"pack": finder.pack.pack_id, "version": CROPS_VERSION}
        text = self._digest(video_path) + json.dumps(settings, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        return self.folder / "crops" / key[:2] / f"{key}.npz"

    def _digest(self, video_path: Path) -> str:
        """Return the video's sha256, remembered by path, size and time of change."""
        stat = video_path.stat()
        known = f"{video_path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        name = hashlib.sha256(known.encode(errors="surrogateescape")).hexdigest()
        memo = self.folder / "digests" / name[:2] / name
        if memo.is_file():
            text = memo.read_text(encoding="ascii", errors="replace")
            if len(text) == 64:
                return text
        digest = digest_file(video_path)
        self._write(memo, lambda stream: stream.write(digest.encode("ascii")))
        return digest

    def _write(self, path: Path, write: Callable[[BinaryIO], object]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                write(stream)
                written = stream.tell()
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._keep_bound(written)

    def _keep_bound(self, written: int) -> None:
        if self._written_bytes is None:
            self._written_bytes = self.info().bytes
        else:
            self._written_bytes += written
        if self._written_bytes > self.max_bytes:
            self._written_bytes = self.prune(int(self.max_bytes * PRUNE_TO)).bytes

    def _list(self) -> list[tuple[Path, os.stat_result]]:
        found = []
        for path in (self.folder / "crops").glob("*/*.npz"):
            try:
                found.append((path, path.stat()))
            except FileNotFoundError:  # pruned by another process meanwhile
                continue
        return found


_CROP_FIELDS: Final = {"clips", "frames", "sampling", "stride", "crop", "margin", "size"}
"""What of a ClipSpec the crops depend on; mean, std and the like are applied after the store."""


def _name_video(path: Path, reason: str) -> str:
    return reason if path.name in reason else f"{path.name}: {reason}"


def _pack_pixels(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Compress without loss: each row less the row above, then zlib.

    On 32 crops of 224 pixels this takes 46 % of the plain bytes, 60 ms to write and 30 ms to
    read; PNG takes as much room and half as long again, ``savez_compressed`` 70 % and 125 ms.
    """
    rows = pixels.copy()
    rows[:, :, 1:] -= pixels[:, :, :-1]
    return np.frombuffer(zlib.compress(rows.tobytes(), 1), np.uint8)


def _unpack_pixels(
    packed: npt.NDArray[np.uint8], shape: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    rows = zlib.decompressobj().decompress(packed.tobytes(), int(np.prod(shape)))
    return np.add.accumulate(np.frombuffer(rows, np.uint8).reshape(shape), axis=2, dtype=np.uint8)


def _write_clips(clips: VideoClips, stream: BinaryIO) -> None:
    np.savez(
        stream,
        packed=_pack_pixels(clips.pixels),
        shape=np.array(clips.pixels.shape, np.int64),
        counts=np.array([getattr(clips, name) for name in _COUNTS], np.int64),
        **{name: getattr(clips, name) for name in _ARRAYS},
    )


def _write_refusal(error: Exception, stream: BinaryIO) -> None:
    np.savez(stream, error=np.array([type(error).__name__, str(error)]))


def _read_entry(path: Path) -> VideoClips | NoFaceError | ClipTooShortError | None:
    """Read an entry and mark it used; a damaged one is removed and counts as absent."""
    kept: VideoClips | NoFaceError | ClipTooShortError
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as entry:
            if "error" in entry:
                kind, reason = (str(text) for text in entry["error"])
                kept = _KEPT_ERRORS[kind](reason)
            else:
                values: dict[str, Any] = {name: entry[name] for name in _ARRAYS}
                values["pixels"] = _unpack_pixels(entry["packed"], entry["shape"])
                values |= zip(_COUNTS, map(int, entry["counts"]), strict=True)
                kept = VideoClips(**values)
    except FileNotFoundError:
        return None
    except _DAMAGED:
        path.unlink(missing_ok=True)
        return None
    os.utime(path)
    return kept
