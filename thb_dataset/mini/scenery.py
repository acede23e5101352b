"""Draw what surrounds an invented face: colours, hair, clothes, glasses, light and the room."""

from __future__ import annotations

import cv2
import numpy as np

from thb_dataset.mini.canvas import (
    CANVAS_SIZE,
    Bytes,
    Eye,
    Floats,
    as_floats,
    blur,
    canvas_grid,
    draw_blobs,
    fill_outline,
    make_layer,
)

# In CIELAB: the gain of the lightness, then the values added to a and b.
_SKIN_TONES = (
    (1.03, -1.0, -1.0),
    (1.0, 0.0, 0.0),
    (0.94, 2.0, 3.0),
    (0.84, 2.0, 4.0),
    (0.7, 3.0, 4.0),
    (0.55, 3.0, 3.0),
)
_HAIR_COLOURS = (
    (1.0, 0.0, 0.0),
    (1.2, 0.0, 8.0),
    (0.62, 2.0, -4.0),
    (0.42, 0.0, -12.0),
    (0.32, -1.0, -16.0),
    (0.8, 14.0, 8.0),
    (1.2, -2.0, -16.0),
)


def paint_head(
    picture: Floats, skin: Floats, hair: Floats, beard: Floats, rng: np.random.Generator
) -> Floats:
    """Give a head other colours of skin and hair, and perhaps the shadow of a beard.

    Args:
        picture: float32 (C, C, 3), RGB, 0 to 255.
        skin: float32 (C, C), 1 on the skin without eyes and teeth.
        hair: float32 (C, C), 1 on the hair.
        beard: float32 (C, C), 1 where a beard would grow.
        rng: The source of all randomness.

    Returns:
        float32 (C, C, 3), RGB, 0 to 255.
    """
    share = as_floats(np.clip(picture / 255, 0, 1))
    lab = as_floats(cv2.cvtColor(share, cv2.COLOR_RGB2LAB))
    for mask, tones in ((skin, _SKIN_TONES), (hair, _HAIR_COLOURS)):
        gain, a, b = tones[rng.integers(len(tones))] + rng.normal(0, (0.03, 1.0, 1.5))
        lab[..., 0] *= 1 + mask * (gain - 1)
        lab[..., 1] += mask * a
        lab[..., 2] += mask * b
    if rng.random() < 0.3:
        shade = beard * skin * rng.uniform(6, 16)
        grain = blur(rng.normal(0, 0.6, beard.shape), 0.8)
        lab[..., 0] -= shade * (1 + grain)
        lab[..., 2] -= 0.5 * shade
    return as_floats(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255)


def long_hair_mask(
    neck: tuple[float, float], radii: tuple[float, float], rng: np.random.Generator
) -> Floats:
    """Return a soft mask of long hair behind the head: float32 (C, C)."""
    width, length = radii[0] * rng.uniform(0.98, 1.12), rng.uniform(-25, 25)
    top = neck[1] - 1.45 * radii[1]
    outline = [
        (neck[0] - 0.8 * width, top),
        (neck[0] + 0.8 * width, top),
        (neck[0] + 1.05 * width, neck[1] - 0.6 * radii[1]),
        (neck[0] + 1.0 * width, neck[1] + length),
        (neck[0] - 1.0 * width, neck[1] + length),
        (neck[0] - 1.05 * width, neck[1] - 0.6 * radii[1]),
    ]
    return blur(fill_outline(outline), 5.0)


