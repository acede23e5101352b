"""Who a video shows: the embedding of its middle frame, and a mean over five frames.

The benchmark's authors compared the middle frames' ArcFace embeddings. The mean is the stronger
choice: one frame may be blurred or turned away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clips.disk_store import DEFAULT_MAX_BYTES, DiskStore
from thb_dataset.errors import ClipTooShortError, FacePackError
from thb_dataset.faces.crops import align_face
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.faces.search import search_faces
from thb_dataset.video.frame_policy import FramePolicy

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoReader
    from thb_dataset.video.values import Frames

IDENTITY_VERSION: Final = 1
"""Raised whenever the same video would give another identity than before."""

IDENTITY_FRAMES: Final = 5
PICTURE_SIDE: Final = 112
PICTURE_MARGIN: Final = 1.5
_COUNTS: Final = ("faces", "frames_with_face", "frames_read")


@dataclass(frozen=True)
class VideoIdentity:
    """The face that a video shows.

    Attributes:
        mean: float32 (D,), unit length: mean of the embeddings of the frames with the face.
        middle: float32 (D,), unit length: of the middle frame, or of the one nearest to it in
            which the face was found.
        picture: uint8 (112, 112, 3) RGB, that frame's face, to look at.
        faces: How many faces were followed.
        frames_with_face: Frames behind ``mean``.
        frames_read: Frames looked at.
    """

    mean: npt.NDArray[np.float32]
    middle: npt.NDArray[np.float32]
    picture: npt.NDArray[np.uint8]
    faces: int
    frames_with_face: int
    frames_read: int


def read_identity(path: Path, finder: FaceFinder, reader: VideoReader) -> VideoIdentity:
    """Embed the face that is longest in five frames spread over the video, then largest.

    Raises:
        VideoError: The video cannot be decoded, or shows no face.
        FacePackError: The pack holds no recogniser.
    """
    if not finder.pack.embedding_dim:
        raise FacePackError(f"face pack: {finder.pack.name} holds no recognition model")
    try:
        frames = reader.read_frames(path, FramePolicy(frames=IDENTITY_FRAMES))
    except ClipTooShortError:
        frames = reader.read_frames(path, FramePolicy(frames=1))
    return embed_identity(frames, finder)


def embed_identity(frames: Frames, finder: FaceFinder) -> VideoIdentity:
    """Embed the face of frames that are read already; see :func:`read_identity`."""
    count = len(frames.index)
    search = search_faces(frames, finder, every_frame=True)
    track = search.tracks[0]
    vectors = np.stack(
        [
            finder.embed(frames.pixels[number], face)
            for number, face in zip(track.frames, track.faces, strict=True)
        ]
    )
    nearest = int(np.argmin(np.abs(np.array(track.frames) - (count - 1) / 2)))
    mean = vectors.mean(axis=0)
    return VideoIdentity(
        mean=mean / max(float(np.linalg.norm(mean)), 1e-12),
        middle=vectors[nearest],
        picture=align_face(
            frames.pixels[track.frames[nearest]],
            track.faces[nearest].points,
            size=PICTURE_SIDE,
            margin=PICTURE_MARGIN,
        ),
        faces=search.faces,
        frames_with_face=len(track.frames),
        frames_read=count,
    )


class IdentityStore:
    """Identities of videos in a folder.

    They are kept as :class:`thb_dataset.clips.store.ClipStore` keeps crops.

    Args:
        folder: May be the folder of a ClipStore; both then share its bound.
        max_bytes: Bound of the folder.
    """

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._store = DiskStore(folder, max_bytes=max_bytes)

    def get(self, path: Path, finder: FaceFinder, reader: VideoReader) -> VideoIdentity:
        """Return who a video shows, from disk where it is there.

        Raises:
            VideoError: As :func:`read_identity`, the video named.
        """
        return self._store.fetch(
            "identities",
            path,
            {"pack": finder.pack.pack_id, "version": IDENTITY_VERSION},
            make=lambda: read_identity(path, finder, reader),
            dump=_dump,
            load=_load,
        )


def _dump(identity: VideoIdentity) -> dict[str, npt.NDArray[Any]]:
    return {
        "mean": identity.mean,
        "middle": identity.middle,
        "picture": identity.picture,
        "counts": np.array([getattr(identity, name) for name in _COUNTS], np.int64),
    }


def _load(arrays: Mapping[str, npt.NDArray[Any]]) -> VideoIdentity:
    values: dict[str, Any] = {name: arrays[name] for name in ("mean", "middle", "picture")}
    values |= zip(_COUNTS, map(int, arrays["counts"]), strict=True)
    return VideoIdentity(**values)
