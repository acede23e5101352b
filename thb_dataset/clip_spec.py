"""What one clip of a detector is: which frames, which crop, which numbers.

A detector's config carries a :class:`ClipSpec`, so that preprocessing travels with the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

from thb_dataset.errors import DetectorError

Sampling = Literal["uniform", "consecutive", "stride"]
Crop = Literal["box", "aligned", "full"]
Template = Literal["arcface", "caddm"]
Resample = Literal["fine", "opencv", "pillow"]
Sound = Literal["none", "mel"]
Colour = Literal["RGB", "BGR"]
ValueRange = Literal["unit", "byte"]
Aggregation = Literal["mean_probability", "mean_logit"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "sampling": get_args(Sampling),
    "crop": get_args(Crop),
    "template": get_args(Template),
    "resample": get_args(Resample),
    "sound": get_args(Sound),
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
        spare_frames: Frames at the end of the video in which no clip may end (not ``uniform``).
        start_wrap: Starts of clips are taken modulo this number and sorted: 256 for weights whose
            makers kept them in a byte. None leaves them as they are (not ``uniform``).
        crop: ``box``: a square around the face's box. ``aligned``: turned and scaled so that the
            five points lie on a template. ``full``: the whole frame, stretched to a square; no
            face is looked for.
        template: Where the points of an aligned face lie: ArcFace's, or CADDM's own.
        resample: ``fine``: averaged where it shrinks, edge pixels repeated outside of the frame.
            For weights that were trained on crops of another make: ``opencv``, linear between the
            nearest pixels only, black outside (aligned, and full, which knows no other);
            ``pillow``, the square at whole pixels, moved and cut to lie within the frame, then
            Pillow's linear filter (box).
        cut_size: An aligned crop is cut at this size first and then brought to ``size`` by cubic
            interpolation; None cuts at ``size``.
        sound: ``mel``: the clip's part of the mel spectrogram, as one picture across, stands as
            ``frames`` further pictures before the frames. A video without sound is refused.
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
    spare_frames: int = 0
    start_wrap: int | None = None
    crop: Crop = "box"
    template: Template = "arcface"
    resample: Resample = "fine"
    cut_size: int | None = None
    sound: Sound = "none"
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
        wrong += self._find_contradictions()
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

    @property
    def listens(self) -> bool:
        """Whether a detector needs the sound of a video."""
        return self.sound != "none"

    @property
    def pictures(self) -> int:
        """Pictures of one clip: its frames, and as many of the spectrogram where it has one."""
        return self.frames * 2 if self.listens else self.frames

    def _find_contradictions(self) -> list[str]:
        """List settings that do not go together."""
        plainly_aligned = (self.crop, self.resample) == ("aligned", "opencv")
        resample = {"box": ("fine", "pillow"), "aligned": ("fine", "opencv"), "full": ("opencv",)}
        rules = {
            f"resample={self.resample!r} does not go with crop={self.crop!r}": self.resample
            in resample.get(self.crop, (self.resample,)),
            f"template={self.template!r} needs crop='aligned', resample='opencv'": plainly_aligned
            or self.template == "arcface",
            f"cut_size={self.cut_size!r} needs crop='aligned', resample='opencv'": (
                plainly_aligned and (self.cut_size or 0) >= 1
            )
            or self.cut_size is None,
            "spare_frames and start_wrap do not go with sampling='uniform'": self.sampling
            != "uniform"
            or (self.spare_frames == 0 and self.start_wrap is None),
            f"spare_frames={self.spare_frames!r} is below zero": self.spare_frames >= 0,
            f"start_wrap={self.start_wrap!r} is below one": self.start_wrap is None
            or self.start_wrap >= 1,
        }
        return [fault for fault, kept in rules.items() if not kept]

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
