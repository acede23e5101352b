"""From a video to a detector's clips: frames, one face's track through them, its crops."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.crops import align_face, crop_box
from thb_dataset.errors import NoFaceError
from thb_dataset.face_search import search_faces
from thb_dataset.faces import FaceFinder
from thb_dataset.frame_policy import FramePolicy
from thb_dataset.tracks import Track, longest_gap, spread_over_time
from thb_dataset.video_values import Frames

if TYPE_CHECKING:
    from thb_dataset.video import VideoReader

CROPS_VERSION: Final = 2
"""Raised whenever the same video and settings would give other crops than before."""


@dataclass(frozen=True)
class VideoClips:
    """The face crops of one video, as the store keeps them.

    Attributes:
        pixels: uint8 (N, T, S, S, 3), RGB, N clips of T frames.
        frame_index: int64 (N, T), place of each frame in the video.
        seconds: float64 (N, T), time of each frame.
        boxes: float32 (N, T, 4), the face's smoothed box x0, y0, x1, y1 in pixels of the frame.
        faces: How many faces were followed, the chosen one included; a face seen in one frame
            only is taken for a false alarm, unless only one frame was searched.
        frames_with_face: Frames searched in which the chosen face was found.
        frames_searched: Frames searched for faces; the boxes of the others are interpolated.
        frames_read: Frames read from the video.
    """

    pixels: npt.NDArray[np.uint8]
    frame_index: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float32]
    faces: int
    frames_with_face: int
    frames_searched: int
    frames_read: int

    @property
    def frames_bridged(self) -> int:
        """Frames searched in vain, whose box comes from their neighbours."""
        return self.frames_searched - self.frames_with_face


def prepare_pixels(clips: VideoClips, spec: ClipSpec) -> npt.NDArray[np.float32]:
    """Turn crops into a model's numbers: channel order, range, mean and std.

    Returns:
        float32 (N, T, 3, S, S), channels in the order of ``spec.colour``.
    """
    pixels = clips.pixels[..., ::-1] if spec.colour == "BGR" else clips.pixels
    values = pixels.astype(np.float32)
    if spec.value_range == "unit":
        values /= np.float32(255)
    values -= np.asarray(spec.mean, np.float32)
    values /= np.asarray(spec.std, np.float32)
    return np.ascontiguousarray(np.moveaxis(values, -1, 2))


def make_clips(path: Path, spec: ClipSpec, finder: FaceFinder, reader: VideoReader) -> VideoClips:
    """Read a video and cut its clips, without a store.

    Raises:
        VideoError: It cannot be decoded, is too short, or shows no face that can be followed.
    """
    policy = FramePolicy(
        clips=spec.clips, frames=spec.frames, sampling=spec.sampling, stride=spec.stride
    )
    frames = reader.read_frames(path, policy)
    return cut_clips(frames, policy.choose(frames.total_frames), spec, finder)


def cut_clips(
    frames: Frames, layout: npt.NDArray[np.int64], spec: ClipSpec, finder: FaceFinder
) -> VideoClips:
    """Follow one face through the frames and cut it out of every frame of every clip.

    The face is the one seen in most of the searched frames, and the largest of these. Frames in
    which it is not found take their box from their neighbours, up to a quarter of the searched
    frames in a row (one at least).

    Args:
        frames: The unique frames of the clips, ascending.
        layout: int64 (N, T), the frame that stands in each place.
        spec: The crop.
        finder: The face finder.

    Raises:
        NoFaceError: The face is in fewer than half of the searched frames, in none of them large
            enough, or away for too long.
    """
    search = search_faces(frames, finder)
    track = search.tracks[0]
    _check_track(track, len(search.numbers))
    at = frames.seconds[search.numbers[track.frames]]
    boxes = spread_over_time(np.stack([face.box for face in track.faces]), at, frames.seconds)
    points = spread_over_time(
        np.stack([face.points.reshape(10) for face in track.faces]), at, frames.seconds
    ).reshape(-1, 5, 2)
    place = np.searchsorted(frames.index, layout)
    crops = np.stack(
        [
            crop_box(rgb, box, margin=spec.margin, size=spec.size)
            if spec.crop == "box"
            else align_face(rgb, five, margin=spec.margin, size=spec.size)
            for rgb, box, five in zip(frames.pixels, boxes, points, strict=True)
        ]
    )
    return VideoClips(
        pixels=crops[place],
        frame_index=layout,
        seconds=frames.seconds[place],
        boxes=boxes[place],
        faces=search.faces,
        frames_with_face=len(track.frames),
        frames_searched=len(search.numbers),
        frames_read=len(frames.index),
    )


def _check_track(track: Track, searched: int) -> None:
    seen = len(track.frames)
    if seen * 2 < searched:
        raise NoFaceError(f"a face in {seen} of {searched} frames, half are needed")
    gap = longest_gap(track.frames, searched)
    allowed = max(1, searched // 4)
    if gap > allowed:
        raise NoFaceError(
            f"the face is away for {gap} of {searched} frames in a row, {allowed} can be bridged"
        )
