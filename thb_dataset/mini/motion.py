"""Invent how a person moves and speaks: head, eyelids, and a mouth that follows a voice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]

FPS = 25
RATE_HZ = 16_000
SAMPLES_PER_FRAME = RATE_HZ // FPS
_FORMANTS_HZ = ((700, 1200), (400, 2000), (300, 2300), (450, 900), (550, 1700))


@dataclass(frozen=True, kw_only=True)
class Motion:
    """The movement of a head, with one value per frame.

    Attributes:
        turn: float64 (T, 2), the way of the nose to the right and down as the head turns and nods,
            in pixels.
        roll: float64 (T,), the clockwise roll of the head in radians.
        shift: float64 (T, 2), the way of the whole head to the right and down, in pixels.
        zoom: float64 (T,), the growth of the head, 0 for none.
        blink: float64 (T,), the eyelids, from 0 for open to 1 for closed.
        mouth: float64 (T,), the mouth, from 0 for closed to 1 for wide open.
    """

    turn: Series
    roll: Series
    shift: Series
    zoom: Series
    blink: Series
    mouth: Series


@dataclass(frozen=True, kw_only=True)
class Speech:
    """An invented voice.

    Attributes:
        samples: int16 (T * SAMPLES_PER_FRAME,), mono, at RATE_HZ.
        loudness: float64 (T,), the mean envelope of each frame's samples, 0 to 1.
    """

    samples: npt.NDArray[np.int16]
    loudness: Series


def make_speech(frames: int, rng: np.random.Generator) -> Speech:
    """Make syllables that sound like a voice: harmonics under two formants, and some breath.

    Args:
        frames: The length in video frames.
        rng: The source of all randomness.
    """
    count = frames * SAMPLES_PER_FRAME
    seconds = np.arange(count) / RATE_HZ
    pitch = rng.uniform(95, 230) * (1 + 0.06 * np.sin(2 * np.pi * rng.uniform(0.4, 1) * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    envelope, voice = np.zeros(count), np.zeros(count)
    start = int(rng.uniform(0.0, 0.2) * RATE_HZ)
    while start < count:
        end = min(start + int(rng.uniform(0.16, 0.34) * RATE_HZ), count)
        window = rng.uniform(0.45, 1) * np.sin(np.linspace(0, np.pi, end - start)) ** 2
        envelope[start:end] = window
        voice[start:end] = window * _vowel(phase[start:end], float(pitch[start]), rng)
        pause = rng.uniform(0.2, 0.5) if rng.random() < 0.18 else rng.uniform(0.01, 0.07)
        start = end + int(pause * RATE_HZ)
    voice += 0.03 * envelope * rng.standard_normal(count)
    voice *= 0.6 / max(float(np.abs(voice).max()), 1e-9)
    return Speech(
        samples=np.rint(voice * 32767).astype(np.int16),
        loudness=envelope.reshape(frames, SAMPLES_PER_FRAME).mean(axis=1),
    )


def _vowel(phase: Series, pitch_hz: float, rng: np.random.Generator) -> Series:
    low, high = _FORMANTS_HZ[rng.integers(len(_FORMANTS_HZ))]
    sound = np.zeros_like(phase)
    for harmonic in range(1, 13):
        hz = harmonic * pitch_hz
        loud = np.exp(-(((hz - low) / 200) ** 2)) + 0.5 * np.exp(-(((hz - high) / 300) ** 2))
        sound += (loud + 0.05 / harmonic) * np.sin(harmonic * phase)
    return sound


def make_motion(speech: Speech, rng: np.random.Generator) -> Motion:
    """Make the movement of a speaking head: slow turns, nods on the beat, and blinks."""
    frames = len(speech.loudness)
    nod = np.convolve(speech.loudness, np.ones(5) / 5, mode="same")
    turn = np.stack([_sway(frames, 7.0, rng), _sway(frames, 3.5, rng) + 2.5 * nod], axis=1)
    return Motion(
        turn=turn,
        roll=_sway(frames, 0.075, rng),
        shift=np.stack([_sway(frames, 7.0, rng), _sway(frames, 3.0, rng)], axis=1),
        zoom=_sway(frames, 0.025, rng),
        blink=_blinks(frames, rng),
        mouth=np.clip(speech.loudness * 1.15, 0, 1),
    )


def _sway(frames: int, size: float, rng: np.random.Generator) -> Series:
    """Return a smooth movement around 0 of at most ``size``: float64 (frames,)."""
    seconds = np.arange(frames) / FPS
    waves = [
        weight * np.sin(2 * np.pi * (rng.uniform(low, high) * seconds + rng.random()))
        for weight, low, high in ((0.6, 0.1, 0.35), (0.28, 0.3, 0.8), (0.12, 0.8, 1.6))
    ]
    return np.asarray(rng.uniform(0.55, 1) * size * np.sum(waves, axis=0))


def _blinks(frames: int, rng: np.random.Generator) -> Series:
    closed = np.zeros(frames)
    frame = int(rng.uniform(4, 30))
    while frame < frames:
        steps = np.abs(np.arange(frames) - frame)
        closed = np.maximum(closed, np.clip(1.25 - steps / rng.uniform(2.2, 3), 0, 1))
        frame += int(rng.uniform(25, 60))
    return closed
