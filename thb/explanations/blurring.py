"""Blurred crops: what a detector is left with when there is nothing to judge.

They are blurred rather than painted grey: no camera gives a grey square, and a detector of
forgeries may answer to the edges of the square rather than to what it hides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clips.video_clips import VideoClips

Pictures = npt.NDArray[np.uint8]

BLUR: Final = 1 / 14
"""The standard deviation of the blur over the side of the crop: it removes an eye but keeps the
colours. For 224 pixels it is 16; RISE takes 5, which leaves a face recognisable."""


def blur_frames(frames: Pictures) -> Pictures:
    """Blur pictures (N, T, S, S, 3), each with its edge pixels repeated outside."""
    import cv2

    size = frames.shape[2]
    flat = frames.reshape(-1, *frames.shape[2:])
    sigma = size * BLUR
    blurred = [
        cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        for picture in flat
    ]
    return np.stack(blurred).reshape(frames.shape)


def put_frames(clips: VideoClips, frames: Pictures) -> VideoClips:
    """Return clips with other frames (N, T, S, S, 3); the pictures of a spectrogram stay."""
    sound = clips.pixels[:, : clips.pixels.shape[1] - frames.shape[1]]
    return replace(clips, pixels=np.concatenate([sound, frames], axis=1))