def paint_strands(colours: Floats, hair: Floats, rng: np.random.Generator) -> Floats:
    """Return strands in the hair colour of the head: float32 (C, C, 3)."""
    mean = (colours * hair[..., None]).sum((0, 1)) / max(float(hair.sum()), 1.0)
    lines = rng.normal(0, 1, (CANVAS_SIZE // 12, CANVAS_SIZE)).astype(np.float32)
    strands = cv2.resize(lines, (CANVAS_SIZE, CANVAS_SIZE), interpolation=cv2.INTER_CUBIC)
    strands = blur(strands, 1.0)
    return as_floats(mean * 0.75 * (1 + 0.25 * strands[..., None]))


def draw_light(rng: np.random.Generator) -> Floats:
    """Return the light on the person, as gains: float32 (C, C, 3)."""
    x, y = canvas_grid()
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.22)
    slope = ((x - CANVAS_SIZE / 2) * np.cos(angle) + (y - CANVAS_SIZE / 2) * np.sin(angle)) / 128
    warmth = rng.uniform(-0.05, 0.05)
    tint = np.array([1 + warmth, 1.0, 1 - warmth]) * rng.uniform(0.85, 1.08)
    return as_floats((1 + strength * slope)[..., None] * tint)


def draw_torso(
    neck: tuple[float, float], radii: tuple[float, float], light: Floats, rng: np.random.Generator
) -> Bytes:
    """Return clothes with a round or pointed neckline: uint8 (C, C, 4)."""
    x, y = neck[0], neck[1] + 4
    half, dip, slope = 0.62 * radii[0], rng.uniform(8, 16), rng.uniform(0.18, 0.42)
    pointed = rng.random() < 0.4
    line = np.linspace(-1, 1, 15)
    depth = (1.6 * (1 - np.abs(line))) if pointed else np.sqrt(np.maximum(1 - line**2, 0))
    outline = [(x + half * t, y - 6 + dip * d) for t, d in zip(line, depth, strict=True)]
    far = 1.6 * CANVAS_SIZE
    outline += [(x + half + far, y - 6 + slope * far), (x + half + far, far + 2 * CANVAS_SIZE)]
    outline += [(x - half - far, far + 2 * CANVAS_SIZE), (x - half - far, y - 6 + slope * far)]
    alpha = blur(fill_outline(outline), 0.9)
    cloth = _muted(rng, 30, 215, 28) * (1 + 0.12 * draw_blobs(rng, 7))
    if rng.random() < 0.35:
        wave = np.sin(canvas_grid()[rng.integers(2)] * (2 * np.pi / rng.uniform(9, 22)))
        cloth *= (1 + 0.18 * np.sign(wave))[..., None]
    hem = alpha - blur(alpha, 2.5)
    return make_layer(as_floats(cloth * (1 - 0.9 * hem[..., None]) * light), alpha)


def draw_glasses(eyes: tuple[Eye, Eye], rng: np.random.Generator) -> Bytes:
    """Return glasses for one head in five, and an empty layer for the others: uint8 (C, C, 4)."""
    mask = np.zeros((CANVAS_SIZE, CANVAS_SIZE), np.uint8)
    if rng.random() < 0.2:
        wide = rng.uniform(1.35, 1.5)
        for eye in eyes:
            box = (2 * wide * eye.half_width, 2 * rng.uniform(1.0, 1.1) * eye.half_width)
            cv2.ellipse(mask, ((eye.x, eye.y + 2), box, 0.0), 255, 2, cv2.LINE_AA)
        (left, right), y = eyes, int(sum(eye.y for eye in eyes) / 2)
        for start, end in (
            (left.x + wide * left.half_width, right.x - wide * right.half_width),
            (left.x - wide * left.half_width, left.x - 2.4 * left.half_width),
            (right.x + wide * right.half_width, right.x + 2.4 * right.half_width),
        ):
            cv2.line(mask, (int(start), y), (int(end), y), 255, 2, cv2.LINE_AA)
    colours = np.full((CANVAS_SIZE, CANVAS_SIZE, 3), rng.uniform(15, 70, 3), np.float32)
    return make_layer(colours, as_floats(mask / 255 * 0.9))


def draw_room(rng: np.random.Generator) -> Bytes:
    """Return a wall with soft blobs and a few blurred objects with edges: uint8 (C, C, 3)."""
    blobs = 0.6 * draw_blobs(rng, 5) + 0.4 * draw_blobs(rng, 5, 3)
    room = _muted(rng, 50, 200, 16) + rng.uniform(8, 26) * blobs
    for _ in range(rng.integers(3, 9)):
        x, y = rng.integers(-20, CANVAS_SIZE, 2).tolist()
        width, height = rng.integers(12, 90, 2).tolist()
        shade = rng.normal(0, 38) + rng.normal(0, 12, 3)
        colour = np.clip(room.mean((0, 1)) + shade, 10, 245).tolist()
        room = np.ascontiguousarray(room, np.float32)
        cv2.rectangle(room, (x, y), (x + width, y + height), colour, -1)
    return np.clip(blur(room, rng.uniform(0.8, 3)), 0, 255).astype(np.uint8)


def _muted(rng: np.random.Generator, low: float, high: float, spread: float) -> Floats:
    """Return a muted colour for clothes and walls: a grey with some tint."""
    return np.clip(rng.uniform(low, high) + rng.normal(0, spread, 3), 8, 247).astype(np.float32)
