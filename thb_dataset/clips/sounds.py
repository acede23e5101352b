"""Read the sound for detectors that need it, from the video or from a WAV file beside it."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from thb_dataset.clips.spectrogram import RATE_HZ
from thb_dataset.errors import NoAudioError
from thb_dataset.video.values import Limits

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoReader


def read_sound(
    path: Path, reader: VideoReader, sound_path: Path | None = None
) -> npt.NDArray[np.float32]:
    """Return the sound of a video, or else that of a file beside it.

    Args:
        path: The video.
        reader: Decodes the video.
        sound_path: A WAV file that is used if the video has no sound.

    Returns:
        float32 (n,), mono, at 22,050 Hz.

    Raises:
        NoAudioError: There is no sound, or the file cannot be used.
        VideoError: The video cannot be decoded.
    """
    audio = reader.read_audio(path, RATE_HZ)
    if audio is not None and len(audio.samples):
        return audio.samples
    if sound_path is None:
        raise NoAudioError(f"{path}: has no sound, but the detector needs it")
    return read_wav(sound_path, reader.limits)


def read_wav(path: Path, limits: Limits) -> npt.NDArray[np.float32]:
    """Read a WAV file of 16-bit samples as mono sound at 22,050 Hz.

    Args:
        path: The file.
        limits: ``max_seconds`` bounds its length.

    Returns:
        float32 (n,), -1 to 1.

    Raises:
        NoAudioError: The file is not such a WAV file, or is longer than the limits allow.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2 or file.getnchannels() > 8:
                raise NoAudioError(f"{path}: is not 16-bit sound of at most 8 channels")
            rate_hz, channels = file.getframerate(), file.getnchannels()
            if not 1000 <= rate_hz <= 192_000 or file.getnframes() > limits.max_seconds * rate_hz:
                raise NoAudioError(
                    f"{path}: has {file.getnframes()} samples at {rate_hz} Hz, but the limits are"
                    f" {limits.max_seconds:g} s and 1,000 to 192,000 Hz"
                )
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise NoAudioError(f"{path}: is not a WAV file that can be read ({error})") from error
    samples = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2")
    if not len(samples):
        raise NoAudioError(f"{path}: holds no sound")
    mono = samples.reshape(-1, channels).mean(axis=1, dtype=np.float32) / np.float32(32768)
    return _resample(mono, rate_hz)


def _resample(samples: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.float32]:
    """Bring mono sound to 22,050 Hz."""
    import av

    if rate_hz == RATE_HZ:
        return samples
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([piece.to_ndarray()[0] for piece in pieces])
