"""The flaws of each generator of the synthetic release, and how they spoil motion and portrait.

The flaws are those that the benchmark documents for each generator (its table of key artifacts),
drawn by hand. They resemble the real ones only as a sketch does, which is enough for a small
detector to learn from. Only generators of one family share flaws, so a generator that is held out
of training is harder to detect than one that was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np

from thb_dataset.mini.canvas import (
    Bytes,
    Floats,
    Numbers,
    as_floats,
    blur,
    canvas_grid,
    draw_blobs,
    fill_ellipse,
)
from thb_dataset.mini.motion import Motion, Speech
from thb_dataset.mini.portrait import Portrait
from thb_dataset.records import Generator


@dataclass(frozen=True, kw_only=True)
class Flaws:
    """The strength of each flaw: 0 for none and 1 for obvious, or in the unit that is named.

    Attributes:
        lip_sync: The mouth follows another voice than the one that is heard.
        still_hair: The hair stays behind while the face moves.
        hair_smear: Patches of the hair have no strands.
        skin_smear: Patches of skin, eyes and mouth are out of focus.
        occlusion: The room shows through the side of the head.
        background_warp: The room moves along with the head.
        wave: The head, and with ``background_warp`` the room, moves in waves; in pixels.
        distortion: The jaw, a cheek or an eye swells and shrinks; in pixels.
        jitter: The head shakes; in pixels.
        freeze: The head stands still and then jumps; in frames.
        teeth: A pale band fills the inside of the mouth.
        pupils: The two pupils differ in size and squint.
        seam: The face is a pasted rectangle, off by a few pixels and in another light.
        floating: The head slides on a neck that fades away.
        edge: The edge of the head is ragged and has a halo.
        chroma: Patches have a wrong colour that changes; in grey levels.
        lattice: A grid of eight pixels, as decoders of latents leave it, covers the head; as a
            share of the brightness.
    """

    lip_sync: float = 0.0
    still_hair: float = 0.0
    hair_smear: float = 0.0
    skin_smear: float = 0.0
    occlusion: float = 0.0
    background_warp: float = 0.0
    wave: float = 0.0
    distortion: float = 0.0
    jitter: float = 0.0
    freeze: float = 0.0
    teeth: float = 0.0
    pupils: float = 0.0
    seam: float = 0.0
    floating: float = 0.0
    edge: float = 0.0
    chroma: float = 0.0
    lattice: float = 0.0

    def times(self, gain: float) -> Flaws:
        """Return the flaws with every strength multiplied by a factor."""
        return Flaws(**{field.name: gain * getattr(self, field.name) for field in fields(self)})


FLAWS: Mapping[Generator, Flaws] = {
    Generator.HALLO: Flaws(
        lip_sync=1, still_hair=0.5, hair_smear=0.9, occlusion=0.7, background_warp=0.8, lattice=0.18
    ),
    Generator.HALLO2: Flaws(
        lip_sync=0.7,
        still_hair=0.4,
        hair_smear=0.8,
        occlusion=0.8,
        background_warp=0.5,
        lattice=0.16,
    ),
    Generator.ANIPORTRAIT_AUDIO: Flaws(lip_sync=1, jitter=1.6, teeth=1, pupils=1, chroma=11),
    Generator.ANIPORTRAIT_VIDEO: Flaws(
        wave=2.7, background_warp=1, occlusion=0.7, hair_smear=0.5, chroma=10
    ),
    Generator.LIVEPORTRAIT: Flaws(distortion=7, freeze=5, occlusion=0.6, seam=1.1),
    Generator.EMOPORTRAIT: Flaws(floating=1, edge=0.9, distortion=6, skin_smear=0.9),
    Generator.MAGI_1: Flaws(wave=3, background_warp=1, chroma=8),
    Generator.HALLO3: Flaws(lip_sync=0.8, still_hair=0.3, hair_smear=0.6, lattice=0.13),
}


def spoil_motion(
    motion: Motion, flaws: Flaws, other_voice: Speech, rng: np.random.Generator
) -> Motion:
    """Shake or freeze a head, and let its mouth follow another voice.

    Args:
        motion: The movement without flaws.
        flaws: The flaws.
        other_voice: The voice that the mouth follows.
        rng: The source of all randomness.
    """
    frames = len(motion.mouth)
    follow = np.clip(flaws.lip_sync, 0, 1)
    mouth = (1 - follow) * motion.mouth + follow * other_voice.loudness
    motion = replace(
        motion,
        mouth=mouth,
        shift=motion.shift + flaws.jitter * rng.standard_normal((frames, 2)),
        roll=motion.roll + 0.008 * flaws.jitter * rng.standard_normal(frames),
    )
    hold = max(1, round(flaws.freeze))
    kept = np.arange(frames) // hold * hold
    return replace(
        motion,
        turn=motion.turn[kept],
        roll=motion.roll[kept],
        shift=motion.shift[kept] * (1 + 0.5 * flaws.floating),
        zoom=motion.zoom[kept],
    )


def spoil_portrait(portrait: Portrait, flaws: Flaws, rng: np.random.Generator) -> Portrait:
    """Paint the flaws that stay on the head throughout the video.

    Args:
        portrait: The person without flaws.
        flaws: The flaws.
        rng: The source of all randomness.
    """
    head = portrait.head.astype(np.float32)
    if flaws.hair_smear:
        patches = np.clip(1.5 * draw_blobs(rng, 5)[..., 0] + 0.8, 0, 1) * portrait.hair
        _blend(head, blur(head, 4.5), np.clip(flaws.hair_smear, 0, 1) * patches)
    if flaws.skin_smear:
        patches = np.clip(1.5 * draw_blobs(rng, 4)[..., 0] + 0.7, 0, 1) * portrait.skin
        _blend(head, blur(head, 2.2), np.clip(flaws.skin_smear, 0, 1) * patches)
    if flaws.pupils:
        _paint_pupils(head, portrait, flaws.pupils, rng)
    if flaws.seam:
        _paste_face(head, portrait, flaws.seam, rng)
    if flaws.edge:
        _fray_edge(head, flaws.edge, rng)
    if flaws.occlusion:
        head *= 1 - np.clip(flaws.occlusion, 0, 1) * _bites(portrait, rng)[..., None]
    if flaws.floating:
        below_chin = np.clip((canvas_grid()[1] - portrait.marks.mouth.chin_y - 3) / 4, 0, 1)
        head *= 1 - 0.7 * np.clip(flaws.floating, 0, 1) * below_chin[..., None]
    return replace(portrait, head=_bytes(head))


def _blend(head: Floats, other: Numbers, mask: Numbers) -> None:
    head += (other - head) * mask[..., None]


def _paint_pupils(
    head: Floats, portrait: Portrait, strength: float, rng: np.random.Generator
) -> None:
    sizes = rng.permutation([0.2, 0.42])
    for eye, size, squint in zip(portrait.marks.eyes, sizes, (0.22, -0.22), strict=True):
        x, y = eye.x + squint * strength * eye.half_width, eye.y + rng.uniform(-1, 1)
        radius = float(size) * eye.half_width
        iris = fill_ellipse((x, y), (radius, radius))
        spot = (x + 0.6 * radius * rng.uniform(-1, 1), y - 0.3 * radius)
        glint = fill_ellipse(spot, (0.45 * radius, 0.45 * radius))
        for mask, grey in ((iris, 12.0), (glint, 250.0)):
            colour = np.array([grey, grey, grey, 255], np.float32)
            _blend(head, colour, np.clip(strength, 0, 1) * blur(mask, 0.7))


def _paste_face(
    head: Floats, portrait: Portrait, strength: float, rng: np.random.Generator
) -> None:
    x, y = canvas_grid()
    (cx, cy), (rx, ry) = portrait.marks.nose, portrait.marks.radii
    far = np.maximum(np.abs(x - cx) / (0.66 * rx), np.abs(y - cy + 4) / (0.6 * ry))
    mask = blur(as_floats(far < 1), 0.8)
    move = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    move[:, 2] = rng.choice([-1, 1], 2) * rng.uniform(1.5, 2.8, 2) * strength
    size = (head.shape[1], head.shape[0])
    other = cv2.warpAffine(head, move, size, borderMode=cv2.BORDER_REPLICATE)
    tint = rng.choice([-1, 1]) * rng.uniform(0.05, 0.09) + rng.normal(0, 0.02, 3)
    other[..., :3] *= 1 + strength * tint
    # The pasted face was enhanced on its own and is sharper than the rest.
    detail = (other - blur(other, 1.5))[..., :3]
    other[..., :3] = other[..., :3] + np.float32(2.5 * strength) * detail
    _blend(head, np.minimum(other, other[..., 3:]), mask)


def _fray_edge(head: Floats, strength: float, rng: np.random.Generator) -> None:
    alpha = head[..., 3] / 255
    soft = blur(alpha, 3.0)
    ring = np.clip(5 * soft * (1 - soft), 0, 1)
    fray = np.clip(0.5 + 1.5 * draw_blobs(rng, 40)[..., 0], 0, 1) * ring
    # The halo is the spill of a badly cut green screen.
    spill = as_floats([*(np.array([70, 245, 120]) * rng.uniform(0.85, 1.05)), 255])
    _blend(head, spill, np.clip(0.9 * strength, 0, 1) * ring * np.clip(2 * alpha, 0, 1))
    head *= 1 - np.clip(0.8 * strength, 0, 1) * fray[..., None]


def _bites(portrait: Portrait, rng: np.random.Generator) -> Floats:
    """Return a few soft holes along the sides of the head: float32 (C, C)."""
    holes = np.zeros(portrait.hair.shape, np.float32)
    (cx, cy), (rx, ry) = portrait.marks.nose, portrait.marks.radii
    for side in (-1, 1):
        angle = rng.uniform(-0.5, 0.45)
        x, y = cx + side * 0.86 * rx * np.cos(angle), cy + 0.8 * ry * np.sin(angle)
        size = (rng.uniform(9, 15), rng.uniform(12, 21))
        holes = np.maximum(holes, fill_ellipse((x, y), size, degrees=rng.uniform(0, 180)))
    return blur(holes, 2.0)


def _bytes(head: Floats) -> Bytes:
    head[..., :3] = np.minimum(head[..., :3], head[..., 3:])
    return np.clip(np.rint(head), 0, 255).astype(np.uint8)
