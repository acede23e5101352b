"""Draw what surrounds an invented face: clothes, glasses, light and the room."""

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
