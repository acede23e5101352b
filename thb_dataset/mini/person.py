"""Invent a person: the numbers from which a face is drawn.

Lengths are in head units: one unit is one pixel of a head of size 1. The origin lies between the
eyes, x grows to the right of the picture and y downwards. Nobody is copied: every number is drawn
at random, within the limits that make a face.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from thb_dataset.mini.canvas import Numbers, as_floats

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 255."""

# CIELAB, from the lightest skin to the darkest.
_SKIN_TONES = (
    (84.0, 7.0, 13.0),
    (76.0, 10.0, 18.0),
    (67.0, 13.0, 22.0),
    (57.0, 15.0, 23.0),
    (46.0, 14.0, 19.0),
    (36.0, 11.0, 13.0),
)
_DARK_HAIR = ((26, 22, 22), (40, 30, 26), (58, 40, 30))
_FAIR_HAIR = ((92, 62, 42), (122, 62, 36), (176, 138, 88), (205, 172, 122), (158, 80, 44))
_GREY_HAIR = ((128, 124, 122), (172, 170, 168), (212, 208, 202))
_DARK_EYES = ((62, 38, 24), (84, 54, 32))
_FAIR_EYES = ((108, 84, 48), (92, 106, 74), (88, 118, 142), (112, 128, 140))


class HairStyle(StrEnum):
    """The shape of the hair."""

    BALD = "bald"
    SHAVED = "shaved"
    RECEDING = "receding"
    SHORT = "short"
    PARTED = "parted"
    FRINGE = "fringe"
    BOB = "bob"
    LONG = "long"
    CURLY = "curly"
    BUN = "bun"


class Beard(StrEnum):
    """The hair around the mouth."""

    NONE = "none"
    STUBBLE = "stubble"
    MOUSTACHE = "moustache"
    FULL = "full"


@dataclass(frozen=True, kw_only=True)
class EyeShape:
    """An eye and its brow, in head units.

    Attributes:
        apart: The distance of the eye's centre from the middle of the face.
        half_width: Half its width.
        half_height: Half its height.
        tilt: The rise of its outer corner over its inner one.
        crease: The depth of the fold above it, 0 to 1.
        lashes: The width of the dark line of its lashes.
        iris: The colour of the iris.
        brow_y: The y of the brow.
        brow_size: Half the height of the brow at its thickest.
        brow_arch: The rise of the brow's middle.
        brow_tilt: The rise of its outer end over its inner one.
    """

    apart: float
    half_width: float
    half_height: float
    tilt: float
    crease: float
    lashes: float
    iris: Colour
    brow_y: float
    brow_size: float
    brow_arch: float
    brow_tilt: float


@dataclass(frozen=True, kw_only=True)
class MouthShape:
    """A mouth, a little open, in head units.

    Attributes:
        y: The y of its corners.
        half_width: The distance from the middle to a corner.
        smile: The way of the middle below the corners.
        gap: The distance between the lips at the middle.
        upper: The height of the upper lip.
        lower: The height of the lower lip.
        colour: The colour of the lips.
    """

    y: float
    half_width: float
    smile: float
    gap: float
    upper: float
    lower: float
    colour: Colour


@dataclass(frozen=True, kw_only=True)
class Person:
    """An invented person; lengths in head units.

    Attributes:
        size: The number of canvas pixels of a head unit.
        age: From 0 for about twenty to 1 for about eighty.
        strength: From 0 for soft features to 1 for strong ones.
        skin: The colour of the skin.
        freckles: The share of the skin with freckles.
        half_width: Half the width of the face.
        chin_y: The y of the tip of the chin.
        jaw: The squareness of the jaw, as the exponent of a superellipse.
        taper: The share of the width that is lost towards the chin.
        eyes: The eyes.
        nose_y: The y of the tip of the nose.
        nose_half_width: Half the width of the nose.
        nose_height: How far the nose stands out.
        cheeks: How far the cheeks stand out.
        mouth: The mouth.
        hair: The shape of the hair.
        hair_colour: The colour of the hair and, darker, of the brows.
        hairline: The y of the hairline.
        beard: The hair around the mouth.
        light: The direction towards the light (x, y, z); z points to the viewer.
    """

    size: float
    age: float
    strength: float
    skin: Colour
    freckles: float
    half_width: float
    chin_y: float
    jaw: float
    taper: float
    eyes: EyeShape
    nose_y: float
    nose_half_width: float
    nose_height: float
    cheeks: float
    mouth: MouthShape
    hair: HairStyle
    hair_colour: Colour
    hairline: float
    beard: Beard
    light: tuple[float, float, float]


