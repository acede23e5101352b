"""The explanation of one video: heat over the frames that the detector saw, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from thb.explanations.alarm import Alarm
from thb.explanations.contact_sheet import draw_sheet
from thb.explanations.heat import (
    AGAINST,
    FOR,
    Floats,
    HeatTrack,
    PaintedCrop,
    enlarge,
    paint_heat,
    put_back,
)
from thb.explanations.lettering import NOT_EVIDENCE, Legend
from thb.explanations.overlay import write_overlay
from thb.prediction.calls import Call
from thb.prediction.inference import aggregate
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.faces.framing import place_frame
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    from PIL import Image

    from detectors.explain import Target
    from thb_dataset.video.values import Limits

SCALE_PERCENTILE: Final = 95.0
"""The percentile of a video's absolute heat that is shown at full strength, as is all above it."""

CROPS_ON_SHEET: Final = 12
"""The most crops on a contact sheet."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Explanation:
    """One video, its score, and the heat that shows what spoke for the target class.

    In the mean of the clips, the heat of a video adds up to the distance of its score from the
    alarm, in logits; to zero where ``alarm`` gives no zero, and then it says no more than that
    one cell speaks more for the target class than another.

    Attributes:
        video_id: The name that the video was given, or its path.
        path: The file.
        detector: The name of the detector.
        layer: The dotted name of the layer that was read.
        alarm: What the heat is measured against.
        call: What the score comes to: called fake, not called fake, or no verdict.
        target: The target class; heat above zero speaks for it, heat below zero against it.
        score: P(fake) of the video, whatever the target is.
        clip_logits: One number per clip, higher = fake.
        heat: float32 (N, T, h, w), over the crop of each frame of each clip, in the cells of the
            layer and in logits, neither clipped nor rescaled. The pictures of a spectrogram have
            no heat: no detector's layer shows them.
        evidence: float32 (N, T, h, w), the heat before the rest of the score was shared out among
            the cells: what each cell adds to the logit, compared with the blurred video.
        clips: The clips that the detector saw.
        spec: How the clips were cut.
        boxes: float32 (N, T, 4), the face in pixels of the frame; None where the detector takes
            whole frames and no face can be followed in them.
        points: float32 (N, T, 5, 2), the five points of the face; None where ``boxes`` is.
        limits: The cost that the video may cause when it is read again; None for the usual ones.

    Examples:
        >>> explanation = thb.explain("runs/baseline/p3-hallo", "clip.mp4")
        >>> explanation.heat.shape[:2]  # clips, frames
        (1, 2)
        >>> float(explanation.heat.min()) < 0 < float(explanation.heat.max())
        True
    """

    video_id: str
    path: Path
    detector: str
    layer: str
    alarm: Alarm
    call: Call
    target: Target
    score: float
    clip_logits: tuple[float, ...]
    heat: Floats
    evidence: Floats
    clips: VideoClips
    spec: ClipSpec
    boxes: Floats | None
    points: Floats | None
    limits: Limits | None = None

    def __repr__(self) -> str:
        """Return the video, its score, and what is shown of the detector."""
        return f"<explanation of {self.path.name}: score {self.score:.3f}, {self.shown}>"

    @property
    def frames(self) -> npt.NDArray[np.uint8]:
        """The crops of the frames, uint8 (N, T, S, S, 3), RGB, without those of a spectrogram."""
        return self.clips.pixels[:, -self.heat.shape[1] :]

    @property
    def frame_index(self) -> npt.NDArray[np.int64]:
        """The number of each frame in the video, from 0: int64 (N, T)."""
        return self.clips.frame_index[:, -self.heat.shape[1] :]

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """The time of each frame: float64 (N, T)."""
        return self.clips.seconds[:, -self.heat.shape[1] :]

    @cached_property
    def scale(self) -> float:
        """The heat that is shown at full strength: one number for the whole video, above zero.

        Near the alarm no heat of the video reaches it, so that the colours are pale.
        """
        strongest = float(np.percentile(np.abs(self.heat), SCALE_PERCENTILE)) or 1.0
        return strongest / self.alarm.strength

    @property
    def shown(self) -> str:
        """The detector and the layer whose cells are shown, in words."""
        height, width = self.heat.shape[2:]
        return f"{self.detector}, layer {self.layer} ({height} x {width} cells)"

    @cached_property
    def placements(self) -> npt.NDArray[np.float64]:
        """The place of each crop: float64 (N, T, 2, 3), from pixels of the frame to the crop's."""
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

    def heat_on_crop(self, clip: int, frame: int) -> Floats:
        """Return the heat of one frame over the pixels of its crop: float32 (S, S), bilinear."""
        return enlarge(self.heat[clip, frame], self.spec.size)

    def heat_on_frame(self, clip: int, frame: int) -> Floats:
        """Return the heat of one frame over its own pixels: float32 (H, W), zero off the crop."""
        return put_back(
            self.heat[clip, frame],
            self.placements[clip, frame],
            crop_size=self.spec.size,
            frame_size=self.clips.frame_size,
        )

    def paint_crops(self, most: int) -> tuple[PaintedCrop, ...]:
        """Return crops with their heat, spread evenly over those that the detector saw.

        Args:
            most: The most crops to return.
        """
        frames = self.heat.shape[1]
        total = len(self.heat) * frames
        chosen = np.unique(np.linspace(0, total - 1, min(most, total)).round().astype(int))
        return tuple(self._paint_crop(*divmod(place, frames)) for place in chosen.tolist())

    def _paint_crop(self, clip: int, frame: int) -> PaintedCrop:
        plain = self.frames[clip, frame]
        seconds = self.seconds[clip, frame]
        score = aggregate([self.clip_logits[clip]], self.spec.aggregation)
        return PaintedCrop(
            plain=plain,
            painted=paint_heat(plain, self.heat_on_crop(clip, frame), self.scale),
            caption=f"{seconds:.2f} s   clip {clip + 1}: {score:.3f}",
        )

    def follow_heat(self) -> HeatTrack:
        """Return the heat of all clips in the order of time; a frame seen twice has the mean."""
        index, first, place = np.unique(
            self.frame_index.ravel(), return_index=True, return_inverse=True
        )
        heat = self.heat.reshape(-1, *self.heat.shape[2:])
        total = np.zeros((len(index), *heat.shape[1:]), np.float64)
        np.add.at(total, place, heat)
        total /= np.bincount(place)[:, None, None]
        return HeatTrack(
            seconds=self.seconds.ravel()[first],
            heat=total.astype(np.float32),
            placements=self.placements.reshape(-1, 2, 3)[first],
            crop_size=self.spec.size,
            frame_size=self.clips.frame_size,
            scale=self.scale,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the pictures."""
        return {
            "video_id": self.video_id,
            "detector": self.detector,
            "layer": self.layer,
            "target": self.target,
            "score": self.score,
            **self.call.to_dict(),
            "zero": "alarm" if self.alarm.is_zero else "mean of the video",
            "margin": self.alarm.margin,
            "complete": self.alarm.complete,
            "clip_logits": list(self.clip_logits),
            "warnings": list(self.clips.warnings),
            "frame_index": self.frame_index.tolist(),
            "seconds": np.round(self.seconds, 4).tolist(),
            "heat_shape": list(self.heat.shape),
            "scale": self.scale,
        }

    def save(self, path: str | Path, *, progress: bool = False) -> Path:
        """Write the video with the heat painted over it, as H.264.

        See :func:`thb.explanations.overlay.write_overlay`.

        Args:
            path: The file, ending in ``.mp4``.
            progress: Show a bar on stderr.

        Raises:
            THBError: The file does not end in ``.mp4``.
            VideoError: The video can no longer be read.
            OSError: The file cannot be written.
        """
        above, below = self.alarm.name_colours(self.target)
        legend = Legend(
            colours=((FOR, above), (AGAINST, below)),
            lines=(self.call.sentence, self.shown, NOT_EVIDENCE),
        )
        return write_overlay(
            Path(path),
            self.path,
            self.follow_heat(),
            legend=legend,
            limits=self.limits,
            progress=progress,
        )

    def save_all(self, path: str | Path) -> tuple[Path, Path, Path]:
        """Write the overlay, and beside it the sheet (``.png``) and the map (``.npz``).

        Args:
            path: The file of the overlay, ending in ``.mp4``.

        Returns:
            The files of the overlay, the sheet and the map.

        Raises:
            THBError: The file does not end in ``.mp4``.
            VideoError: The video can no longer be read.
            OSError: A file cannot be written.
        """
        place = Path(path)
        sheet, raw = place.with_suffix(".png"), place.with_suffix(".npz")
        return self.save(place), self.save_sheet(sheet), self.save_map(raw)

    def save_sheet(self, path: str | Path) -> Path:
        """Write a contact sheet as PNG: crops that the detector saw, without and with their heat.

        Raises:
            OSError: The file cannot be written.
        """
        with write_whole(Path(path)) as draft:
            self.draw_sheet().save(draft, format="PNG")
        return Path(path)

    def draw_sheet(self) -> Image.Image:
        """Return the contact sheet: crops that the detector saw, without and with their heat."""
        return draw_sheet(
            self.paint_crops(CROPS_ON_SHEET),
            title=self.path.name,
            facts=(self.call.sentence, self.shown),
            colours=self.alarm.name_colours(self.target),
            zero=self.alarm.explain_zero(),
        )

    def _repr_png_(self) -> bytes:
        """Return the contact sheet, which a notebook shows."""
        file = BytesIO()
        self.draw_sheet().save(file, format="PNG")
        return file.getvalue()

    def save_map(self, path: str | Path) -> Path:
        """Write the raw map as ``.npz``, which ``numpy.load`` reads; nothing in it is pickled.

        The file holds ``heat``, ``evidence``, ``frame_index``, ``seconds``, ``placements``,
        ``frame_size`` (height, width), ``crop_size``, ``clip_logits``, ``score``, ``threshold``
        and ``margin`` (not a number where there is none), ``layer`` and ``target``, and ``boxes``
        and ``points`` where a face was followed.

        Raises:
            OSError: The file cannot be written.
        """
        arrays: dict[str, Any] = {
            "heat": self.heat,
            "evidence": self.evidence,
            "frame_index": self.frame_index,
            "seconds": self.seconds,
            "placements": self.placements,
            "frame_size": np.array(self.clips.frame_size),
            "crop_size": np.array(self.spec.size),
            "clip_logits": np.array(self.clip_logits),
            "score": np.array(self.score),
            "threshold": np.array(self.alarm.threshold, np.float64),
            "margin": np.array(self.alarm.margin, np.float64),
            "layer": np.array(self.layer),
            "target": np.array(self.target),
        }
        if self.boxes is not None and self.points is not None:
            arrays |= {"boxes": self.boxes, "points": self.points}
        with write_whole(Path(path)) as draft, draft.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        return Path(path)
