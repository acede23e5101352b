"""Draw the hair of a head: a cap around the face, and what falls behind it.

Every pixel of the cap has two coordinates: ``turn``, the way around the head from the parting, and
``depth``, from 0 at the hairline to 1 at the outline. Strands are noise that is stretched along a
mixture of the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from thb_dataset.mini.canvas import Floats, Numbers, as_floats, blur, draw_blobs
from thb_dataset.mini.head import Place, ramp
from thb_dataset.mini.person import HairStyle, Person

_TEMPLE_Y = -6.0


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """A shape of hair, in head units.

    Attributes:
        top: The thickness above the skull.
        side: The thickness beside it.
        end: The y of its lower end.
        fringe: The way of the hairline below a bare forehead's.
        cover: The way by which it covers the sides of the face.
        along: The share of strands that run around the head; the others run down to the face.
        curl: The size of the curls; 0 for straight strands.
        behind: The y of the lower end of what falls behind the neck; None for nothing.
    """

    top: float
    side: float
    end: float
    fringe: float = 0.0
    cover: float = 0.0
    along: float = 0.5
    curl: float = 0.0
    behind: float | None = None


_CUTS = {
    HairStyle.RECEDING: _Cut(top=0, side=5, end=10, along=0.8),
    HairStyle.SHAVED: _Cut(top=2, side=1, end=6, along=0.2),
    HairStyle.SHORT: _Cut(top=9, side=4, end=8, along=0.1),
    HairStyle.PARTED: _Cut(top=12, side=6, end=12, fringe=4, along=0.75),
    HairStyle.FRINGE: _Cut(top=9, side=10, end=52, fringe=22, cover=5, along=0.05, behind=62),
    HairStyle.BOB: _Cut(top=10, side=13, end=60, fringe=5, cover=6, along=0.9, behind=66),
    HairStyle.LONG: _Cut(top=9, side=11, end=105, fringe=2, cover=4, along=0.9, behind=125),
    HairStyle.CURLY: _Cut(top=20, side=19, end=26, fringe=2, cover=2, along=0.5, curl=7),
    HairStyle.BUN: _Cut(top=5, side=2, end=2, along=0.25),
}


def draw_hair(
    person: Person, place: Place, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats]:
    """Draw the hair in front of the head and behind it.

    Args:
        person: The person.
        place: The head units of the canvas.
        rng: The source of all randomness.

    Returns:
        The colours in front, float32 (C, C, 3), their mask, float32 (C, C), and the same behind.
    """
    if person.hair is HairStyle.BALD:
        bare = np.zeros_like(place.x)
        return (
            np.zeros((*bare.shape, 3), np.float32),
            bare,
            np.zeros((*bare.shape, 3), np.float32),
            bare,
        )
    cut = _CUTS[person.hair]
    parting = rng.uniform(-0.5, 0.5)
    ragged = draw_blobs(rng, 46)[..., 0] + 0.6 * draw_blobs(rng, 18)[..., 0]
    outer, inner, reach, turn = _outlines(person, place, cut, ragged)
    depth = (reach - inner) / np.maximum(outer - inner, 1)
    sides = place.inside(cut.end + 2.5 * ragged - place.y, 4.0 + 5 * (cut.end < 30))
    front = place.inside(outer - reach, 1.5) * place.inside(reach - inner, 3.0) * sides
    if person.hair is HairStyle.RECEDING:
        front *= ramp(np.abs(turn) + 0.06 * ragged, 0.75, 1.2)
    strands = _strands(cut, place, turn - parting, depth, rng)
    near = np.clip(reach / outer, 0, 1)
    colours = _light_hair(person, strands, near, turn, place)
    if person.hair is HairStyle.SHAVED:
        front = front * np.clip(0.62 + 0.25 * strands, 0, 1)
    back, back_mask = _draw_behind(person, place, cut, outer, ragged, rng)
    if person.hair is HairStyle.BUN:
        back, back_mask = _draw_bun(person, place, rng)
    return colours, as_floats(front), back, back_mask


def _nothing(place: Place) -> tuple[Floats, Floats]:
    return np.zeros((*place.x.shape, 3), np.float32), np.zeros_like(place.x)


def _outlines(
    person: Person, place: Place, cut: _Cut, ragged: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the outer and inner outline, each pixel's distance, and its way around the head."""
    x, y = place.x, place.y - _TEMPLE_Y
    above = y < 0
    turn = np.where(above, np.arctan2(x, -y), np.sign(x) * (np.pi / 2 + y / 60))
    reach = np.where(above, np.hypot(x, y), np.abs(x))
    angle = np.clip(np.abs(turn), 0, np.pi / 2)
    sin, cos = np.sin(angle), np.maximum(np.cos(angle), 0)
    wide = person.half_width + cut.side
    high = 80 + _TEMPLE_Y + cut.top
    outer = ((sin / wide) ** 2.2 + (cos / high) ** 2.2) ** (-1 / 2.2)
    below = np.clip(y, 0, None)
    if cut.end < 30 and not cut.curl:
        outer = outer - 0.3 * below
    else:
        outer = outer + 6 * np.sin(np.clip(below / max(cut.end, 1), 0, 1) * np.pi)
    outer = outer + (0.35 * cut.curl + 0.6) * ragged
    face = person.half_width - 2 - cut.cover
    line = -person.hairline + _TEMPLE_Y - cut.fringe
    inner = ((sin / face) ** 2.7 + (cos / line) ** 2.7) ** (-1 / 2.7) + (
        0.6 + 0.2 * cut.curl
    ) * ragged
    return as_floats(outer), as_floats(inner), as_floats(reach), as_floats(turn)


