"""Render the frames of a synthetic video from a portrait, a movement and some flaws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from thb_dataset.mini.canvas import (
    FRAME_SIZE,
    MARGIN,
    Bytes,
    Eye,
    Floats,
    Mouth,
    Numbers,
    as_floats,
    blur,
)
from thb_dataset.mini.flaws import Flaws
from thb_dataset.mini.motion import FPS, Motion
from thb_dataset.mini.portrait import Portrait

_NODES = 32
_CELL = FRAME_SIZE // _NODES
_MOUTH_INSIDE, _TONGUE, _PALE = (38.0, 12.0, 14.0), (125.0, 55.0, 58.0), (222.0, 214.0, 200.0)


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The camera of a video, which does not depend on the label.

    Attributes:
        grain: The standard deviation of the noise, in grey levels.
        shake: The movement of the camera against the room, in pixels.
    """

    grain: float
    shake: float


def render_frames(
    portrait: Portrait, motion: Motion, flaws: Flaws, camera: Camera, rng: np.random.Generator
) -> Iterator[Bytes]:
    """Render a video.

    Args:
        portrait: The person, already with the flaws that are painted on.
        motion: The movement, already with its flaws.
        flaws: The flaws that are drawn in each frame; none for a real video.
        camera: The camera.
        rng: The source of all randomness.

    Yields:
        uint8 (FRAME_SIZE, FRAME_SIZE, 3), RGB: one frame per time step.
    """
    field = _HeadField(portrait, motion, flaws, rng)
    overlay = _Overlay(flaws, camera, rng)
    mouth, eyes = _MouthPatch(portrait.marks.mouth, flaws.teeth), portrait.marks.eyes
    sway = camera.shake * np.sin(np.arange(len(motion.mouth))[:, None] / FPS * rng.uniform(1, 4, 2))
    wears_glasses = bool(portrait.glasses.any())
    for frame in range(len(motion.mouth)):
        head = portrait.head.copy()
        mouth.paint(head, float(motion.mouth[frame]))
        for eye in eyes:
            _close_eye(head, eye, float(motion.blink[frame]))
        if wears_glasses:
            head = _cover(head, portrait.glasses)
        move = field.displacement(frame, follow=1.0)
        drag = flaws.background_warp * field.drag(frame) if flaws.background_warp else 0
        room = _warp(portrait.room, drag + sway[frame])
        layer = _warp(head, move)
        picture = _cover(room, layer)
        if flaws.still_hair:
            hair = (head * portrait.hair[..., None]).astype(np.uint8)
            stay = field.displacement(frame, follow=1 - flaws.still_hair)
            picture = _cover(picture, _warp(hair, stay))
        picture = _cover(picture, _warp(portrait.torso, -0.35 * motion.shift[frame]))
        yield overlay.add(picture, layer[..., 3])


