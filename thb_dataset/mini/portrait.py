"""Draw invented people for the synthetic release.

A program draws every face from random numbers: it shapes a head, lights it, and paints eyes, lips,
hair and clothes on it. No photograph and no other artwork is used, and nobody who exists is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thb_dataset.mini.canvas import (
    CANVAS_SIZE,
    MARGIN,
    Bytes,
    Eye,
    Floats,
    Landmarks,
    Mouth,
    as_floats,
    blur,
    make_layer,
)
from thb_dataset.mini.features import draw_beard, draw_features, mix
from thb_dataset.mini.hair import draw_hair
from thb_dataset.mini.head import Place, draw_skin
from thb_dataset.mini.person import Person, invent_person
from thb_dataset.mini.scenery import draw_glasses, draw_light, draw_room, draw_torso

_NECK_LENGTH = 15.0
_HEAD_RADII = (62.0, 78.0)


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


def make_portrait(rng: np.random.Generator) -> Portrait:
    """Invent a person and a room.

    Args:
        rng: The source of all randomness.
    """
    person = invent_person(rng)
    origin = (CANVAS_SIZE / 2 + rng.uniform(-6, 6), MARGIN + 110 + rng.uniform(-5, 5))
    place = Place.around(origin, person.size)
    marks = _find_landmarks(person, place)
    colours, alpha, hair, skin = _draw_head(person, place, rng)
    light = draw_light(rng)
    return Portrait(
        head=make_layer(colours * light, alpha),
        torso=draw_torso(marks.neck, marks.radii, light, rng),
        room=draw_room(rng),
        glasses=draw_glasses(marks.eyes, rng),
        hair=hair,
        skin=skin,
        marks=marks,
    )


def _draw_head(
    person: Person, place: Place, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return colours, float32 (C, C, 3), and the masks of the head, its hair and its skin."""
    bare = draw_skin(person, place, rng)
    front, front_mask, back, back_mask = draw_hair(person, place, rng)
    colours = bare.colours.copy()
    draw_features(colours, person, place, bare)
    beard = draw_beard(colours, person, place, bare, rng)
    shadow = np.roll(blur(front_mask, 3.5 * place.size), round(4 * place.size), axis=0)
    colours *= 1 - 0.42 * np.clip(shadow, 0, 1)[..., None]
    # What falls behind the head is seen only where no skin covers it.
    behind = back_mask * (1 - bare.alpha)
    colours = back + (colours - back) * bare.alpha[..., None]
    mix(colours, front, front_mask)
    alpha = np.maximum(np.maximum(bare.alpha, back_mask), front_mask)
    hair = np.clip(front_mask + behind, 0, 1)
    skin = np.clip(bare.alpha - hair - beard, 0, 1)
    return as_floats(colours), as_floats(alpha), as_floats(hair), as_floats(skin)


def _find_landmarks(person: Person, place: Place) -> Landmarks:
    eye, mouth, size = person.eyes, person.mouth, place.size
    x, corner_y = place.pixel(0, mouth.y)
    left, right = (
        Eye(
            x=place.pixel(side * eye.apart, 0)[0],
            y=place.origin[1],
            half_width=size * eye.half_width,
            half_height=size * eye.half_height,
        )
        for side in (-1, 1)
    )
    chin_y = place.pixel(0, person.chin_y)[1]
    return Landmarks(
        eyes=(left, right),
        mouth=Mouth(
            x=x,
            corner_y=corner_y,
            upper_y=corner_y + size * mouth.smile,
            lower_y=corner_y + size * (mouth.smile + mouth.gap),
            half_width=size * mouth.half_width,
            chin_y=chin_y,
        ),
        nose=place.pixel(0, person.nose_y),
        neck=(x, chin_y + _NECK_LENGTH * size),
        radii=(_HEAD_RADII[0] * size, _HEAD_RADII[1] * size),
    )
