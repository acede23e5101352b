"""Turn a video into the clips of a detector: read frames, follow one face, cut its crops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.following import FollowedFace, PartlySeenError, follow_face
from thb_dataset.clips.sounds import read_sound
from thb_dataset.clips.spectrogram import draw_spectrogram
from thb_dataset.errors import ClipTooShortError, NoFaceError
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.faces.framing import cut_frame, stretch_frame
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.values import Frames

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoReader

CROPS_VERSION: Final = 4
"""A number to increase whenever the same video and settings give other crops than before."""


@dataclass(frozen=True)
class VideoClips:
    """The face crops of one video, as the store keeps them.

    Attributes:
        pixels: uint8 (N, T, S, S, 3), RGB: N clips of T pictures. Pictures of the spectrogram, if
            the settings ask for them, come before the frames.
        frame_index: int64 (N, T), the place of each frame in the video.
        seconds: float64 (N, T), the time of each frame.
        boxes: float32 (N, T, 4), the smoothed box of the face x0, y0, x1, y1 in pixels of the
            frame; for whole frames the edges of the frame.
        points: float32 (N, T, 5, 2), the smoothed points of the face in pixels of the frame; NaN
            for whole frames.
        frame_size: The height and width of the frames, in pixels.
        faces: The number of faces followed, the chosen one included. A face seen in only one frame
            counts as a false alarm, unless only one frame was searched. 0 for whole frames, which
            are not searched.
        frames_with_face: The number of searched frames in which the chosen face was found.
        frames_searched: The number of frames searched for faces; boxes of the other frames are
            interpolated.
        frames_read: The number of frames read from the video.
        warnings: What is unusual about the video and may matter to a score, a sentence each.
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
    warnings: tuple[str, ...] = ()

    @property
    def frames_bridged(self) -> int:
        """The number of searched frames without the face; their box comes from neighbours."""
        return self.frames_searched - self.frames_with_face


def prepare_pixels(clips: VideoClips, spec: ClipSpec) -> npt.NDArray[np.float32]:
    """Turn crops into the input of a model: channel order, range, mean and std.

    Args:
        clips: The crops.
        spec: The settings of the detector.

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
        spec: The settings of the clips.
        finder: Finds the face; not used for whole frames.
        reader: Decodes the video.
        sound_path: A WAV file that is used if the clips need sound and the video has none.

    Raises:
        VideoError: The video cannot be decoded, is too short, shows no face that can be followed,
            or has no sound although the clips need it.
    """
    policy = choose_policy(spec)
    samples = read_sound(path, reader, sound_path) if spec.listens else None
    frames = reader.read_frames(path, policy)
    layout = policy.choose(frames.total_frames)
    if spec.crop == "full":
        clips = take_whole_frames(frames, layout, spec)
    else:
        try:
            clips = cut_clips(frames, layout, spec, finder)
        except PartlySeenError as part:
            clips = _cut_part(path, spec, finder, reader, part)
    if samples is None:
        return clips
    return put_spectrogram_before(clips, samples, frames.total_frames, spec)


def _cut_part(
    path: Path, spec: ClipSpec, finder: FaceFinder, reader: VideoReader, part: PartlySeenError
) -> VideoClips:
    """Cut the clips from the part of a video that shows the face, such as that after a title."""
    policy = replace(choose_policy(spec), first=part.first, last=part.last)
    try:
        frames = reader.read_frames(path, policy)
        clips = cut_clips(frames, policy.choose(frames.total_frames), spec, finder)
        return replace(clips, faces=max(part.faces, clips.faces))
    except ClipTooShortError:
        count = part.last - part.first + 1
        raise NoFaceError(
            f"the face is in sight for only {count} frames in a row, but one clip needs"
            f" {policy.span}"
        ) from None
    except PartlySeenError as error:
        raise NoFaceError(str(error)) from None


def choose_policy(spec: ClipSpec) -> FramePolicy:
    """Return the rule that chooses the frames of the clips."""
    return FramePolicy(
        clips=spec.clips,
        frames=spec.frames,
        sampling=spec.sampling,
        stride=spec.stride,
        spare_frames=spec.spare_frames,
        start_wrap=spec.start_wrap,
    )


def take_whole_frames(frames: Frames, layout: npt.NDArray[np.int64], spec: ClipSpec) -> VideoClips:
    """Return clips of whole frames, without looking for a face.

    Args:
        frames: The unique frames of the clips, ascending.
        layout: int64 (N, T), the index of the frame in each place.
        spec: The settings of the clips, which give the size.
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
        warnings=frames.warnings,
    )


def cut_clips(
    frames: Frames, layout: npt.NDArray[np.int64], spec: ClipSpec, finder: FaceFinder
) -> VideoClips:
    """Follow one face through the frames and cut it out of every frame of every clip.

    Args:
        frames: The unique frames of the clips, ascending.
        layout: int64 (N, T), the index of the frame in each place.
        spec: The settings of the crop.
        finder: The face finder.

    Raises:
        NoFaceError: There is no face that can be followed, as in :func:`follow_face`.
    """
    return cut_followed(frames, layout, spec, follow_face(frames, finder))


def cut_followed(
    frames: Frames, layout: npt.NDArray[np.int64], spec: ClipSpec, face: FollowedFace
) -> VideoClips:
    """Cut a face that was followed out of every frame of every clip; see :func:`cut_clips`."""
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
        frame_size=frames.pixels.shape[1:3],
        faces=face.faces,
        frames_with_face=face.frames_with_face,
        frames_searched=face.frames_searched,
        frames_read=len(frames.index),
        warnings=frames.warnings,
    )


def put_spectrogram_before(
    clips: VideoClips, samples: npt.NDArray[np.float32], total_frames: int, spec: ClipSpec
) -> VideoClips:
    """Put the part of the spectrogram that belongs to each clip before its frames.

    The columns of the whole spectrogram are spread over the frames of the video. Those of a clip
    are drawn as one picture, as wide as its frames side by side, and cut into squares.

    Args:
        clips: Clips of neighbouring frames.
        samples: float32 (n,), mono, at 22,050 Hz.
        total_frames: The number of frames of the video.
        spec: The settings of the clips, which give the number and the size of the squares.

    Returns:
        The clips with twice as many pictures; a square has the index, the time and the box of the
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