class _HeadField:
    """The pose of the head: the canvas point that each frame pixel shows, on a coarse grid."""

    def __init__(
        self, portrait: Portrait, motion: Motion, flaws: Flaws, rng: np.random.Generator
    ) -> None:
        line = (np.arange(_NODES) + 0.5) * _CELL - 0.5 + MARGIN
        self._x, self._y = np.meshgrid(line, line)
        self._marks, self._motion, self._flaws = portrait.marks, motion, flaws
        neck_y, chin_y = self._marks.neck[1] + 8, self._marks.mouth.chin_y + 2
        # A floating head does not stretch its neck but slides on it.
        neck_y = chin_y + (neck_y - chin_y) * (1 - 0.6 * min(flaws.floating, 1))
        step = np.clip((neck_y - self._y) / (neck_y - chin_y), 0, 1)
        self._held = step**2 * (3 - 2 * step)
        self._wave = rng.uniform((38, 38, 0.5, 0.5, 0, 0), (70, 70, 1.6, 1.6, 6, 6))
        angle = rng.uniform(0, 2 * np.pi)
        radius_x, radius_y = portrait.marks.radii
        self._swelling = (
            portrait.marks.nose[0] + 0.45 * radius_x * np.cos(angle),
            portrait.marks.nose[1] + 0.4 * radius_y * np.sin(angle),
            rng.uniform(0.7, 1.8),
            rng.uniform(0, 6),
        )

    def displacement(self, frame: int, *, follow: float) -> Floats:
        """Return float32 (nodes, nodes, 2), canvas minus frame pixel, x and y.

        Args:
            frame: The time step.
            follow: The share of the movement to follow; 1 for the head.
        """
        motion, held = self._motion, self._held * follow
        neck_x, neck_y = self._marks.neck
        x = self._x - neck_x - held * motion.shift[frame, 0]
        y = self._y - neck_y - held * motion.shift[frame, 1]
        roll, zoom = held * motion.roll[frame], 1 + held * motion.zoom[frame]
        cos, sin = np.cos(roll) / zoom, np.sin(roll) / zoom
        x, y = cos * x + sin * y + neck_x, cos * y - sin * x + neck_y
        depth = held * self._depth(x, y)
        x -= depth * motion.turn[frame, 0]
        y -= depth * motion.turn[frame, 1]
        wave_x, wave_y = self._swim(frame)
        swell = self._swell(x, y, frame)
        x = x + held * wave_x + swell * (x - self._swelling[0])
        y = y + held * wave_y + swell * (y - self._swelling[1])
        return as_floats(np.stack([x - self._x, y - self._y], axis=-1))

    def drag(self, frame: int) -> Floats:
        """Return the displacement of a room that warps along with the head."""
        motion = self._motion
        (nose_x, nose_y), (radius_x, radius_y) = self._marks.nose, self._marks.radii
        far = ((self._x - nose_x) / (1.9 * radius_x)) ** 2
        near = np.exp(-far - ((self._y - nose_y) / (1.9 * radius_y)) ** 2)
        wave_x, wave_y = self._swim(frame)
        x = wave_x - near * (motion.shift[frame, 0] + motion.turn[frame, 0])
        y = wave_y - near * (motion.shift[frame, 1] + motion.turn[frame, 1])
        return as_floats(np.stack([x, y], axis=-1))

    def _depth(self, x: Numbers, y: Numbers) -> Numbers:
        (nose_x, nose_y), (radius_x, radius_y) = self._marks.nose, self._marks.radii
        far = ((x - nose_x) / radius_x) ** 2 + ((y - nose_y) / radius_y) ** 2
        return np.exp(-1.3 * far)

    def _swim(self, frame: int) -> tuple[Numbers, Numbers]:
        length_x, length_y, hz_x, hz_y, start_x, start_y = self._wave
        seconds, size = frame / FPS, self._flaws.wave
        x = size * np.sin(2 * np.pi * (self._y / length_x + hz_x * seconds) + start_x)
        y = size * np.sin(2 * np.pi * (self._x / length_y + hz_y * seconds) + start_y)
        return x, y

    def _swell(self, x: Numbers, y: Numbers, frame: int) -> Numbers:
        centre_x, centre_y, hz, start = self._swelling
        size = self._flaws.distortion / 20 * np.sin(2 * np.pi * hz * frame / FPS + start)
        far = (x - centre_x) ** 2 + (y - centre_y) ** 2
        return np.asarray(size * np.exp(-far / (2 * 16**2)))


class _MouthPatch:
    """The part of a canvas that an opening mouth changes."""

    def __init__(self, mouth: Mouth, pale: float) -> None:
        half, drop = mouth.half_width, mouth.chin_y - mouth.lower_y
        self._left, self._right = int(mouth.x - 1.8 * half), int(mouth.x + 1.8 * half)
        self._top, self._bottom = int(mouth.upper_y - 4), int(mouth.chin_y + 0.5 * drop)
        self._x, self._y = np.meshgrid(
            np.arange(self._left, self._right, dtype=np.float32),
            np.arange(self._top, self._bottom, dtype=np.float32),
        )
        across = (self._x - mouth.x) / half
        self._arch = np.clip(1 - across**2, 0, 1)
        self._jaw = 0.8 * np.clip(1 - (across / 1.8) ** 2, 0, 1) ** 2
        self._lip_y = mouth.corner_y + (mouth.lower_y - mouth.corner_y) * self._arch
        self._teeth, self._reach, self._drop = mouth.lower_y - mouth.upper_y, 0.55 * half, drop
        self._pale = min(pale, 1.0)

    def paint(self, head: Bytes, opening: float) -> None:
        """Open the mouth of a canvas in place, from 0 for closed to 1 for wide open."""
        move = -0.9 * self._teeth + opening * (0.9 * self._teeth + self._reach)
        lip_y = self._lip_y + move * self._arch
        below = (self._y - lip_y) / self._drop
        far = np.clip(below, 0, 1)
        pull = move * (self._arch + (self._jaw - self._arch) * far * far * (3 - 2 * far))
        pull *= np.clip((1.45 - below) / 0.45, 0, 1)
        source_y = self._y - np.where(below >= 0, pull, 0) - self._top
        patch = head[self._top : self._bottom, self._left : self._right]
        warped = cv2.remap(
            np.ascontiguousarray(patch),
            self._x - self._left,
            source_y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if move > 0:
            inside = np.clip(self._y - self._lip_y, 0, 1) * np.clip(lip_y - self._y, 0, 1)
            deep = np.clip((self._y - lip_y) / max(0.5 * move, 1) + 1, 0, 1)[..., None]
            colour = np.array(_MOUTH_INSIDE) + deep * (np.array(_TONGUE) - np.array(_MOUTH_INSIDE))
            colour += self._pale * (np.array(_PALE) - colour)
            mixed = warped[..., :3] + (colour - warped[..., :3]) * inside[..., None]
            warped[..., :3] = np.rint(mixed)
        patch[:] = warped


def _close_eye(head: Bytes, eye: Eye, closure: float) -> None:
    """Lower the lid of an eye on a canvas in place, from 0 for open to 1 for closed."""
    if closure <= 0:
        return
    left, right = int(eye.x - 1.3 * eye.half_width), int(eye.x + 1.3 * eye.half_width)
    top, bottom = int(eye.y - 2.4 * eye.half_height), int(eye.y + 1.6 * eye.half_height)
    x, y = np.meshgrid(
        np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)
    )
    arch = np.clip(1 - ((x - eye.x) / (1.1 * eye.half_width)) ** 2, 0, 1)
    open_y = eye.y - 0.8 * eye.half_height * arch
    lid_y = open_y + closure * 1.5 * eye.half_height * arch
    stretched = (y - top) / (lid_y - top) * (open_y - top)
    source_y = np.where(y < lid_y, stretched, y - top).astype(np.float32)
    patch = head[top:bottom, left:right]
    patch[:] = cv2.remap(np.ascontiguousarray(patch), x - left, source_y, cv2.INTER_LINEAR)