def _strands(
    cut: _Cut, place: Place, turn: Numbers, depth: Numbers, rng: np.random.Generator
) -> Floats:
    """Return strands, about -1 to 1: float32 (C, C)."""
    if cut.curl:
        cells = int(300 / (cut.curl * 1.15))
        return as_floats(
            np.clip(
                draw_blobs(rng, cells)[..., 0] * 1.3 + 0.5 * draw_blobs(rng, 2 * cells)[..., 0],
                -1.3,
                1.3,
            )
        )
    wave = rng.uniform(0, 0.1) * np.sin(rng.uniform(3, 7) * np.abs(turn) + 6 * rng.random())
    across = cut.along * (depth + wave) * 40 + (1 - cut.along) * turn * 60
    length = (1 - cut.along) * depth * 3 + cut.along * turn * 3
    found = np.zeros_like(place.x)
    for fine, weight in ((1.0, 0.6), (2.6, 0.5)):
        noise = rng.normal(0, 1, (128, 16)).astype(np.float32)
        maps = (as_floats(length + 8), as_floats(np.abs(across * fine) % 126))
        found += weight * as_floats(
            cv2.remap(noise, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        )
    return blur(found, 0.7)


def _light_hair(
    person: Person, strands: Floats, near: Numbers, turn: Numbers, place: Place
) -> Floats:
    x, y, z = np.array(person.light) / np.linalg.norm(person.light)
    angle = np.clip(turn, -np.pi / 2, np.pi / 2)
    normal_z = np.sqrt(np.clip(1 - 0.92 * near**2, 0, 1))
    facing = x * np.sin(angle) * near - y * np.cos(angle) * near + z * normal_z
    light = 0.42 + 0.55 * np.clip(facing, 0, 1)
    light = light * (1 + 0.24 * strands)
    band = np.exp(-(((near - 0.72) / 0.1) ** 2)) * np.clip(facing, 0, 1) * (0.6 + 0.6 * strands)
    colour = np.asarray(person.hair_colour, np.float32)
    shine = np.clip(band, 0, 2)[..., None] * (0.25 * colour + 26)
    return as_floats(colour * 1.12 * light[..., None] + shine)


def _draw_behind(
    person: Person,
    place: Place,
    cut: _Cut,
    outer: Floats,
    ragged: Floats,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    if cut.behind is None:
        return _nothing(place)
    mask = place.inside(outer - 1 - np.abs(place.x), 2.0) * place.inside(place.y + 20, 4.0)
    mask *= place.inside(cut.behind + 4 * ragged - place.y, 8.0)
    noise = rng.normal(0, 1, (6, 120)).astype(np.float32)
    strands = cv2.resize(noise, place.x.shape[::-1], interpolation=cv2.INTER_CUBIC)
    light = 0.5 * (1 + 0.25 * strands) * (0.7 + 0.3 * ramp(np.abs(place.x), 20, 60))
    return as_floats(np.asarray(person.hair_colour) * light[..., None]), as_floats(mask)


def _draw_bun(person: Person, place: Place, rng: np.random.Generator) -> tuple[Floats, Floats]:
    x, y = place.x, place.y + 88
    far = np.sqrt((x / rng.uniform(17, 22)) ** 2 + (y / rng.uniform(13, 17)) ** 2)
    noise = as_floats(np.sin(0.9 * np.hypot(x + 6, y + 9) + 2 * draw_blobs(rng, 20)[..., 0]))
    light = (0.85 - 0.4 * far**2 - 0.012 * y) * (1 + 0.14 * noise)
    colours = np.asarray(person.hair_colour) * np.clip(light, 0.2, 1.2)[..., None]
    return as_floats(colours), place.inside((1 - far) * 14, 1.5)
