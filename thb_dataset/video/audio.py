"""Decode sound inside the child process: a video's, on the clock of its frames, or a WAV file's.

A file may declare hours of sound in a few bytes, so all sound is read in pieces.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream

from thb_dataset.errors import NoAudioError, VideoDecodeError, VideoTooLargeError
from thb_dataset.video.clock import LONGEST_STILL_SECONDS
from thb_dataset.video.decoder import VideoFile, find_audio_stream, tell_time
from thb_dataset.video.values import Audio, Limits

GAP_SECONDS = 0.05
"""A time stamp this far from the end of the samples before it starts a new run of samples."""

WAV_RATES_HZ = (1000, 192_000)
WAV_CHANNELS = 8


@dataclass
class _Run:
    """Samples that follow each other without a gap.

    Attributes:
        start: The time of the first sample, in seconds.
        parts: The samples, float32 (n,) each.
    """

    start: Fraction
    parts: list[npt.NDArray[np.float32]] = field(default_factory=list)


def decode_audio(path: str, rate_hz: int, limits: Limits) -> Audio | None:
    """Read the whole sound of a video.

    Args:
        path: The file.
        rate_hz: The number of samples per second to return.
        limits: The cost that the video may cause; ``max_seconds`` also bounds the sound, declared
            and decoded.

    Returns:
        The sound from the time of the first frame on; None if the file has no sound.

    Raises:
        VideoDecodeError: The file is not a video, or no frame decodes to set the clock by.
        VideoTooLargeError: The sound is longer than the limit.
    """
    with VideoFile(path, limits) as video:
        if find_audio_stream(video.container) is None:
            return None
        zero = _find_first_frame_time(video)
    with VideoFile(path, limits) as video:
        stream = find_audio_stream(video.container)
        if stream is None:
            return None
        runs = _decode_runs(video, stream, rate_hz, zero + Fraction(limits.max_seconds))
        context = stream.codec_context
        channels, codec = context.channels, context.codec.canonical_name
    return Audio(
        samples=_place(runs, zero, rate_hz),
        rate_hz=rate_hz,
        channels=channels,
        codec=codec,
        start_seconds=float(runs[0].start - zero) if runs else 0.0,
    )


def _find_first_frame_time(video: VideoFile) -> Fraction:
    for frame in video.frames():
        return tell_time(frame) or Fraction(0)
    raise VideoDecodeError("has no frame that decodes, so its sound cannot be aligned")


def _decode_runs(
    video: VideoFile, stream: AudioStream, rate_hz: int, latest: Fraction
) -> list[_Run]:
    runs: list[_Run] = []
    resampler, shape, expected = None, None, Fraction(0)
    for frame in _decode(video, stream):
        time = tell_time(frame)
        follows = time is not None and -GAP_SECONDS <= time - expected <= LONGEST_STILL_SECONDS
        if time is None or (resampler is not None and not follows):
            # A stamp that goes back or leaps is not believed: the sound goes on.
            time = expected
        if time > latest:
            raise VideoTooLargeError(
                f"has sound longer than {float(latest):.0f} s; cut it or raise --max-seconds"
                " (in Python: Limits.max_seconds)"
            )
        new_shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or shape != new_shape or abs(time - expected) > GAP_SECONDS:
            if resampler is not None:
                runs[-1].parts += _resample(resampler, None)
            resampler, shape = av.AudioResampler(format="fltp", rate=rate_hz), new_shape
            runs.append(_Run(start=time))
            expected = time
        # The resampler counts samples itself and would complain of time stamps that jitter.
        frame.pts = None
        runs[-1].parts += _resample(resampler, frame)
        expected += Fraction(frame.samples, frame.sample_rate)
    if resampler is not None:
        runs[-1].parts += _resample(resampler, None)
    return runs


def _decode(video: VideoFile, stream: AudioStream) -> Iterator[av.AudioFrame]:
    """Yield every frame of sound that decodes; time stamps show the gaps that damage leaves."""
    for packet in video.packets(stream):
        try:
            yield from stream.codec_context.decode(packet)
        except av.error.MemoryError:
            raise
        except av.FFmpegError:
            continue


def _resample(
    resampler: av.AudioResampler, frame: av.AudioFrame | None
) -> list[npt.NDArray[np.float32]]:
    return [
        piece.to_ndarray().mean(axis=0, dtype=np.float32) for piece in resampler.resample(frame)
    ]


def _place(runs: list[_Run], zero: Fraction, rate_hz: int) -> npt.NDArray[np.float32]:
    """Return all runs as one sound from ``zero`` on, with zeros in the gaps."""
    pieces = []
    for run in runs:
        if run.parts:
            pieces.append((round((run.start - zero) * rate_hz), np.concatenate(run.parts)))
    end = max((start + len(samples) for start, samples in pieces), default=0)
    sound = np.zeros(max(end, 0), dtype=np.float32)
    for start, samples in pieces:
        kept = samples[max(-start, 0) :]
        sound[max(start, 0) : max(start, 0) + len(kept)] = kept
    return sound


def decode_wav(path: str, rate_hz: int, limits: Limits) -> Audio:
    """Read a WAV file of 16-bit samples.

    Args:
        path: The file.
        rate_hz: The number of samples per second to return.
        limits: ``max_seconds`` bounds the length that the file declares.

    Raises:
        NoAudioError: The file is not such a WAV file, is empty, or is longer than the limit.
    """
    if not Path(path).is_file():  # a pipe would never end
        raise NoAudioError("is not a file")
    try:
        with wave.open(path, "rb") as file:
            _check_wav(file, limits)
            channels = file.getnchannels()
            pieces = list(_read_pieces(file, rate_hz))
    except (OSError, EOFError, wave.Error) as error:
        raise NoAudioError(f"is not a WAV file that can be read ({error})") from error
    if not sum(map(len, pieces)):
        raise NoAudioError("holds no sound")
    return Audio(
        samples=np.concatenate(pieces),
        rate_hz=rate_hz,
        channels=channels,
        codec="pcm_s16le",
        start_seconds=0.0,
    )


def _check_wav(file: wave.Wave_read, limits: Limits) -> None:
    if file.getsampwidth() != 2 or file.getnchannels() > WAV_CHANNELS:
        raise NoAudioError(f"is not 16-bit sound of at most {WAV_CHANNELS} channels")
    (lowest, highest), rate_hz = WAV_RATES_HZ, file.getframerate()
    if not lowest <= rate_hz <= highest or file.getnframes() > limits.max_seconds * rate_hz:
        raise NoAudioError(
            f"has {file.getnframes()} samples at {rate_hz} Hz, but the limits are"
            f" {limits.max_seconds:g} s and {lowest:,} to {highest:,} Hz"
        )


def _read_pieces(file: wave.Wave_read, rate_hz: int) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the sound, a second at a time, mono and at another rate."""
    own_hz, width = file.getframerate(), 2 * file.getnchannels()
    resampler = None
    if own_hz != rate_hz:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
    while data := file.readframes(own_hz):
        samples = np.frombuffer(data[: len(data) // width * width], "<i2")
        mono = samples.reshape(-1, file.getnchannels()).mean(axis=1, dtype=np.float32)
        mono /= np.float32(32768)
        if resampler is None:
            yield mono
        elif len(mono):
            frame = av.AudioFrame.from_ndarray(mono[None], format="fltp", layout="mono")
            frame.sample_rate = own_hz
            yield from _resample(resampler, frame)
    if resampler is not None:
        yield from _resample(resampler, None)