class _Overlay:
    """The layer over a frame: grain, the word SYNTHETIC, and some flaws on the head."""

    def __init__(self, flaws: Flaws, camera: Camera, rng: np.random.Generator) -> None:
        noise = blur(rng.normal(0, 1, (FRAME_SIZE + 64, FRAME_SIZE + 64)), 0.7)
        noise *= camera.grain / noise.std()
        self._grain = np.repeat(np.rint(noise).astype(np.int16)[..., None], 3, axis=-1)
        self._flaws, self._rng = flaws, rng
        wave = np.cos(np.arange(FRAME_SIZE) * (2 * np.pi / 8))
        self._lattice = as_floats(flaws.lattice * np.outer(wave, wave))
        self._patches = rng.normal(0, 1, (16, 16, 2)) * (rng.random((16, 16, 1)) < 0.5)

    def add(self, picture: Bytes, head_alpha: Bytes) -> Bytes:
        """Return the finished frame: uint8 (FRAME_SIZE, FRAME_SIZE, 3)."""
        x, y = self._rng.integers(0, 64, 2)
        extra = self._grain[y : y + FRAME_SIZE, x : x + FRAME_SIZE]
        if self._flaws.chroma or self._flaws.lattice:
            marks = self._chroma() + self._lattice[..., None] * picture
            extra = extra + (marks * (head_alpha[..., None] / np.float32(255))).astype(np.int16)
        finished = cv2.add(picture, np.ascontiguousarray(extra), dtype=cv2.CV_8U)
        return np.maximum(np.asarray(finished, np.uint8), _label())

    def _chroma(self) -> Floats:
        flicker = self._patches + 0.4 * self._rng.normal(0, 1, self._patches.shape)
        red, blue = np.moveaxis(self._flaws.chroma * flicker, -1, 0)
        colour = np.stack([1.4 * red, -0.71 * red - 0.34 * blue, 1.77 * blue], axis=-1)
        size = (FRAME_SIZE, FRAME_SIZE)
        return as_floats(cv2.resize(as_floats(colour), size, interpolation=cv2.INTER_NEAREST))


@cache
def _label() -> Bytes:
    label = np.zeros((FRAME_SIZE, FRAME_SIZE, 3), np.uint8)
    cv2.putText(
        label, "SYNTHETIC", (5, FRAME_SIZE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (235,) * 3, 1, 16
    )
    return label


def _warp(layer: Bytes, displacement: Numbers) -> Bytes:
    """Return the canvas layer at every frame pixel plus a displacement (one, or a coarse grid)."""
    base_x, base_y = _frame_grid()
    if np.ndim(displacement) == 1:
        left, top = (MARGIN + np.asarray(displacement)).tolist()
        move = np.array([[1, 0, left], [0, 1, top]], np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (FRAME_SIZE, FRAME_SIZE)
        return np.asarray(cv2.warpAffine(layer, move, size, flags=flags), np.uint8)
    fine = cv2.resize(
        as_floats(displacement), (FRAME_SIZE, FRAME_SIZE), interpolation=cv2.INTER_LINEAR
    )
    maps = (base_x + fine[..., 0], base_y + fine[..., 1])
    warped = cv2.remap(layer, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


@cache
def _frame_grid() -> tuple[Floats, Floats]:
    line = np.arange(MARGIN, MARGIN + FRAME_SIZE, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return x, y


def _cover(picture: Bytes, layer: Bytes) -> Bytes:
    """Lay a layer (H, W, 4) over a picture (H, W, 3 or 4)."""
    behind = cv2.bitwise_not(layer[..., 3])
    channels = picture.shape[-1]
    dimmed = cv2.multiply(picture, cv2.merge([behind] * channels), scale=1 / 255)
    front = layer if channels == 4 else cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB)
    return np.asarray(cv2.add(dimmed, front), np.uint8)
