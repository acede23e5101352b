"""Rows of single faces: a video in which several people are in sight gets one row for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from thb.prediction.predictions import Prediction

if TYPE_CHECKING:
    from thb_dataset.clips.video_clips import VideoClips


@dataclass(frozen=True, kw_only=True)
class FacePlace:
    """Where and when a face is in sight.

    Attributes:
        start_seconds: The time of its first scored frame.
        end_seconds: The time of its last scored frame.
        box: Its box in the first scored frame: x0, y0, x1, y1 in pixels.
    """

    start_seconds: float
    end_seconds: float
    box: tuple[float, ...]

    @classmethod
    def of(cls, clips: VideoClips) -> FacePlace:
        """Return the place of the face that clips show."""
        boxes = clips.boxes.reshape(-1, 4)
        return cls(
            start_seconds=round(float(clips.seconds.min()), 3),
            end_seconds=round(float(clips.seconds.max()), 3),
            box=tuple(round(float(edge), 1) for edge in boxes[int(clips.seconds.argmin())]),
        )


@dataclass(frozen=True, kw_only=True)
class FacePrediction(Prediction):
    """The score of one face of a video.

    Attributes:
        face: The number of the face in its video, from 1, by the time at which it appears.
        place: Where and when it is in sight; None for a video without a score.
    """

    face: int
    place: FacePlace | None

    @property
    def key(self) -> tuple[str, int]:
        """The video and the number of the face."""
        return self.video_id, self.face

    def __str__(self) -> str:
        if self.place is None:
            return ""
        x0, y0, x1, y1 = self.place.box
        return (
            f"face {self.face}, {self.place.start_seconds:.2f} to {self.place.end_seconds:.2f} s,"
            f" first at {x0:.0f},{y0:.0f} to {x1:.0f},{y1:.0f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what tells the face from the others of its video, as plain JSON values."""
        place = self.place
        return {
            "face": self.face,
            "start_seconds": place and place.start_seconds,
            "end_seconds": place and place.end_seconds,
            "box": place and list(place.box),
        }


def number_faces(
    rows: Iterable[tuple[Prediction, FacePlace | None]],
) -> Iterator[FacePrediction]:
    """Number the faces of each video in the order given."""
    numbers: Counter[str] = Counter()
    for row, place in rows:
        numbers[row.video_id] += 1
        values = {field.name: getattr(row, field.name) for field in fields(Prediction)}
        yield FacePrediction(**values, face=numbers[row.video_id], place=place)
