"""Draw the parts of a face on its skin: eyes, brows, nostrils, mouth and beard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thb_dataset.mini.canvas import Floats, Numbers, as_floats, blur, draw_blobs
from thb_dataset.mini.head import Place, Skin, bump, ramp
from thb_dataset.mini.person import Beard, Person

_TEETH = np.array([226, 220, 206], np.float32)
_LASH = np.array([26, 18, 16], np.float32)
_WHITE = np.array([232, 226, 222], np.float32)
_BEARD_SHARE = {Beard.STUBBLE: 0.34, Beard.MOUSTACHE: 0.9, Beard.FULL: 0.92}


@dataclass(frozen=True, kw_only=True)
class _Patch:
    """A part of the picture in which something is drawn in place.

    Attributes:
        colours: float32 (h, w, 3), 0 to 255, a view of the whole picture.
        light: float32 (h, w), the light on it.
        place: Its pixels in head units.
    """

    colours: Floats
    light: Floats
    place: Place

    def mix(self, other: Numbers, mask: Numbers) -> None:
        """Move the colours towards others where a mask is 1."""
        mix(self.colours, other, mask)

    def darken(self, mask: Numbers) -> None:
        """Take away a share of the brightness."""
        self.colours[:] *= as_floats(1 - mask)[..., None]


def mix(colours: Floats, other: Numbers, mask: Numbers) -> None:
    """Move colours in place towards others where a mask is 1."""
    colours += (as_floats(other) - colours) * as_floats(mask)[..., None]


def draw_features(colours: Floats, person: Person, place: Place, skin: Skin) -> None:
    """Draw eyes, brows, nostrils and mouth in place.

    Args:
        colours: float32 (C, C, 3), 0 to 255, the lit skin.
        person: The person.
        place: The head units of the canvas.
        skin: The bare head.
    """

    def cut(left: float, top: float, right: float, bottom: float) -> _Patch:
        window = place.window((left, top), (right, bottom))
        return _Patch(colours=colours[window], light=skin.light[window], place=place.part(window))

    eye, mouth = person.eyes, person.mouth
    _draw_nostrils(cut(-22, person.nose_y - 8, 22, person.nose_y + 14), person)
    wide, below = 1.4 * mouth.half_width, mouth.smile + mouth.gap + mouth.lower
    _draw_mouth(cut(-wide, mouth.y - 12, wide, mouth.y + below + 8), person)
    for side in (-1, 1):
        x, wide = side * eye.apart, 1.8 * eye.half_width
        patch = cut(x - wide, eye.brow_y - 12, x + wide, 12)
        _draw_eye(patch, person, side)
        _draw_brow(patch, person, side)


def _draw_nostrils(patch: _Patch, person: Person) -> None:
    width = person.nose_half_width
    x, y = np.abs(patch.place.x) - 0.45 * width, patch.place.y - person.nose_y - 5.4
    hole = bump(x, y + 0.18 * x, 0.3 * width, 1.9)
    patch.mix(0.28 * np.asarray(person.skin) + (6, 0, 0), 0.85 * hole)
    patch.darken(0.16 * bump(patch.place.x, y - 1.5, 0.8 * width, 2.4))


def _draw_mouth(patch: _Patch, person: Person) -> None:
    mouth, place = person.mouth, patch.place
    across = place.x / mouth.half_width
    arch = np.clip(1 - across**2, 0, 1)
    top_line = mouth.y + mouth.smile * arch
    low_line = top_line + mouth.gap * arch
    bow = 1 - 0.22 * np.exp(-((place.x / 3.2) ** 2))
    top = top_line - mouth.upper * bow * arch**0.75
    low = low_line + mouth.lower * arch**0.6
    beside = place.inside(mouth.half_width - np.abs(place.x), 2.0)
    lip = np.asarray(mouth.colour, np.float32) * patch.light[..., None]
    upper = place.inside(place.y - top, 1.8) * place.inside(top_line - place.y)
    patch.mix(0.86 * lip, 0.9 * upper * beside)
    depth = (place.y - low_line) / mouth.lower
    glow = np.exp(-(((depth - 0.4) / 0.3) ** 2) - (place.x / 11) ** 2)[..., None]
    lower = place.inside(place.y - low_line) * place.inside(low - place.y, 2.2)
    patch.mix(lip * (1 + 0.2 * glow) + 14 * glow, 0.9 * lower * beside)
    hollow = np.clip(0.95 - 0.55 * across**2, 0, 1)
    gaps = 1 - 0.1 * np.exp(-((((np.abs(place.x) + 1.7) % 3.4 - 1.7) / 0.35) ** 2))
    teeth = hollow * gaps * (0.55 + 0.42 * ramp(place.y - top_line, -0.5, 1.6))
    inside = place.inside(place.y - top_line) * place.inside(low_line - place.y)
    patch.mix(_TEETH * teeth[..., None], inside * beside)
    patch.darken(0.4 * bump(np.abs(place.x) - mouth.half_width, place.y - mouth.y, 2.6, 1.7))
    end = mouth.y + mouth.smile + mouth.gap + mouth.lower
    patch.darken(0.14 * bump(place.x, place.y - end - 1.5, 11, 2))


def _draw_eye(patch: _Patch, person: Person, side: int) -> None:
    eye, place = person.eyes, patch.place
    x = side * place.x - eye.apart  # Outwards.
    y = place.y + eye.tilt * x / (2 * eye.half_width)
    across = x / eye.half_width
    arch = np.clip(1 - across**2, 0, 1)
    top, low = -eye.half_height * arch**0.8, 0.85 * eye.half_height * arch
    beside = place.inside(eye.half_width - np.abs(x), 1.5)
    opening = place.inside(y - top) * place.inside(low - y) * beside
    ball = 1 - 0.3 * across**2 - 0.35 * (1 - ramp(y - top, 0, 0.9 * eye.half_height))
    white = (0.72 + 0.28 * patch.light) * np.clip(ball, 0, 1)
    patch.mix(_WHITE * white[..., None], opening)
    _draw_iris(patch, person, side * x, y, opening)
    fold = y - top + 2.6 + 1.3 * eye.crease
    patch.darken(0.42 * eye.crease * np.exp(-((fold / 1.1) ** 2)) * np.clip(1.15 - across**2, 0, 1))
    lid = ramp(fold, -0.4, 1.6) * (1 - ramp(y - top, -1.0, 0.2)) * beside
    patch.darken(-0.07 * lid)
    lash = np.exp(-(((y - top + 0.3) / (0.62 * eye.lashes)) ** 2)) * np.clip(1.2 - across**2, 0, 1)
    ends = place.inside(1.08 * eye.half_width - np.abs(x), 2.0)
    patch.mix(_LASH, np.clip(1.1 * lash, 0, 0.92) * ends)
    rim = np.exp(-(((y - low - 0.3) / 0.7) ** 2))
    patch.darken(0.35 * rim * arch)
    inner = bump(x + eye.half_width - 0.8, y - 0.4, 1.5, 1.2)
    patch.mix(0.8 * np.asarray(person.skin) + (22, -8, -4), 0.7 * inner)


def _draw_iris(patch: _Patch, person: Person, x: Numbers, y: Numbers, opening: Floats) -> None:
    radius, inside = 0.47 * person.eyes.half_width, patch.place.inside
    y = y + 0.35
    far = np.hypot(x, y) / radius
    rays = 1 + 0.14 * np.sin(17 * np.arctan2(y, x)) * ramp(far, 0.4, 0.8)
    light = rays * (1.15 - 0.25 * (y < 0)) * (1 - 0.55 * ramp(far, 0.72, 1.0))
    light *= 0.6 + 0.4 * ramp(y, -person.eyes.half_height, 0.2)
    iris = np.asarray(person.eyes.iris, np.float32) * as_floats(light)[..., None]
    patch.mix(iris, opening * inside((1 - far) * radius))
    patch.mix(np.array((10, 8, 8)), opening * inside((0.42 - far) * radius))
    glint_x = 1.6 if person.light[0] > 0 else -1.6
    glint = inside(1.15 - np.hypot(x - glint_x, y + 1.6))
    patch.mix(np.array((250, 250, 250)), opening * glint)


def _draw_brow(patch: _Patch, person: Person, side: int) -> None:
    eye, x, y = person.eyes, side * patch.place.x - person.eyes.apart, patch.place.y
    along = (x + 0.95 * eye.half_width) / (2.25 * eye.half_width)
    line = eye.brow_y + 2.2 - eye.brow_tilt * along - 4 * eye.brow_arch * along * (1 - along)
    half = eye.brow_size * (1 - 0.72 * np.clip(along, 0, 1) ** 2)
    texture = np.sin(2.4 * x + 1.1 * (y - line)) * np.sin(0.9 * x - 1.7 * y)
    band = np.exp(-(np.abs((y - line) / half) ** 2.4))
    ends = ramp(along, -0.06, 0.1) * (1 - ramp(along, 0.84, 1.06))
    colour = 0.62 * np.asarray(person.hair_colour) + 0.06 * np.asarray(person.skin)
    patch.mix(colour, np.clip(0.82 + 0.16 * texture, 0, 1) * band * ends)


def draw_beard(
    colours: Floats, person: Person, place: Place, skin: Skin, rng: np.random.Generator
) -> Floats:
    """Draw the beard in place, and return the mask of a full one: float32 (C, C).

    Args:
        colours: float32 (C, C, 3), 0 to 255, the lit face with its parts.
        person: The person.
        place: The head units of the canvas.
        skin: The bare head.
        rng: The source of all randomness.
    """
    full = np.zeros_like(skin.face)
    if person.beard is Beard.NONE:
        return full
    window = place.window((-70, -8), (70, person.chin_y + 8))
    part, mouth = place.part(window), person.mouth
    x, y = np.abs(part.x), part.y
    grain = blur(rng.normal(0, 1, x.shape), 0.7)
    # Pale hair is less rough to the eye than dark hair.
    grain *= (1.15 - np.mean(person.hair_colour) / 255) / grain.std()
    middle = (person.nose_y + 6.5 + mouth.y - mouth.upper) / 2
    mask = np.clip(1.45 * bump(x - 7, y - middle - 0.025 * x**2, 15, 3.6), 0, 1)
    if person.beard is not Beard.MOUSTACHE:
        edge = mouth.y - 14 - 0.55 * np.clip(30 - x, 0, None) - 0.9 * np.clip(x - 30, 0, None)
        ragged = 3 * draw_blobs(rng, 24)[window][..., 0]
        lips = bump(x, y - mouth.y - 4, mouth.half_width + 2, 8.5) ** 0.6
        chin = ramp(y + ragged - edge, 0, 14) * (1 - 1.15 * lips)
        mask = np.maximum(mask, np.clip(chin, 0, 1))
    mask = np.clip(_BEARD_SHARE[person.beard] * mask * (1 + 0.22 * grain), 0, 1)
    mask *= skin.face[window]
    light = 0.85 * skin.light[window] * (0.9 + 0.25 * grain)
    mix(colours[window], np.asarray(person.hair_colour) * light[..., None], mask)
    if person.beard is Beard.FULL:
        full[window] = mask
    return full
