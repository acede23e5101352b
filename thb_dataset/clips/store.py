"""Keep the clips of videos on disk, so that each video is decoded and searched only once."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.disk_store import DEFAULT_MAX_BYTES, DiskStore, StoreInfo
from thb_dataset.clips.video_clips import CROPS_VERSION, VideoClips, make_clips
from thb_dataset.errors import VideoError
from thb_dataset.faces.finder import FaceFinder

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoReader

_APPLIED_LATER: Final = {"mean", "std", "colour", "value_range", "aggregation"}
"""Fields of a ClipSpec that do not change the crops, since they are applied after the store."""

_COUNTS: Final = ("faces", "frames_with_face", "frames_searched", "frames_read")
_ARRAYS: Final = ("frame_index", "seconds", "boxes", "points")


class Rendition(Protocol):
    """A way to make a new video of a video, whose clips are then kept instead."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """The JSON values that the new video depends on, beside the content of the old one."""

    def make(self, path: Path, finder: FaceFinder, reader: VideoReader) -> bytes:
        """Return the content of the new video's file.

        Args:
            path: The old video.
            finder: Finds the faces.
            reader: Decodes the old video.

        Raises:
            VideoError: The new video cannot be made.
        """


class ClipStore:
    """Crops of videos in a folder, which threads and processes share.

    Args:
        folder: The folder of the crops; created when the first crops are written.
        max_bytes: The largest size of the folder; the least recently used crops are removed first.
    """

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._store = DiskStore(folder, max_bytes=max_bytes)

    @property
    def folder(self) -> Path:
        """The folder of the crops."""
        return self._store.folder

    def get(
        self,
        video_path: Path,
        spec: ClipSpec,
        finder: FaceFinder,
        reader: VideoReader,
        *,
        sound_path: Path | None = None,
        rendition: Rendition | None = None,
    ) -> VideoClips:
        """Return the clips of a video, from disk if they are there.

        A second call reads only the video's size and times.

        Args:
            video_path: The video.
            spec: The settings of the clips.
            finder: Finds the face.
            reader: Decodes the video.
            sound_path: A WAV file that is used if the clips need sound and the video has none.
            rendition: Makes the new video whose clips are returned; None for those of the video
                itself. The new video is removed once its clips are cut.

        Raises:
            VideoError: The clips cannot be made, as in
                :func:`thb_dataset.clips.video_clips.make_clips`; the message names the video.
        """
        settings = {k: v for k, v in spec.to_dict().items() if k not in _APPLIED_LATER}
        settings |= {"pack": finder.pack.pack_id, "version": CROPS_VERSION}
        if spec.listens and sound_path is not None:
            settings["sound_sha256"] = self._store.digest(sound_path)

        def make() -> VideoClips:
            if rendition is not None:
                return _make_rendered(video_path, spec, finder, reader, rendition)
            return make_clips(video_path, spec, finder, reader, sound_path=sound_path)

        if rendition is not None:
            settings["rendition"] = dict(rendition.identity)
        return self._store.fetch(
            "crops",
            video_path,
            settings,
            make=make,
            dump=_dump_clips,
            load=_load_clips,
        )

    def digest(self, path: Path) -> str:
        """Return the sha256 of a file, which is read again only if something touched it.

        Raises:
            OSError: The file cannot be read, or the store cannot be written.
        """
        return self._store.digest(path)

    def info(self) -> StoreInfo:
        """Count the entries and their bytes."""
        return self._store.info()

    def prune(self, max_bytes: int | None = None) -> StoreInfo:
        """Remove the least recently used crops until the store fits its bound.

        Args:
            max_bytes: The bound for this call; None stands for the store's own. 0 empties it.

        Returns:
            The facts about what is left.
        """
        return self._store.prune(max_bytes)


def _make_rendered(
    path: Path, spec: ClipSpec, finder: FaceFinder, reader: VideoReader, rendition: Rendition
) -> VideoClips:
    """Return the clips of a new video, which lies in a temporary file meanwhile."""
    content = rendition.make(path, finder, reader)
    with tempfile.NamedTemporaryFile(prefix="thb-rendition-", suffix=".mp4") as file:
        file.write(content)
        file.flush()
        try:
            return make_clips(Path(file.name), spec, finder, reader)
        except VideoError as error:
            raise type(error)(str(error).replace(file.name, str(path))) from None


def _pack_pixels(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Compress pixels without loss: subtract the row above from each row, then use zlib.

    For 32 crops of 224 pixels this takes 46 % of the plain bytes, 60 ms to write and 30 ms to read.
    PNG takes as many bytes and 50 % more time, ``savez_compressed`` 70 % and 125 ms.
    """
    rows = pixels.copy()
    rows[:, :, 1:] -= pixels[:, :, :-1]
    return np.frombuffer(zlib.compress(rows.tobytes(), 1), np.uint8)


def _unpack_pixels(
    packed: npt.NDArray[np.uint8], shape: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    rows = zlib.decompressobj().decompress(packed.tobytes(), int(np.prod(shape)))
    return np.add.accumulate(np.frombuffer(rows, np.uint8).reshape(shape), axis=2, dtype=np.uint8)


def _dump_clips(clips: VideoClips) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(clips, name) for name in _ARRAYS}
    arrays["packed"] = _pack_pixels(clips.pixels)
    arrays["shape"] = np.array(clips.pixels.shape, np.int64)
    arrays["frame_size"] = np.array(clips.frame_size, np.int64)
    arrays["warnings"] = np.array(clips.warnings, np.str_)
    arrays["counts"] = np.array([getattr(clips, name) for name in _COUNTS], np.int64)
    return arrays


def _load_clips(arrays: Mapping[str, npt.NDArray[Any]]) -> VideoClips:
    values: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
    values["frame_size"] = tuple(arrays["frame_size"].tolist())
    values["warnings"] = tuple(arrays["warnings"].tolist())
    values["pixels"] = _unpack_pixels(arrays["packed"], arrays["shape"])
    values |= zip(_COUNTS, map(int, arrays["counts"]), strict=True)
    return VideoClips(**values)
