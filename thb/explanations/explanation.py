"""Why one video got its score: heat over the frames that the detector saw, and over the video."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.faces.framing import place_frame
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    from detectors.explain import Target

Floats = npt.NDArray[np.float32]

SCALE_PERCENTILE = 99.5
"""Of a video's absolute heat; what lies above is shown as hot as this."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """One video, its score and what of it spoke for the class that was asked for.

    Attributes:
        video_id: The name it was given, or its path.
        path: The file.
        detector: What the detector is called.
        target: The class asked for; heat above zero speaks for it, below zero against it.
        score: P(fake) of the video, whatever the class asked for.
        clip_logits: One number per clip, higher = fake.
        heat: float32 (N, T, h, w), over the crop of each frame of each clip, in the cells of the
            detector's layer: neither clipped nor stretched. The squares of a spectrogram are left
            out: no detector's layer shows them.
        clips: What the detector saw.
        spec: How that was cut.
        boxes: float32 (N, T, 4), the face in pixels of the frame; None where whole frames are
            taken and no face can be followed in them.
        points: float32 (N, T, 5, 2), its five points; None likewise.
    """

    video_id: str
    path: Path
    detector: str
    target: Target
    score: float
    clip_logits: tuple[float, ...]
    heat: Floats
    clips: VideoClips
    spec: ClipSpec
    boxes: Floats | None
    points: Floats | None

    @property
    def frames(self) -> npt.NDArray[np.uint8]:
        """The crops of the frames, uint8 (N, T, S, S, 3), RGB; without those of a spectrogram."""
        return self.clips.pixels[:, -self.heat.shape[1] :]

    @property
    def frame_index(self) -> npt.NDArray[np.int64]:
        """Place of each frame in the video, int64 (N, T)."""
        return self.clips.frame_index[:, -self.heat.shape[1] :]

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """Time of each frame, float64 (N, T)."""
        return self.clips.seconds[:, -self.heat.shape[1] :]

    @cached_property
    def scale(self) -> float:
        """Heat that is shown at full strength: one number for the whole video, above zero."""
        return float(np.percentile(np.abs(self.heat), SCALE_PERCENTILE)) or 1.0

    @cached_property
    def placements(self) -> npt.NDArray[np.float64]:
        """Where each crop lies: float64 (N, T, 2, 3), from pixels of the frame to the crop's."""
        clips, frames = self.heat.shape[:2]
        boxes, points = (each[:, -frames:] for each in (self.clips.boxes, self.clips.points))
        size = self.clips.frame_size
        return np.array(
            [
                [
                    place_frame(self.spec, box=boxes[n, t], points=points[n, t], frame_size=size)
                    for t in range(frames)
                ]
                for n in range(clips)
            ]
        )

    def placement(self, clip: int, frame: int) -> npt.NDArray[np.float64]:
        """Return where the crop of one frame lies: float64 (2, 3), as :attr:`placements`."""
        matrix: npt.NDArray[np.float64] = self.placements[clip, frame]
        return matrix

    def heat_on_crop(self, clip: int, frame: int) -> Floats:
        """Return the heat of one frame over the pixels of its crop, (S, S), bilinear."""
        return enlarge(self.heat[clip, frame], self.spec.size)

    def heat_on_frame(self, clip: int, frame: int) -> Floats:
        """Return the heat of one frame over the video's own pixels, (H, W); zero off the crop."""
        return put_back(
            self.heat[clip, frame],
            self.placement(clip, frame),
            crop_size=self.spec.size,
            frame_size=self.clips.frame_size,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all but the pictures, as JSON's own types."""
        return {
            "video_id": self.video_id,
            "detector": self.detector,
            "target": self.target,
            "score": self.score,
            "clip_logits": list(self.clip_logits),
            "frame_index": self.frame_index.tolist(),
            "seconds": np.round(self.seconds, 4).tolist(),
            "heat_shape": list(self.heat.shape),
            "scale": self.scale,
        }

    def save(self, path: str | Path, *, progress: bool = False) -> Path:
        """Write the video with the heat painted over it, as H.264.

        See :func:`thb.explanations.overlay.write_overlay`.

        Raises:
            VideoError: The video cannot be read any more.
            OSError: The file cannot be written.
        """
        from thb.explanations.overlay import write_overlay

        return write_overlay(self, Path(path), progress=progress)

    def save_all(self, path: str | Path) -> tuple[Path, Path, Path]:
        """Write the overlay, and beside it the sheet (``.png``) and the map (``.npz``).

        Args:
            path: Of the overlay, ending in ``.mp4``.

        Raises:
            VideoError: The video cannot be read any more.
            OSError: A file cannot be written.
        """
        place = Path(path)
        sheet, raw = place.with_suffix(".png"), place.with_suffix(".npz")
        return self.save(place), self.save_sheet(sheet), self.save_map(raw)

    def save_sheet(self, path: str | Path) -> Path:
        """Write a contact sheet as PNG: what the detector saw, without and with its heat.

        Raises:
            OSError: The file cannot be written.
        """
        from thb.explanations.contact_sheet import draw_sheet

        with write_whole(Path(path)) as draft:
            draw_sheet(self).save(draft, format="PNG")
        return Path(path)

    def save_map(self, path: str | Path) -> Path:
        """Write the raw map as ``.npz``, to be read by ``numpy.load``; nothing in it is pickled.

        It holds ``heat``, ``frame_index``, ``seconds``, ``placements``, ``frame_size`` (height,
        width), ``crop_size``, ``clip_logits``, ``score`` and ``target``; ``boxes`` and ``points``
        where a face was followed.

        Raises:
            OSError: The file cannot be written.
        """
        arrays: dict[str, Any] = {
            "heat": self.heat,
            "frame_index": self.frame_index,
            "seconds": self.seconds,
            "placements": self.placements,
            "frame_size": np.array(self.clips.frame_size),
            "crop_size": np.array(self.spec.size),
            "clip_logits": np.array(self.clip_logits),
            "score": np.array(self.score),
            "target": np.array(self.target),
        }
        if self.boxes is not None and self.points is not None:
            arrays |= {"boxes": self.boxes, "points": self.points}
        with write_whole(Path(path)) as draft, draft.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        return Path(path)


def enlarge(heat: Floats, size: int) -> Floats:
    """Bring cells (h, w) to pixels (size, size), bilinearly between the middles of the cells."""
    import cv2

    return np.asarray(cv2.resize(heat, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


def put_back(
    heat: Floats,
    placement: npt.NDArray[np.float64],
    *,
    crop_size: int,
    frame_size: tuple[int, int],
) -> Floats:
    """Bring cells over a crop back onto the frame that it was cut from.

    Args:
        heat: (h, w).
        placement: (2, 3), from pixels of the frame to those of the crop.
        crop_size: Side of the crop in pixels.
        frame_size: Height and width of the frame.

    Returns:
        float32 (H, W); zero where the crop does not reach.
    """
    import cv2

    height, width = frame_size
    return np.asarray(
        cv2.warpAffine(
            enlarge(heat, crop_size),
            placement,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        ),
        np.float32,
    )
