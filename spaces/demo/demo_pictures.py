"""Pictures of a judgement: frames with the followed face's box, and the label of the overlay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.reader import VideoReader

PICTURES: Final = 8
LONGEST_SIDE_PIXELS: Final = 360
BOX_COLOUR: Final = (255, 176, 0)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture file, and what it shows for visitors who cannot see it.

    Attributes:
        path: The PNG file.
        caption: A text of one line.
    """

    path: str
    caption: str


def label_overlay(name: str) -> str:
    """Return the label of the video that shows where a detector looked.

    What the colours mean depends on the detector, so it stands in the video itself. On a phone, a
    longer label would lie under the buttons of the player.
    """
    return f"Where {name} looked"


def draw_track(video: Path, spec: ClipSpec, clips: VideoClips, folder: Path) -> tuple[Picture, ...]:
    """Draw the face's box onto frames that the detector saw, spread evenly over the video.

    Args:
        video: The video file.
        spec: The settings that say which frames the clips hold.
        clips: The clips, with the face's boxes in pixels of the frames.
        folder: The folder for the pictures.

    Raises:
        VideoError: The video cannot be read a second time.
    """
    policy = FramePolicy(
        clips=spec.clips,
        frames=spec.frames,
        sampling=spec.sampling,
        stride=spec.stride,
        spare_frames=spec.spare_frames,
        start_wrap=spec.start_wrap,
    )
    with VideoReader() as reader:
        frames = reader.read_frames(video, policy, max_side=LONGEST_SIDE_PIXELS)
    index, first = np.unique(clips.frame_index, return_index=True)
    boxes = clips.boxes.reshape(-1, 4)[first]
    seconds = clips.seconds.reshape(-1)[first]
    chosen = np.unique(np.linspace(0, len(index) - 1, min(PICTURES, len(index))).round())
    scale = frames.pixels.shape[1] / clips.frame_size[0]
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for place in chosen.astype(int):
        rgb = frames.pixels[np.searchsorted(frames.index, index[place])]
        image = Image.fromarray(rgb)
        box = [float(side) for side in boxes[place] * scale]
        ImageDraw.Draw(image).rectangle(box, outline=BOX_COLOUR, width=3)
        file = folder / f"{place:03d}.png"
        image.save(file)
        pictures.append(Picture(path=str(file), caption=f"at {seconds[place]:.1f} s"))
    return tuple(pictures)
