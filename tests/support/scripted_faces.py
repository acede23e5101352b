"""Frames as the reader gives them, and a finder that finds in them what a script says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from thb_dataset.faces.packs import FacePack
from thb_dataset.faces.values import Face
from thb_dataset.video.values import Frames, VideoInfo

Picture = npt.NDArray[np.uint8]


def make_frames(pictures: Sequence[Picture], fps: float = 25.0, step: int = 1) -> Frames:
    """Return frames like those of the reader: every ``step``-th frame of a longer video."""
    height, width = pictures[0].shape[:2]
    index = np.arange(len(pictures), dtype=np.int64) * step
    info = VideoInfo(
        width=width, height=height, rotation_degrees=0, mirrored=False, stored_width=width,
        stored_height=height, sample_aspect_ratio=1.0, codec="none", pixel_format="rgb24",
        fps=fps, seconds=None, declared_frames=None, has_audio=False,
    )  # fmt: skip
    return Frames(
        pixels=np.stack(pictures),
        index=index,
        seconds=index / fps,
        total_frames=int(index[-1]) + 1,
        read_to_end=True,
        info=info,
    )


class Script:
    """A finder that finds given faces in each frame; frame i is filled with the grey level i."""

    pack = FacePack(
        name="script", backend="none", licence="", embedding_dim=0, same_person=0.5, sha256s={}
    )

    def __init__(self, faces: dict[int, list[tuple[float, float, float]]]) -> None:
        self.faces = faces

    def find(self, rgb: Picture, *, embed: bool = False) -> list[Face]:
        return [
            Face(
                box=np.array([x, y, x + side, y + side], np.float32),
                points=np.full((5, 2), x, np.float32),
                score=0.9,
            )
            for x, y, side in self.faces.get(int(rgb[0, 0, 0]), [])
        ]

    def embed(self, rgb: Picture, face: Face) -> npt.NDArray[np.float32]:
        raise AssertionError("this pack has no recogniser")


def number_frames(count: int, step: int) -> Frames:
    """Return frames of which each is filled with its number, for :class:`Script`."""
    return make_frames([np.full((200, 200, 3), i, np.uint8) for i in range(count)], step=step)
