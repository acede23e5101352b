"""From a video to a detector's clips: frames, one face's track through them, its crops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.sounds import read_sound
from thb_dataset.clips.spectrogram import draw_spectrogram
from thb_dataset.errors import NoFaceError
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.faces.framing import cut_frame, stretch_frame
from thb_dataset.faces.search import search_faces
from thb_dataset.faces.tracks import Track, longest_gap, spread_over_time
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.values import Frames

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoReader

CROPS_VERSION: Final = 3
"""Raised whenever the same video and settings would give other crops than before."""


@dataclass(frozen=True)
class VideoClips:
    """The face crops of one video, as the store keeps them.

    Attributes:
        pixels: uint8 (N, T, S, S, 3), RGB, N clips of T pictures: the frames, after those of the
            spectrogram where the settings ask for it.
        frame_index: int64 (N, T), place of each frame in the video.
        seconds: float64 (N, T), time of each frame.
        boxes: float32 (N, T, 4), the face's smoothed box x0, y0, x1, y1 in pixels of the frame;
            the frame's own edges where whole frames are taken.
        points: float32 (N, T, 5, 2), its smoothed points in pixels of the frame; NaN where whole
            frames are taken.
        frame_size: Height and width of the frames, in pixels.
        faces: How many faces were followed, the chosen one included; a face seen in one frame
            only is taken for a false alarm, unless only one frame was searched. 0 where whole
            frames are taken: none was looked for.
        frames_with_face: Frames searched in which the chosen face was found.
        frames_searched: Frames searched for faces; the boxes of the others are interpolated.
        frames_read: Frames read from the video.
    """

    pixels: npt.NDArray[np.uint8]
    frame_index: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]
    frame_size: tuple[int, int]
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


def make_clips(
    path: Path,
    spec: ClipSpec,
    finder: FaceFinder,
    reader: VideoReader,
    *,
    sound_path: Path | None = None,
) -> VideoClips:
    """Read a video and cut its clips, without a store.

    Args:
        path: The video.
        spec: The clips.
        finder: Not asked where the whole frame is taken.
        reader: Decodes.
        sound_path: A WAV file that stands in where the clips need sound and the video has none.

    Raises:
        VideoError: It cannot be decoded, is too short, shows no face that can be followed, or has
            no sound where the clips need it.
    """
    policy = choose_policy(spec)
    samples = read_sound(path, reader, sound_path) if spec.sound == "mel" else None
    frames = reader.read_frames(path, policy)
    layout = policy.choose(frames.total_frames)
    if spec.crop == "full":
        clips = take_whole_frames(frames, layout, spec)
    else:
        clips = cut_clips(frames, layout, spec, finder)
    if samples is None:
        return clips
    return put_spectrogram_before(clips, samples, frames.total_frames, spec)


def choose_policy(spec: ClipSpec) -> FramePolicy:
    """Return which frames of a video its clips are made of."""
    return FramePolicy(
        clips=spec.clips,
        frames=spec.frames,
        sampling=spec.sampling,
        stride=spec.stride,
        spare_frames=spec.spare_frames,
        start_wrap=spec.start_wrap,
    )


def take_whole_frames(frames: Frames, layout: npt.NDArray[np.int64], spec: ClipSpec) -> VideoClips:
    """Take the whole of every frame of every clip; no face is looked for.

    Args:
        frames: The unique frames of the clips, ascending.
        layout: int64 (N, T), the frame that stands in each place.
        spec: Says the size.
    """
    place = np.searchsorted(frames.index, layout)
    height, width = frames.pixels.shape[1:3]
    whole = np.array([0, 0, width, height], np.float32)
    pictures = np.stack([stretch_frame(rgb, spec.size) for rgb in frames.pixels])
    return VideoClips(
        pixels=pictures[place],
        frame_index=layout,
        seconds=frames.seconds[place],
        boxes=np.broadcast_to(whole, (*layout.shape, 4)).copy(),
        points=np.full((*layout.shape, 5, 2), np.nan, np.float32),
        frame_size=(height, width),
        faces=0,
        frames_with_face=0,
        frames_searched=0,
        frames_read=len(frames.index),
    )


def cut_clips(
    frames: Frames, layout: npt.NDArray[np.int64], spec: ClipSpec, finder: FaceFinder
) -> VideoClips:
    """Follow one face through the frames and cut it out of every frame of every clip.

    Args:
        frames: The unique frames of the clips, ascending.
        layout: int64 (N, T), the frame that stands in each place.
        spec: The crop.
        finder: The face finder.

    Raises:
        NoFaceError: As :func:`follow_face`.
    """
    face = follow_face(frames, finder)
    place = np.searchsorted(frames.index, layout)
    crops = np.stack(
        [
            cut_frame(rgb, spec, box=box, points=five)
            for rgb, box, five in zip(frames.pixels, face.boxes, face.points, strict=True)
        ]
    )
    return VideoClips(
        pixels=crops[place],
        frame_index=layout,
        seconds=frames.seconds[place],
        boxes=face.boxes[place],
        points=face.points[place],
        frame_size=(frames.info.height, frames.info.width),
        faces=face.faces,
        frames_with_face=face.frames_with_face,
        frames_searched=face.frames_searched,
        frames_read=len(frames.index),
    )


@dataclass(frozen=True)
class FollowedFace:
    """One face's way through the frames of a video.

    Attributes:
        boxes: float32 (M, 4), its smoothed box in each of the M frames.
        points: float32 (M, 5, 2), its smoothed points.
        faces: As in :class:`VideoClips`, like the two below.
        frames_with_face: Frames in which it was found.
        frames_searched: Frames searched.
    """

    boxes: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]
    faces: int
    frames_with_face: int
    frames_searched: int


def follow_face(frames: Frames, finder: FaceFinder) -> FollowedFace:
    """Follow one face through the frames: the one seen in most of those searched, then the largest.

    Frames in which it is not found take their box from their neighbours, up to a quarter of the
    searched frames in a row (one at least).

    Args:
        frames: Frames of one video, ascending.
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
    )
    return FollowedFace(
        boxes=boxes,
        points=points.reshape(-1, 5, 2),
        faces=search.faces,
        frames_with_face=len(track.frames),
        frames_searched=len(search.numbers),
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


def put_spectrogram_before(
    clips: VideoClips, samples: npt.NDArray[np.float32], total_frames: int, spec: ClipSpec
) -> VideoClips:
    """Put the part of the spectrogram that belongs to each clip before its frames.

    The columns of the whole spectrogram are shared out over the frames of the video; those of a
    clip are drawn as one picture, as wide as its frames side by side, and cut into squares.

    Args:
        clips: Of neighbouring frames.
        samples: float32 (n,), mono, at 22,050 Hz.
        total_frames: Of the video.
        spec: Whose ``frames`` and ``size`` the squares have.

    Returns:
        The clips with twice as many pictures; index, time and box of a square are those of the
        frame below it.
    """
    import cv2

    picture = draw_spectrogram(samples)
    columns = picture.shape[1] / total_frames
    squares = []
    for start in clips.frame_index[:, 0]:
        begin = min(int(np.round(start * columns)), picture.shape[1] - 1)
        end = max(begin + 1, int(np.round((start + spec.frames) * columns)))
        part = np.ascontiguousarray(picture[:, begin:end])
        wide = cv2.resize(part, (spec.frames * spec.size, spec.size))
        squares.append(wide.reshape(spec.size, spec.frames, spec.size, 3).swapaxes(0, 1))
    return replace(
        clips,
        pixels=np.concatenate([np.stack(squares), clips.pixels], axis=1),
        frame_index=np.tile(clips.frame_index, 2),
        seconds=np.tile(clips.seconds, 2),
        boxes=np.tile(clips.boxes, (1, 2, 1)),
        points=np.tile(clips.points, (1, 2, 1, 1)),
    )
