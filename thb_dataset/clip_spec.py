"""The settings of the clips that a detector takes: frames, crop and pixel values.

A detector's config carries a :class:`ClipSpec`, so that preprocessing travels with the weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

from thb_dataset.errors import DetectorError

Sampling = Literal["uniform", "consecutive", "stride", "spread"]
Crop = Literal["box", "aligned", "full"]
Template = Literal["arcface", "caddm", "gend"]
Resample = Literal["fine", "opencv", "pillow", "pillow_cubic"]
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
_ROWS = ("shift", "mean", "std")
"""The settings of several numbers, which are lists in JSON."""


@dataclass(frozen=True, kw_only=True)
class ClipSpec:
    """The clips that a detector takes, as exactly as its weights need them.

    Attributes:
        clips: The largest number of clips of one video (with ``uniform`` and ``spread``, a short
            video gives fewer).
        frames: The number of frames of one clip; a clip never holds a frame twice.
        sampling: The placement of the frames. ``uniform`` spreads clips x frames indices evenly
            over the video, both ends included, and cuts them into runs of ``frames``.
            ``consecutive`` takes neighbouring frames and spreads the clips evenly. ``stride`` does
            the same with every ``stride``-th frame. ``spread`` begins with the middle frame and
            then takes, again and again, the frame that is farthest from all that it has.
        stride: The step from one frame to the next; other than 1 only with ``stride``.
        spare_frames: The number of frames at the end of the video in which no clip may end; 0
            with ``uniform``.
        start_wrap: The starts of clips are taken modulo this number and sorted. It is 256 for
            weights whose authors kept starts in a byte; None leaves them as they are, as does
            ``uniform``.
        crop: The part of the frame. ``box`` is a square around the face's box. ``aligned`` turns
            and scales the face so that its five points lie on a template. ``full`` is the whole
            frame, stretched to a square, without looking for a face.
        template: The template of an aligned face: ArcFace's, or CADDM's or GenD's own.
        resample: The interpolation. ``fine`` averages where it shrinks and repeats edge pixels
            outside the frame. The others are for weights trained on crops made in other ways:
            ``opencv`` (aligned, and the only one for full) is linear between the nearest pixels,
            with black outside; ``pillow`` (box) takes the square at whole pixels, moved and cut
            to lie within the frame, and then Pillow's linear filter. With GenD's template,
            ``pillow`` and ``pillow_cubic`` cut the face at its own size, linearly between the
            nearest pixels and with black outside, and then resize by Pillow's linear or cubic
            filter.
        cut_size: The size at which an aligned crop is cut first, before cubic interpolation brings
            it to ``size``; None cuts at ``size``.
        sound: ``mel`` puts the clip's part of the mel spectrogram, one wide picture cut into
            ``frames`` squares, before the frames; a video without sound is refused. ``none`` needs
            no sound.
        margin: The side of the square over the longer side of the box (``box``); for ``aligned``
            1.0 is the template itself, and larger values show more around it.
        shift: How far the middle of the square is from the middle of the box, to the right and
            down, over the longer side of the box; other than 0 only with ``box``.
        size: The side of the crop in pixels.
        mean: The value subtracted from each channel, in the order of ``colour`` and in units of
            ``value_range``.
        std: The value by which each channel is then divided, in the same order and units.
        colour: The order of the channels given to the model.
        value_range: ``unit`` divides pixels by 255 before mean and std; ``byte`` keeps 0 to 255.
        aggregation: The way in which the scores of a video's clips become one score.

    Examples:
        >>> spec = thb.ClipSpec(frames=8, size=224)
        >>> spec.crop
        'box'
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
    shift: tuple[float, float] = (0.0, 0.0)
    size: int = 112
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    colour: Colour = "RGB"
    value_range: ValueRange = "unit"
    aggregation: Aggregation = "mean_probability"

    def __post_init__(self) -> None:
        """Refuse settings that no clip can have.

        Raises:
            DetectorError: Settings are impossible; the message names all of them.
        """
        wrong = self._find_wrong_values() or self._find_contradictions()
        if wrong:
            raise DetectorError("clip settings: " + "; ".join(wrong))

    @property
    def span(self) -> int:
        """The number of frames from the first to the last of one clip, both counted."""
        return (self.frames - 1) * self.stride + 1

    @property
    def listens(self) -> bool:
        """Whether a detector needs the sound of a video."""
        return self.sound != "none"

    @property
    def pictures(self) -> int:
        """The number of pictures of one clip: its frames, and as many squares of a spectrogram."""
        return self.frames * 2 if self.listens else self.frames

    def _find_wrong_values(self) -> list[str]:
        """Return a message for each setting that is wrong by itself."""
        found = [
            f"{name}={getattr(self, name)!r} is not one of {', '.join(choices)}"
            for name, choices in _CHOICES.items()
            if getattr(self, name) not in choices
        ]
        for name in ("clips", "frames", "stride", "size"):
            value = getattr(self, name)
            if not _is_whole(value) or value < 1:
                found.append(f"{name}={value!r} is not an integer of 1 or more")
        for name in ("spare_frames", "start_wrap", "cut_size"):
            value = getattr(self, name)
            if not (_is_whole(value) or (value is None and name != "spare_frames")):
                found.append(f"{name}={value!r} is not an integer")
        if not _is_number(self.margin) or not 0.5 <= self.margin <= 4:
            found.append(f"margin={self.margin!r} is not between 0.5 and 4")
        if not (_is_tuple_of(self.shift, 2) and all(-1 <= value <= 1 for value in self.shift)):
            found.append(f"shift={self.shift!r} is not two numbers between -1 and 1")
        for name in ("mean", "std"):
            values = getattr(self, name)
            if not _is_tuple_of(values, 3):
                found.append(f"{name} needs three numbers, one per channel, not {values!r}")
            elif name == "std" and any(value <= 0 for value in values):
                found.append(f"std={values!r} is not above zero")
        return found

    def _find_contradictions(self) -> list[str]:
        """Return a message for each setting that does not go with another one."""
        is_opencv = (self.crop, self.resample) == ("aligned", "opencv")
        resample = {"box": ("fine", "pillow"), "aligned": ("fine", "opencv"), "full": ("opencv",)}
        if self.template == "gend":
            resample = {"aligned": ("pillow", "pillow_cubic")}
        found = []
        if self.resample not in resample.get(self.crop, ()):
            own = ", template='gend'" if self.template == "gend" else ""
            found.append(f"resample={self.resample!r} does not go with crop={self.crop!r}{own}")
        if self.crop != "box" and self.shift != (0, 0):
            found.append(f"shift={self.shift!r} needs crop='box'")
        if self.template == "caddm" and not is_opencv:
            found.append(f"template={self.template!r} needs crop='aligned', resample='opencv'")
        if self.cut_size is not None and not (is_opencv and self.cut_size >= 1):
            found.append(
                f"cut_size={self.cut_size!r} needs crop='aligned', resample='opencv', and 1 or more"
            )
        placed = self.sampling in ("uniform", "spread")
        if placed and (self.spare_frames != 0 or self.start_wrap is not None):
            found.append(f"spare_frames and start_wrap do not go with sampling={self.sampling!r}")
        if self.spare_frames < 0:
            found.append(f"spare_frames={self.spare_frames!r} is below zero")
        if self.start_wrap is not None and self.start_wrap < 1:
            found.append(f"start_wrap={self.start_wrap!r} is below one")
        if self.sampling != "stride" and self.stride != 1:
            found.append(f"stride={self.stride!r} needs sampling='stride'")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, from which ``from_dict`` makes the same settings."""
        record = asdict(self)
        record |= {name: list(record[name]) for name in _ROWS}
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the settings that ``to_dict`` gave as JSON; missing keys take their default.

        Raises:
            DetectorError: A key is unknown, or a value is impossible.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(record) - known)
        if unknown:
            raise DetectorError(
                f"clip settings: unknown {', '.join(map(repr, unknown))};"
                f" known: {', '.join(sorted(known))}"
            )
        values = dict(record)
        for name in _ROWS:
            given = values.get(name)
            if isinstance(given, list | tuple) and all(map(_is_number, given)):
                values[name] = tuple(map(float, given))
        return cls(**values)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_tuple_of(values: object, count: int) -> bool:
    return isinstance(values, tuple) and len(values) == count and all(map(_is_number, values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and math.isfinite(value)
