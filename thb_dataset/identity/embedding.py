"""Embed the face of a video: in its middle frame, and as a mean over five frames.

The authors of the benchmark compared the ArcFace embeddings of middle frames. The mean is more
reliable, since a single frame may be blurred or show a face that is turned away.
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
from thb_dataset.faces.tracks import Track
from thb_dataset.video.frame_policy import FramePolicy

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoReader
    from thb_dataset.video.values import Frames

IDENTITY_VERSION: Final = 2
"""A number to increase whenever the same video gives another identity than before."""

IDENTITY_FRAMES: Final = 5
PICTURE_SIDE: Final = 112
PICTURE_MARGIN: Final = 1.5
_COUNTS: Final = ("faces", "frames_with_face", "frames_read")


@dataclass(frozen=True)
class VideoIdentity:
    """The face that a video shows.

    Attributes:
        mean: float32 (D,), unit length: the mean embedding of the frames with the face.
        middle: float32 (D,), unit length: the embedding of the frame with the face that is nearest
            to the middle.
        picture: uint8 (112, 112, 3) RGB, the face in that frame, to look at.
        faces: The number of faces followed.
        frames_with_face: The number of frames behind ``mean``.
        frames_read: The number of frames searched.
        others: float32 (K, D), unit length: the mean embeddings of the other faces, followed or
            seen in a single frame.
    """

    mean: npt.NDArray[np.float32]
    middle: npt.NDArray[np.float32]
    picture: npt.NDArray[np.uint8]
    faces: int
    frames_with_face: int
    frames_read: int
    others: npt.NDArray[np.float32]


def read_identity(path: Path, finder: FaceFinder, reader: VideoReader) -> VideoIdentity:
    """Embed the face that most of five frames, spread over the video, show.

    Of several such faces, the largest one is taken. A video of fewer than five frames is embedded
    by its middle frame.

    Args:
        path: The video.
        finder: Finds and embeds faces.
        reader: Decodes the video.

    Raises:
        VideoError: The video cannot be decoded, or shows no face.
        FacePackError: The pack holds no recognition model.
    """
    if not finder.pack.embedding_dim:
        raise FacePackError(f"face pack: {finder.pack.name} holds no recognition model")
    try:
        frames = reader.read_frames(path, FramePolicy(frames=IDENTITY_FRAMES))
    except ClipTooShortError:
        frames = reader.read_frames(path, FramePolicy(frames=1))
    return embed_identity(frames, finder)


def embed_identity(frames: Frames, finder: FaceFinder) -> VideoIdentity:
    """Embed the face of decoded frames, as :func:`read_identity` does.

    Args:
        frames: Frames spread over one video, ascending.
        finder: Finds and embeds faces.

    Raises:
        NoFaceError: No frame shows a face.
    """
    count = len(frames.index)
    search = search_faces(frames, finder, every_frame=True)
    track, *others = search.tracks
    vectors = _embed_track(track, frames, finder)
    nearest = int(np.argmin(np.abs(np.array(track.frames) - (count - 1) / 2)))
    return VideoIdentity(
        mean=_mean(vectors),
        others=np.array(
            [_mean(_embed_track(other, frames, finder)) for other in others], np.float32
        ).reshape(-1, vectors.shape[1]),
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


def _embed_track(track: Track, frames: Frames, finder: FaceFinder) -> npt.NDArray[np.float32]:
    """Return the embedding of a face in each frame of its track, float32 (K, D)."""
    return np.stack(
        [
            finder.embed(frames.pixels[number], face)
            for number, face in zip(track.frames, track.faces, strict=True)
        ]
    )


def _mean(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean of embeddings, at unit length."""
    mean: npt.NDArray[np.float32] = vectors.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


class IdentityStore:
    """Identities of videos, kept in a folder as a ``ClipStore`` keeps crops.

    Args:
        folder: The folder; it may be that of a ClipStore, and both then share its bound.
        max_bytes: The largest size of the folder.
    """

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._store = DiskStore(folder, max_bytes=max_bytes)

    def get(self, path: Path, finder: FaceFinder, reader: VideoReader) -> VideoIdentity:
        """Return the identity of a video, from disk if it is there.

        Args:
            path: The video.
            finder: Finds and embeds faces.
            reader: Decodes the video.

        Raises:
            VideoError: The video has no identity, as in :func:`read_identity`; the message names
                the video.
            FacePackError: The pack holds no recognition model.
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
        "others": identity.others,
        "counts": np.array([getattr(identity, name) for name in _COUNTS], np.int64),
    }


def _load(arrays: Mapping[str, npt.NDArray[Any]]) -> VideoIdentity:
    values: dict[str, Any] = {
        name: arrays[name] for name in ("mean", "middle", "picture", "others")
    }
    values |= zip(_COUNTS, map(int, arrays["counts"]), strict=True)
    return VideoIdentity(**values)
