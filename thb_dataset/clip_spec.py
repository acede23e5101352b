"""What one clip of a detector is: which frames, which crop, which numbers.

A detector's config carries a :class:`ClipSpec`, so that preprocessing travels with the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

from thb_dataset.errors import DetectorError

Sampling = Literal["uniform", "consecutive", "stride"]
Crop = Literal["box", "aligned"]
Colour = Literal["RGB", "BGR"]
ValueRange = Literal["unit", "byte"]
Aggregation = Literal["mean_probability", "mean_logit"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "sampling": get_args(Sampling),
    "crop": get_args(Crop),
    "colour": get_args(Colour),
    "value_range": get_args(ValueRange),
    "aggregation": get_args(Aggregation),
}


@dataclass(frozen=True, kw_only=True)
class ClipSpec:
    """The clips that a detector looks at, as exactly as its weights need them.

    Attributes:
        clips: Clips of one video at most (a short video gives fewer with ``uniform``).
        frames: Frames of one clip; a clip never holds a frame twice.
        sampling: ``uniform``: clips x frames indices evenly over the video, both ends included,
            cut into runs of ``frames``. ``consecutive``: neighbouring frames, clips spread evenly.
            ``stride``: as consecutive, every ``stride``-th frame.
        stride: Frames from one to the next; only ``stride`` uses it, 1 otherwise.
        crop: ``box``: a square around the face's box. ``aligned``: turned and scaled so that the
            five points lie on ArcFace's template.
        margin: Side of the square over the longer side of the box (``box``); for ``aligned``
            1.0 is the template itself and larger shows more around it.
        size: Side of the crop in pixels.
        mean: Subtracted per channel, in the order of ``colour`` and in units of ``value_range``.
        std: Divided by, per channel, likewise.
        colour: Order of the channels given to the model.
        value_range: ``unit``: pixels / 255 before mean and std; ``byte``: 0 to 255.
        aggregation: How the clips of one video become one score.
    """

    clips: int = 1
    frames: int = 8
    sampling: Sampling = "uniform"
    stride: int = 1
    crop: Crop = "box"
    margin: float = 1.3
    size: int = 112
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    colour: Colour = "RGB"
    value_range: ValueRange = "unit"
    aggregation: Aggregation = "mean_probability"

    def __post_init__(self) -> None:
        """Refuse settings that no clip can have.

        Raises:
            DetectorError: Every offender is named.
        """
        wrong = [
            f"{name}={getattr(self, name)!r} is none of {', '.join(choices)}"
            for name, choices in _CHOICES.items()
            if getattr(self, name) not in choices
        ]
        for name in ("clips", "frames", "stride", "size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                wrong.append(f"{name}={value!r} is not a whole number of 1 or more")
        if self.sampling != "stride" and self.stride != 1:
            wrong.append(f"stride={self.stride!r} needs sampling='stride'")
        if not 0.5 <= self.margin <= 4:
            wrong.append(f"margin={self.margin!r} is not within 0.5 and 4")
        for name in ("mean", "std"):
            if len(getattr(self, name)) != 3:
                wrong.append(f"{name} needs three numbers, one a channel")
        if any(value <= 0 for value in self.std):
            wrong.append(f"std={self.std!r} must be above zero")
        if wrong:
            raise DetectorError("clip settings: " + "; ".join(wrong))

    @property
    def span(self) -> int:
        """Frames from the first to the last of one clip, both counted (1 step for uniform)."""
        return (self.frames - 1) * self.stride + 1

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` gives the same spec back."""
        record = asdict(self)
        record["mean"], record["std"] = list(self.mean), list(self.std)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` wrote; missing keys take their default.

        Raises:
            DetectorError: A key is unknown or a value impossible.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(record) - known)
        if unknown:
            raise DetectorError(
                f"clip settings: unknown {', '.join(map(repr, unknown))};"
                f" known: {', '.join(sorted(known))}"
            )
        values = dict(record)
        for name in ("mean", "std"):
            if name in values:
                values[name] = tuple(float(value) for value in values[name])
        return cls(**values)