def invent_person(rng: np.random.Generator) -> Person:
    """Draw the numbers of a person.

    Args:
        rng: The source of all randomness.
    """
    tone, age = rng.random(), rng.random() ** 1.2
    strength = float(np.clip(rng.choice([0.15, 0.85]) + rng.normal(0, 0.15), 0, 1))
    skin = _draw_skin(tone, rng)
    hair = _draw_hair_style(strength, age, rng)
    nose_y, chin_y = rng.uniform(20.5, 28.5), rng.uniform(68, 81) + 2 * strength
    dark = tone > 0.45 or rng.random() < 0.45
    return Person(
        size=rng.uniform(0.98, 1.12),
        age=age,
        strength=strength,
        skin=skin,
        freckles=rng.uniform(0.3, 1) if tone < 0.4 and rng.random() < 0.3 else 0.0,
        half_width=rng.uniform(47, 55) + 2 * strength,
        chin_y=chin_y,
        jaw=rng.uniform(2.1, 2.5) + 0.6 * strength,
        taper=rng.uniform(0.16, 0.3) - 0.08 * strength,
        eyes=_draw_eyes(strength, age, dark, rng),
        nose_y=nose_y,
        nose_half_width=rng.uniform(7.5, 12.5) + 1.2 * strength,
        nose_height=rng.uniform(8, 13) + 2 * strength,
        cheeks=rng.uniform(1, 4),
        mouth=_draw_mouth(nose_y, chin_y, strength, age, skin, rng),
        hair=hair,
        hair_colour=_draw_hair_colour(dark, age, rng),
        hairline=rng.uniform(-53, -45),
        beard=_draw_beard(strength, rng),
        light=(rng.uniform(-0.55, 0.55), rng.uniform(-0.6, -0.25), 0.8),
    )


def _draw_skin(tone: float, rng: np.random.Generator) -> Colour:
    place = np.linspace(0, 1, len(_SKIN_TONES))
    middle = [np.interp(tone, place, values) for values in zip(*_SKIN_TONES, strict=True)]
    lab = as_floats(np.array(middle) + rng.normal(0, (1.0, 1.2, 2.0)))
    return _as_colour(255 * cv2.cvtColor(lab[None, None], cv2.COLOR_LAB2RGB)[0, 0])


def _draw_hair_style(strength: float, age: float, rng: np.random.Generator) -> HairStyle:
    short = (*[HairStyle.SHORT, HairStyle.PARTED, HairStyle.CURLY] * 2, HairStyle.SHAVED)
    long = (*[HairStyle.FRINGE, HairStyle.BOB, HairStyle.LONG] * 2, HairStyle.BUN)
    if rng.random() < 0.12:  # Anybody may wear anything.
        return HairStyle(rng.choice(list(HairStyle)[2:]))
    if strength > 0.5:
        if age > 0.5 and rng.random() < 0.4:
            thin = (HairStyle.RECEDING, HairStyle.RECEDING, HairStyle.BALD)
            return HairStyle(rng.choice(thin))
        return HairStyle(rng.choice(short))
    return HairStyle(rng.choice([*long, HairStyle.CURLY, HairStyle.PARTED]))


def _draw_hair_colour(dark: bool, age: float, rng: np.random.Generator) -> Colour:
    choices = _DARK_HAIR if dark else _FAIR_HAIR
    colour = np.asarray(choices[rng.integers(len(choices))], np.float64)
    grey = np.asarray(_GREY_HAIR[rng.integers(len(_GREY_HAIR))], np.float64)
    share = np.clip((age - 0.55) / 0.3 + rng.normal(0, 0.15), 0, 1) if age > 0.45 else 0.0
    return _as_colour((colour + share * (grey - colour)) * rng.uniform(0.85, 1.15))


def _draw_beard(strength: float, rng: np.random.Generator) -> Beard:
    if strength < 0.5:
        return Beard.NONE
    kinds = [Beard.NONE] * 3 + [Beard.STUBBLE] * 2 + [Beard.MOUSTACHE, Beard.FULL]
    return Beard(rng.choice(kinds))


def _draw_eyes(strength: float, age: float, dark: bool, rng: np.random.Generator) -> EyeShape:
    colours = _DARK_EYES if dark and rng.random() < 0.9 else _FAIR_EYES
    return EyeShape(
        apart=rng.uniform(20.5, 25.5),
        half_width=rng.uniform(10.6, 13),
        half_height=rng.uniform(4.3, 6.3) - 0.6 * age,
        tilt=rng.uniform(-0.5, 2.6),
        crease=rng.uniform(0.1, 1),
        lashes=rng.uniform(1.1, 1.5) + 0.7 * (1 - strength) * rng.random(),
        iris=_as_colour(np.asarray(colours[rng.integers(len(colours))]) * rng.uniform(0.8, 1.2)),
        brow_y=rng.uniform(-17.5, -13.5) + 1.5 * strength,
        brow_size=rng.uniform(1.3, 2.0) + 0.9 * strength,
        brow_arch=rng.uniform(1, 4) - 1.5 * strength,
        brow_tilt=rng.uniform(-2, 2.5),
    )


def _draw_mouth(
    nose_y: float,
    chin_y: float,
    strength: float,
    age: float,
    skin: Colour,
    rng: np.random.Generator,
) -> MouthShape:
    thin = 1 - 0.35 * age
    painted = strength < 0.5 and rng.random() < 0.4
    red = np.array(rng.choice([(165, 30, 48), (150, 55, 70), (120, 25, 40), (190, 80, 80)]))
    share = rng.uniform(0.35, 0.7) if painted else rng.uniform(0.15, 0.28)
    plain = np.asarray(skin) * (0.84, 0.66, 0.66)
    return MouthShape(
        y=nose_y + (chin_y - nose_y) * rng.uniform(0.34, 0.39),
        half_width=rng.uniform(16.5, 23.5),
        smile=rng.uniform(0.2, 3.4),
        gap=rng.uniform(3.6, 5.2),
        upper=rng.uniform(2.8, 6.2) * thin,
        lower=rng.uniform(4.0, 8.0) * thin,
        colour=_as_colour(plain + share * (red * (0.45 + np.mean(skin) / 400) - plain)),
    )


def _as_colour(values: Numbers) -> Colour:
    red, green, blue = np.clip(values, 4, 250).tolist()
    return red, green, blue
