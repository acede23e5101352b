"""From a video to a detector's clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec

__all__ = ["ClipSpec", "VideoClips", "prepare_pixels"]


@dataclass(frozen=True)
class VideoClips:
    """The face crops of one video, as the store keeps them.

    Attributes:
        pixels: uint8 (N, T, S, S, 3), RGB, N clips of T frames.
        frame_index: int64 (N, T), place of each frame in the video.
        seconds: float64 (N, T), time of each frame.
        boxes: float32 (N, T, 4), the face's smoothed box x0, y0, x1, y1 in pixels of the frame.
        faces: How many faces were followed, the chosen one included.
        frames_with_face: Frames looked at in which the chosen face was found.
        frames_read: Frames looked at.
    """

    pixels: npt.NDArray[np.uint8]
    frame_index: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float32]
    faces: int
    frames_with_face: int
    frames_read: int


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
