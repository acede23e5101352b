"""How far the face crop moves when a video is rendered alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from thb.preprocessing.clips import ClipMaker
from thb.preprocessing.settings import Preparation
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips

if TYPE_CHECKING:
    from metrics.talking_head_detection.inputs import FloatArray


@dataclass(frozen=True, kw_only=True)
class CropShift:
    """How far the crops of a detector's clips move, in sides of the face box.

    Attributes:
        detector: What the detector is called in tables.
        videos: The number of videos with a crop both as released and rendered alike.
        median_shift: The median distance of the two crops' centres; 0 without such videos.
        largest_shift: The largest of these distances.
        video: The ``video_id`` of the largest one; empty without such videos.
    """

    detector: str
    videos: int
    median_shift: float
    largest_shift: float
    video: str


def measure_crop_shift(
    detector: str,
    spec: ClipSpec,
    pairs: Mapping[str, tuple[Path, Path]],
    side: int,
    preparation: Preparation,
) -> CropShift:
    """Compare the crops of videos as released and rendered alike.

    Args:
        detector: What the detector is called in tables.
        spec: The clips that the detector takes.
        pairs: The file as released and the rendered one, by ``video_id``.
        side: The rows and columns of the rendered videos.
        preparation: The face pack, the folder in which crops are kept, and the number of threads.
    """
    shifts: dict[str, float] = {}
    with ClipMaker(spec, preparation) as maker:
        released = maker.make((name, pair[0]) for name, pair in pairs.items())
        rendered = maker.make((name, pair[1]) for name, pair in pairs.items())
        for (name, before), (_, after) in zip(released, rendered, strict=True):
            if isinstance(before, VideoClips) and isinstance(after, VideoClips):
                shifts[name] = find_shift(before, after, side)
    furthest = max(shifts, key=lambda name: (shifts[name], name), default="")
    return CropShift(
        detector=detector,
        videos=len(shifts),
        median_shift=median(shifts.values()) if shifts else 0.0,
        largest_shift=shifts.get(furthest, 0.0),
        video=furthest,
    )


def find_shift(before: VideoClips, after: VideoClips, side: int) -> float:
    """Return the distance of the mean box centres of two videos, in sides of the box.

    Args:
        before: The clips of the video as released.
        after: Those of the video scaled to fit into a square, in its middle.
        side: The side of that square in pixels.
    """
    height, width = before.frame_size
    scale = side / max(height, width)
    bars = (side - scale * np.array([width, height])) / 2
    box = before.boxes.reshape(-1, 4).mean(axis=0) * scale + np.tile(bars, 2)
    distance = _find_centre(box) - _find_centre(after.boxes.reshape(-1, 4).mean(axis=0))
    return float(np.hypot(*distance) / max(box[2] - box[0], box[3] - box[1]))


def _find_centre(box: FloatArray) -> FloatArray:
    return (box[:2] + box[2:]) / 2
