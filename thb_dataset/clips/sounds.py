"""Read the sound for detectors that need it, from the video or from a WAV file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from thb_dataset.clips.spectrogram import RATE_HZ
from thb_dataset.errors import NoAudioError

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoReader


def read_sound(
    path: Path, reader: VideoReader, sound_path: Path | None = None
) -> npt.NDArray[np.float32]:
    """Return the sound of a video, or else that of a file beside it.

    Both are decoded in the reader's child process, within its limits.

    Args:
        path: The video.
        reader: Decodes the video and the file.
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
    if sound_path is not None:
        audio = reader.read_wav(sound_path, RATE_HZ)
    if audio is None or not len(audio.samples):
        raise NoAudioError(f"{path}: has no sound, but the detector needs it")
    return audio.samples
