"""New videos made of training videos: encoded again, and pseudo-fakes of the real ones.

Each is a :class:`~thb_dataset.clips.store.Rendition`: the store makes it when its clips are asked
for, keeps the clips and removes the video. A pseudo-fake shows the very pictures that the encoding
of its real shows, altered, and is encoded by the same encoder with the same settings, so that
nothing but the alteration tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from thb_dataset.faces.finder import FaceFinder
    from thb_dataset.video.reader import VideoReader
    from thb_dataset.video.values import Frames, Render

RENDITIONS_VERSION: Final = 1
"""A number to increase whenever the same settings give other new videos than before."""


class Alteration(Protocol):
    """A change of the pictures of a real video that makes a pseudo-fake of it."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """The JSON values that the changed pictures depend on, beside the pictures."""

    def alter(self, frames: Frames, finder: FaceFinder) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield each picture changed, of the same size, in the same order.

        Args:
            frames: The pictures, uint8 (T, S, S, 3), RGB.
            finder: Finds the faces.

        Raises:
            VideoError: The pictures cannot be changed, for want of a face, for example.
        """


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """A video encoded again.

    Attributes:
        how: The rate, size and quality of the new video.
    """

    how: Render

    @property
    def identity(self) -> Mapping[str, Any]:
        """The JSON values that the new video depends on."""
        return {"version": RENDITIONS_VERSION, **asdict(self.how)}

    def make(self, path: Path, finder: FaceFinder, reader: VideoReader) -> bytes:
        """Return the content of the new video's file.

        Args:
            path: The old video.
            finder: Not used.
            reader: Renders the old video.

        Raises:
            VideoError: The old video cannot be read.
        """
        return reader.render(path, self.how)


@dataclass(frozen=True, kw_only=True)
class PseudoFake:
    """A real video altered, and then encoded as its real is.

    Attributes:
        how: The rate, size and quality of the new video, which are those of the real's encoding.
        alteration: The change of its pictures.
    """

    how: Render
    alteration: Alteration

    @property
    def identity(self) -> Mapping[str, Any]:
        """The JSON values that the new video depends on."""
        encoding = Encoding(how=self.how).identity
        return {**encoding, "alteration": dict(self.alteration.identity)}

    def make(self, path: Path, finder: FaceFinder, reader: VideoReader) -> bytes:
        """Return the content of the new video's file.

        Args:
            path: The real video.
            finder: Finds the faces, where the alteration needs them.
            reader: Decodes the real video.

        Raises:
            VideoError: The real video cannot be read or altered.
        """
        from thb_dataset.video.encoding import encode_pictures

        frames = reader.read_pictures(path, self.how)
        shown = np.diff(np.append(frames.index, frames.total_frames))
        altered = self.alteration.alter(frames, finder)
        return encode_pictures(zip(altered, map(int, shown), strict=True), self.how)
