"""Invented people for the synthetic release, all made from one public-domain portrait.

The raw material, ``astronaut.png`` in this folder, is NASA's portrait of Eileen Collins (Great
Images in NASA, https://flic.kr/p/r9qvLn; no known copyright restrictions, public domain), with
the pixels that scikit-image gives as ``skimage.data.astronaut()``. An identity is a smooth
deformation of that face with other skin, hair, clothes and room, drawn from a random generator.
Nobody who exists is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from thb_dataset.mini.canvas import (
    CANVAS_SIZE,
    MARGIN,
    Bytes,
    Eye,
    Floats,
    Landmarks,
    Mouth,
    Numbers,
    as_floats,
    blur,
    fill_ellipse,
    fill_outline,
    make_layer,
)
from thb_dataset.mini.scenery import (
    draw_glasses,
    draw_light,
    draw_room,
    draw_torso,
    long_hair_mask,
    paint_head,
    paint_strands,
)

# Outlines in the astronaut picture, traced by hand, in pixels (x, y).
_HEAD = (
    "227,16 219,18 212,22 205,22 193,29 189,35 174,43 156,58 153,68 154,93 157,104 167,115 171,121 "
    "174,128 182,132 183,146 187,153 188,182 199,186 217,189 242,189 252,186 254,166 260,152 "
    "264,149 266,138 275,134 290,117 296,106 301,90 299,72 296,62 288,43 276,31 260,24 248,19 "
    "237,17"
)
_SKIN = (
    "187,81 196,78 210,80 230,82 246,81 258,84 267,88 271,95 271,115 272,129 279,129 274,135 "
    "266,138 264,149 261,153 255,166 254,190 240,193 217,193 199,190 186,186 186,152 183,146 "
    "182,132 174,128 170,119 178,119 181,108 183,95"
)
_BEARD = (
    "184,132 200,138 210,134 224,137 240,134 250,138 266,134 262,152 250,172 224,181 198,172 "
    "187,154"
)
_TEETH = "205,142 224,145 244,142 238,148 224,151 212,148"
_EYES = ((203.0, 100.5), (247.0, 103.0))
_EYE_RADII = (11.5, 4.2)
_SOURCE_SIZE = 512
_POINTS = {
    "left_outer": (191.5, 100.5),
    "left_inner": (214.5, 100.5),
    "left_top": (203.0, 96.3),
    "left_bottom": (203.0, 104.7),
    "right_inner": (235.5, 103.0),
    "right_outer": (258.5, 103.0),
    "right_top": (247.0, 98.8),
    "right_bottom": (247.0, 107.2),
    "mouth_left": (204.0, 142.0),
    "mouth_right": (245.0, 142.0),
    "upper_lip": (224.5, 145.0),
    "lower_lip": (224.5, 150.0),
    "nose": (223.0, 124.0),
    "chin": (224.0, 178.0),
    "neck": (221.0, 178.0),
}
_NECK_LENGTH = 15.0
_HEAD_RADII = (62.0, 78.0)
_NECK_START, _NECK_STRETCH = 180.0, 14.0


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """An invented person in a room, in RGB layers of C = ``CANVAS_SIZE`` pixels squared.

    Attributes:
        head: uint8 (C, C, 4), head and neck, with colours multiplied by their alpha.
        torso: uint8 (C, C, 4), the clothes over the lower end of the neck, as ``head``.
        room: uint8 (C, C, 3), the background.
        glasses: uint8 (C, C, 4), the glasses over the eyes, as ``head``.
        hair: float32 (C, C), 1 on the hair.
        skin: float32 (C, C), 1 on the skin.
        marks: The places of the parts of the head.
    """

    head: Bytes
    torso: Bytes
    room: Bytes
    glasses: Bytes
    hair: Floats
    skin: Floats
    marks: Landmarks


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """The deformation of the astronaut picture, the source, into a canvas: a scale and soft bumps.

    Attributes:
        scale: The number of canvas pixels per source pixel (x, y).
        origin: The canvas point that shows the source point (226, 102), the middle of the head.
        bumps: Rows of (centre x, y, radius x, y, gain x, y, shift x, y), in source pixels.
    """

    scale: tuple[float, float]
    origin: tuple[float, float]
    bumps: tuple[tuple[float, ...], ...]

    def source(self, x: Numbers, y: Numbers) -> tuple[Floats, Floats]:
        """Return the source point that each canvas point shows."""
        u = (x - self.origin[0]) / self.scale[0] + 226
        v = (y - self.origin[1]) / self.scale[1] + 102
        v = np.where(v > _NECK_START, _NECK_START + (v - _NECK_START) / _NECK_STRETCH, v)
        du, dv = np.zeros_like(u), np.zeros_like(v)
        for cx, cy, rx, ry, gain_x, gain_y, shift_x, shift_y in self.bumps:
            weight = np.exp(-(((u - cx) / rx) ** 2) - ((v - cy) / ry) ** 2)
            du -= weight * (gain_x * (u - cx) + shift_x)
            dv -= weight * (gain_y * (v - cy) + shift_y)
        return as_floats(u + du), as_floats(v + dv)

    def canvas(self, points: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        """Return the canvas points that show named source points, to a hundredth of a pixel."""
        wanted = np.array(list(points.values()), np.float32)
        step = 0.8 * np.array(self.scale, np.float32)
        found = as_floats((wanted - (226, 102)) * self.scale + self.origin)
        for _ in range(30):
            seen = np.stack(self.source(found[:, 0], found[:, 1]), axis=1)
            found = as_floats(found - (seen - wanted) * step)
        return {name: (x, y) for name, (x, y) in zip(points, found.tolist(), strict=True)}


def make_portrait(rng: np.random.Generator) -> Portrait:
    """Invent a person and a room.

    Args:
        rng: The source of all randomness.
    """
    shape = _draw_shape(rng)
    marks = _find_landmarks(shape)
    grid = np.arange(CANVAS_SIZE, dtype=np.float32)
    maps = shape.source(*np.meshgrid(grid, grid))
    picture, masks = _source_layers()
    raw = cv2.remap(picture, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha, skin, beard, white = np.moveaxis(cv2.remap(masks, *maps, cv2.INTER_LINEAR), -1, 0)
    hair = np.clip(alpha - skin, 0, 1)
    colours = paint_head(as_floats(raw), skin * (1 - white), hair, beard, rng)
    if rng.random() < 0.4:
        behind = long_hair_mask(marks.neck, marks.radii, rng) * (1 - alpha)
        strands = paint_strands(colours, hair, rng)
        colours += (strands - colours) * (behind / np.maximum(alpha + behind, 1e-3))[..., None]
        alpha, hair = alpha + behind, np.maximum(hair, behind)
    light = draw_light(rng)
    portrait = Portrait(
        head=make_layer(colours * light, alpha),
        torso=draw_torso(marks.neck, marks.radii, light, rng),
        room=draw_room(rng),
        glasses=draw_glasses(marks.eyes, rng),
        hair=as_floats(hair),
        skin=as_floats(skin),
        marks=marks,
    )
    return _mirror(portrait) if rng.random() < 0.5 else portrait


def _mirror(portrait: Portrait) -> Portrait:
    layers = {
        name: np.ascontiguousarray(getattr(portrait, name)[:, ::-1])
        for name in ("head", "torso", "room", "glasses", "hair", "skin")
    }
    return Portrait(**layers, marks=portrait.marks.mirrored())


def read_astronaut() -> Bytes:
    """Return the raw material of every portrait: uint8 (512, 512, 3), RGB."""
    with Image.open(Path(__file__).with_name("astronaut.png")) as picture:
        return np.array(picture, np.uint8)


@cache
def _source_layers() -> tuple[Bytes, Floats]:
    """Return the raw portrait and its soft masks (head, skin, beard, eyes and teeth)."""
    picture = read_astronaut()
    # The outline is drawn in by a pixel, so that the wall behind the astronaut stays hidden.
    head = np.clip(2 * _outline(_HEAD, 1.2) - 1, 0, 1)
    white = _outline(_TEETH, 0.8)
    for x, y in _EYES:
        white = np.maximum(white, blur(fill_ellipse((x, y), _EYE_RADII, size=_SOURCE_SIZE), 1.0))
    masks = (_outline(_SKIN, 1.2), _outline(_BEARD, 3.0), white)
    return picture, np.stack([head, *(np.minimum(mask, head) for mask in masks)], axis=-1)


def _outline(text: str, sigma: float) -> Floats:
    points = [[float(number) for number in pair.split(",")] for pair in text.split()]
    return blur(fill_outline(points, _SOURCE_SIZE), sigma)


def _draw_shape(rng: np.random.Generator) -> _Shape:
    size, aspect = rng.uniform(0.98, 1.16), rng.uniform(0.95, 1.06)
    eye, apart, lower = rng.uniform(-0.14, 0.16), rng.uniform(-2.5, 2.5), rng.uniform(-2, 2)
    bumps = (
        (203, 100, 17, 13, eye, eye, -apart, lower),
        (247, 103, 17, 13, eye, eye, apart, lower),
        (222, 122, 13, 18, rng.uniform(-0.2, 0.35), rng.uniform(-0.12, 0.12), 0, 0),
        (224, 146, 30, 15, rng.uniform(-0.2, 0.2), rng.uniform(-0.15, 0.2), 0, rng.uniform(-2, 2)),
        (224, 165, 60, 24, rng.uniform(-0.12, 0.14), 0, 0, 0),
        (224, 178, 34, 16, 0, 0, 0, rng.uniform(-3.5, 3.5)),
        (226, 92, 50, 10, 0, 0, 0, rng.uniform(-2, 1.5)),
        (228, 38, 75, 26, rng.uniform(-0.12, 0.12), rng.uniform(-0.25, 0.2), 0, 0),
        (165, 85, 25, 35, rng.uniform(-0.35, 0.2), 0, 0, 0),
        (290, 85, 25, 35, rng.uniform(-0.35, 0.2), 0, 0, 0),
    )
    origin = (CANVAS_SIZE / 2 + rng.uniform(-6, 6), MARGIN + 112 + rng.uniform(-5, 5))
    return _Shape(scale=(size * aspect, size / aspect), origin=origin, bumps=bumps)


def _find_landmarks(shape: _Shape) -> Landmarks:
    at = shape.canvas(_POINTS)
    mouth = Mouth(
        x=(at["mouth_left"][0] + at["mouth_right"][0]) / 2,
        corner_y=(at["mouth_left"][1] + at["mouth_right"][1]) / 2,
        upper_y=at["upper_lip"][1],
        lower_y=at["lower_lip"][1],
        half_width=(at["mouth_right"][0] - at["mouth_left"][0]) / 2,
        chin_y=at["chin"][1],
    )
    left, right = (
        Eye(
            x=(at[f"{side}_inner"][0] + at[f"{side}_outer"][0]) / 2,
            y=(at[f"{side}_top"][1] + at[f"{side}_bottom"][1]) / 2,
            half_width=abs(at[f"{side}_inner"][0] - at[f"{side}_outer"][0]) / 2,
            half_height=(at[f"{side}_bottom"][1] - at[f"{side}_top"][1]) / 2,
        )
        for side in ("left", "right")
    )
    return Landmarks(
        eyes=(left, right),
        mouth=mouth,
        nose=at["nose"],
        neck=(at["neck"][0], mouth.chin_y + _NECK_LENGTH * shape.scale[1]),
        radii=(_HEAD_RADII[0] * shape.scale[0], _HEAD_RADII[1] * shape.scale[1]),
    )
