"""Model a head as a height over the picture, and light it: face, ears and neck."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thb_dataset.mini.canvas import Floats, Numbers, as_floats, blur, canvas_grid, draw_blobs
from thb_dataset.mini.person import Person

_SKULL_TOP = 80.0
_DEPTH = 46.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Every canvas pixel in head units.

    Attributes:
        x: float32 (C, C).
        y: float32 (C, C).
        size: The number of pixels of a head unit.
        origin: The pixel between the eyes.
    """

    x: Floats
    y: Floats
    size: float
    origin: tuple[float, float]

    @classmethod
    def around(cls, origin: tuple[float, float], size: float) -> Place:
        """Return the head units of a head of a size, whose eyes surround a pixel."""
        x, y = canvas_grid()
        return cls(x=(x - origin[0]) / size, y=(y - origin[1]) / size, size=size, origin=origin)

    def inside(self, distance: Numbers, soft: float = 1.0) -> Floats:
        """Return a mask, 1 where a distance in head units is above 0; ``soft`` is in pixels."""
        return as_floats(np.clip(distance * self.size / soft + 0.5, 0, 1))

    def window(self, low: tuple[float, float], high: tuple[float, float]) -> tuple[slice, slice]:
        """Return the rows and columns between two points in head units."""
        (left, top), (right, bottom) = self.pixel(*low), self.pixel(*high)
        return slice(max(int(top), 0), int(bottom) + 1), slice(max(int(left), 0), int(right) + 1)

    def part(self, window: tuple[slice, slice]) -> Place:
        """Return the head units of some rows and columns."""
        return replace(self, x=self.x[window], y=self.y[window])

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Return the canvas pixel of a point in head units."""
        return self.origin[0] + self.size * x, self.origin[1] + self.size * y


@dataclass(frozen=True, kw_only=True)
class Skin:
    """The bare head.

    Attributes:
        colours: float32 (C, C, 3), 0 to 255, lit.
        alpha: float32 (C, C), 1 on face, ears and neck.
        face: float32 (C, C), 1 on the face.
        light: float32 (C, C), the light that falls on the face, about 1.
        rim: float32 (C, C), 0 in the middle of the face and 1 on its outline.
    """

    colours: Floats
    alpha: Floats
    face: Floats
    light: Floats
    rim: Floats


def ramp(values: Numbers, low: float, high: float) -> Floats:
    """Return a smooth step from 0 at ``low`` to 1 at ``high``."""
    step = np.clip((values - low) / (high - low), 0, 1)
    return as_floats(step * step * (3 - 2 * step))


def bump(x: Numbers, y: Numbers, radius_x: float, radius_y: float) -> Floats:
    """Return a soft bump of height 1 around the origin."""
    return as_floats(np.exp(-((x / radius_x) ** 2) - (y / radius_y) ** 2))


def draw_skin(person: Person, place: Place, rng: np.random.Generator) -> Skin:
    """Draw the head without eyes, lips and hair.

    Args:
        person: The person.
        place: The head units of the canvas.
        rng: The source of all randomness.
    """
    rim = _rim(person, place)
    relief = _relief(person, place, rng)
    height = _DEPTH * np.sqrt(np.clip(1 - 0.9 * rim, 0, 1)) + relief
    light = light_surface(height, person.light)
    cavity = np.clip(blur(relief, 4.0 * place.size) - relief, -3, 6)
    light = light * (1 - 0.045 * cavity)
    face = place.inside((1 - rim) * 0.45 * person.half_width, 1.6)
    tone = _draw_tone(person, place, rng)
    colours = shade(tone, light) + _gloss(height, person)[..., None]
    neck, neck_light = _neck(person, place)
    ears, ear_light = _ears(person, place)
    alpha, under = np.maximum(neck, ears), shade(tone, neck_light)
    under += (shade(tone, ear_light) - under) * ears[..., None]
    colours = under + (colours - under) * face[..., None]
    return Skin(
        colours=as_floats(colours),
        alpha=np.maximum(alpha, face),
        face=face,
        light=as_floats(light),
        rim=rim,
    )


def light_surface(height: Numbers, light: tuple[float, float, float]) -> Floats:
    """Return the light on a surface, about 1 where it faces the light: float32 (C, C)."""
    down, right = np.gradient(as_floats(height))
    x, y, z = np.array(light) / np.linalg.norm(light)
    facing = (z - x * right - y * down) / np.sqrt(1 + right**2 + down**2)
    return as_floats(0.5 + 0.58 * np.clip((facing + 0.25) / 1.25, 0, 1))


def shade(colours: Numbers, light: Numbers) -> Floats:
    """Return colours under a light; the shade of skin is warmer than its light."""
    light = np.maximum(light, 0.02)[..., None]
    return as_floats(colours * light ** np.array([0.85, 1.08, 1.15], np.float32))


def _rim(person: Person, place: Place) -> Floats:
    lower = place.y > 0
    reach = np.where(lower, person.chin_y, _SKULL_TOP)
    far_y = np.abs(place.y) / reach
    narrow = person.taper * ramp(far_y, 0.25, 1.0) * lower
    far_x = np.abs(place.x) / (person.half_width * (1 - narrow))
    return as_floats(far_x**2.5 + np.where(lower, far_y**person.jaw, far_y**2.4))


def _relief(person: Person, place: Place, rng: np.random.Generator) -> Floats:
    """Return what stands out of the smooth head: float32 (C, C), in head units."""
    x, y, eyes, mouth = np.abs(place.x), place.y, person.eyes, person.mouth
    relief = (1 + 2 * person.strength) * bump(x - 17, y - eyes.brow_y - 2, 13, 5)
    relief -= 5.0 * bump(x - eyes.apart + 1, y + 1, 12, 9)
    relief += 3.4 * bump(x - eyes.apart, y, 9, 6)
    relief += person.cheeks * bump(x - 29, y - 19, 14, 12)
    relief += 4.0 * bump(x, y - mouth.y, 22, 14) + 3.5 * bump(x, y - person.chin_y + 10, 11, 8)
    relief -= 1.2 * bump(x, y - (person.nose_y + mouth.y) / 2 - 2, 2.2, 4)
    relief -= 2.6 * bump(x, y - mouth.y - mouth.gap - mouth.lower - 4, 13, 3.6)
    relief += _nose(person, x, y)
    relief += _wrinkles(person, x, place, rng)
    return as_floats(relief)


def _nose(person: Person, x: Numbers, y: Numbers) -> Floats:
    tip, width, height = person.nose_y, person.nose_half_width, person.nose_height
    along = ramp(y, -18, tip) * (1 - ramp(y, tip - 1, tip + 8))
    narrow = 0.42 * width + 0.12 * np.clip(y, 0, None)
    nose = height * along * np.exp(-((x / narrow) ** 2))
    nose += 0.4 * height * bump(x, y - tip, 0.55 * width, 5.5)
    nose += 0.34 * height * bump(x - 0.74 * width, y - tip - 2.5, 0.36 * width, 4.2)
    return as_floats(nose)


def _wrinkles(person: Person, x: Numbers, place: Place, rng: np.random.Generator) -> Floats:
    y, age, mouth = place.y, person.age, person.mouth
    # The fold from the wing of the nose to the corner of the mouth.
    top, end = person.nose_y - 2, mouth.y + 1
    down = np.clip((y - top) / (end - top), 0, 1.3)
    line = person.nose_half_width + 3 + 0.55 * (mouth.half_width - 4) * down
    fold = np.exp(-(((x - line) / 2.4) ** 2))
    fold *= ramp(y, top - 4, top + 6) * (1 - ramp(y, end, end + 9))
    relief = -(0.5 + 2.2 * age) * fold
    bag = y - 8.5 - 0.012 * (x - person.eyes.apart) ** 2
    relief -= (0.3 + 1.4 * age) * bump(x - person.eyes.apart, bag, 10, 1.8)
    wave = y + 1.5 * np.sin(place.x / rng.uniform(9, 14) + rng.uniform(0, 6))
    lines = np.cos(2 * np.pi * wave / rng.uniform(5.5, 7.5))
    relief += 0.55 * age**2 * lines * bump(x, y + 34, 26, 9)
    feet = np.cos((y - 0.4 * (x - 38)) * 1.6) * bump(x - 40, y - 1, 5, 7)
    return as_floats(relief + 0.7 * age**2 * feet)


def _draw_tone(person: Person, place: Place, rng: np.random.Generator) -> Floats:
    """Return the colour of the skin in even light: float32 (C, C, 3)."""
    x, y = np.abs(place.x), place.y
    tone = np.ones((*x.shape, 1), np.float32) * np.asarray(person.skin, np.float32)
    flush = 0.6 * bump(x - 29, y - 20, 15, 12) + 0.55 * bump(x, y - person.nose_y, 10, 9)
    flush += 0.25 * bump(x, y - person.chin_y + 8, 12, 8) + 0.2 * draw_blobs(rng, 9)[..., 0]
    tone *= 1 + flush[..., None] * np.array([0.05, -0.09, -0.08], np.float32)
    dusk = (0.5 + 0.5 * person.age) * bump(x - person.eyes.apart, y - 3, 14, 10)
    tone *= 1 - dusk[..., None] * np.array([0.12, 0.17, 0.13], np.float32)
    if person.freckles:
        spots = blur(rng.random(x.shape) < 0.02, 0.9) * bump(x - 14, y - 15, 30, 18)
        tone *= 1 - person.freckles * np.clip(2.2 * spots, 0, 0.4)[..., None] * (0.5, 0.8, 1.0)
    patches = 0.5 * draw_blobs(rng, 14) + 0.5 * draw_blobs(rng, 48)
    pores = blur(rng.normal(0, 1, x.shape), 0.7)[..., None]
    return as_floats(tone * (1 + 0.02 * patches + (0.02 + 0.02 * person.age) * pores))


def _gloss(height: Numbers, person: Person) -> Floats:
    down, right = np.gradient(blur(height, 1.2))
    half = np.array(person.light) / np.linalg.norm(person.light) + (0, 0, 1)
    x, y, z = half / np.linalg.norm(half)
    facing = (z - x * right - y * down) / np.sqrt(1 + right**2 + down**2)
    return as_floats(26 * np.clip(facing, 0, 1) ** 24 + 30 * np.clip(facing, 0, 1) ** 90)


def _neck(person: Person, place: Place) -> tuple[Floats, Floats]:
    width = person.half_width * (0.52 + 0.14 * person.strength)
    spread = width + 0.012 * np.clip(place.y - person.chin_y, 0, None) ** 2
    far = np.abs(place.x) / spread
    mask = place.inside(spread - np.abs(place.x)) * place.inside(place.y - 30)
    light = light_surface(spread * np.sqrt(np.clip(1 - 0.95 * far**2, 0, 1)), person.light)
    below = place.y - person.chin_y + 0.006 * place.x**2
    shadow = 1 - ramp(below, 2, 24)
    cords = 0.05 * bump(np.abs(place.x) - 10 - 0.25 * (place.y - 80), 0 * place.y, 3, 1)
    return mask, as_floats(light * (0.97 - 0.42 * shadow) + cords)


def _ears(person: Person, place: Place) -> tuple[Floats, Floats]:
    x, y = np.abs(place.x) - person.half_width - 0.5, place.y - 8
    x = x + 0.15 * y
    far = np.sqrt((x / 8) ** 2 + (y / 16) ** 2)
    mask = place.inside((1 - far) * 9)
    ring = np.exp(-(((far - 0.82) / 0.16) ** 2))
    light = 0.68 + 0.2 * ring - 0.22 * bump(x, y - 1, 3.4, 8)
    return mask, as_floats(light)
