"""Sound for the detectors that listen: from the video, or from the release's file beside it."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.spectrogram import RATE_HZ, draw_spectrogram
from thb_dataset.errors import NoAudioError
from thb_dataset.records import RealDataset, Video
from thb_dataset.release.scan import Release
from thb_dataset.video.values import Limits

if TYPE_CHECKING:
    from thb_dataset.clips.video_clips import VideoClips
    from thb_dataset.video.reader import VideoReader

_FOLDERS: Final[dict[RealDataset | None, str]] = {
    None: "fake",
    RealDataset.CELEBV_HQ: "fake_celebvhq",
    RealDataset.FACEFORENSICS: "ff++",
}


def find_sounds(release: Release, videos: Iterable[Video]) -> dict[str, Path]:
    """Find the sound files that a release brings for its videos.

    Args:
        release: Whose folder is looked into; nothing is downloaded.
        videos: Fakes and real ones.

    Returns:
        File of each video that has one, by its id.
    """
    found: dict[str, Path] = {}
    for video in videos:
        stem = Path(video.path).stem
        path = release.root / "audio" / _FOLDERS[video.real_dataset] / f"{stem}.wav"
        if path.is_file():
            found[video.video_id] = path
    return found


def read_sound(
    path: Path, reader: VideoReader, sound_path: Path | None = None
) -> npt.NDArray[np.float32]:
    """Return the sound of a video at 22,050 Hz, mono: its own, or else that of a file beside it.

    Raises:
        NoAudioError: There is neither, or the file cannot be used.
        VideoError: The video cannot be decoded.
    """
    audio = reader.read_audio(path, RATE_HZ)
    if audio is not None and len(audio.samples):
        return audio.samples
    if sound_path is None:
        raise NoAudioError(f"{path}: has no sound, and this detector needs it")
    return read_wav(sound_path, reader.limits)


def read_wav(path: Path, limits: Limits) -> npt.NDArray[np.float32]:
    """Read a WAV file of 16-bit samples at 22,050 Hz, mono.

    Raises:
        NoAudioError: It is no such file, or lasts longer than the limits allow.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2 or file.getnchannels() > 8:
                raise NoAudioError(f"{path}: not 16-bit sound of at most 8 channels")
            rate_hz, channels = file.getframerate(), file.getnchannels()
            if not 1000 <= rate_hz <= 192_000 or file.getnframes() > limits.max_seconds * rate_hz:
                raise NoAudioError(f"{path}: {rate_hz} Hz, {file.getnframes()} samples: too much")
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise NoAudioError(f"{path}: not a WAV file that can be read ({error})") from error
    samples = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2")
    if not len(samples):
        raise NoAudioError(f"{path}: holds no sound")
    mono = samples.reshape(-1, channels).mean(axis=1, dtype=np.float32) / np.float32(32768)
    return _resample(mono, rate_hz)


def put_spectrogram_before(
    clips: VideoClips, samples: npt.NDArray[np.float32], total_frames: int, spec: ClipSpec
) -> VideoClips:
    """Put the part of the spectrogram that belongs to each clip before its frames.

    The columns of the whole spectrogram are shared out over the frames of the video; those of a
    clip are drawn as one picture, as wide as its frames side by side, and cut into squares.

    Args:
        clips: Of neighbouring frames.
        samples: float32 (n,), mono, at 22,050 Hz.
        total_frames: Of the video.
        spec: Whose ``frames`` and ``size`` the squares have.

    Returns:
        The clips with twice as many pictures; index, time and box of a square are those of the
        frame below it.
    """
    import cv2

    picture = draw_spectrogram(samples)
    columns = picture.shape[1] / total_frames
    squares = []
    for start in clips.frame_index[:, 0]:
        begin = min(int(np.round(start * columns)), picture.shape[1] - 1)
        end = max(begin + 1, int(np.round((start + spec.frames) * columns)))
        part = np.ascontiguousarray(picture[:, begin:end])
        wide = cv2.resize(part, (spec.frames * spec.size, spec.size))
        squares.append(wide.reshape(spec.size, spec.frames, spec.size, 3).swapaxes(0, 1))
    return replace(
        clips,
        pixels=np.concatenate([np.stack(squares), clips.pixels], axis=1),
        frame_index=np.tile(clips.frame_index, 2),
        seconds=np.tile(clips.seconds, 2),
        boxes=np.tile(clips.boxes, (1, 2, 1)),
        points=np.tile(clips.points, (1, 2, 1, 1)),
    )


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
