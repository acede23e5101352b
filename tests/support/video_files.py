"""Small videos in which every frame shows its own number, for tests of reading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

CELLS = 4
TIME_BASE = Fraction(1, 90_000)


def number_picture(number: int, width: int = 64, height: int = 64) -> npt.NDArray[np.uint8]:
    """Return uint8 (H, W, 3): 4 x 4 dark and light cells, the bits of the number, lowest first."""
    bits = np.array([number >> bit & 1 for bit in range(CELLS * CELLS)]).reshape(CELLS, CELLS)
    rows = np.arange(height) * CELLS // height
    columns = np.arange(width) * CELLS // width
    grey = np.where(bits[rows][:, columns], 220, 30).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def read_number(picture: npt.NDArray[np.uint8]) -> int:
    """Return the number that a decoded picture shows."""
    height, width, _ = picture.shape
    number = 0
    for bit in range(CELLS * CELLS):
        row, column = divmod(bit, CELLS)
        y, x = (2 * row + 1) * height // (2 * CELLS), (2 * column + 1) * width // (2 * CELLS)
        number |= int(picture[y, x].mean() > 128) << bit
    return number


def write_video(
    path: Path,
    pictures: Iterable[npt.NDArray[np.uint8]],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    fps: int = 25,
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    matrix: Sequence[int] | None = None,
    sound: npt.NDArray[np.float32] | None = None,
    sound_rate_hz: int = 48_000,
    sound_start: float = 0.0,
    sound_codec: str = "aac",
) -> Path:
    """Encode pictures evenly or at ``times`` (in seconds), with mono sound if it is given."""
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream: Any = None
        voice: Any = None
        if sound is not None:
            voice = container.add_stream(sound_codec, rate=sound_rate_hz, layout="mono")
        for place, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if stream is None:
                stream = container.add_stream(codec, rate=fps, options=options or {})
                stream.width, stream.height = frame.width, frame.height
                stream.pix_fmt = pixel_format
                stream.codec_context.time_base = TIME_BASE if times else Fraction(1, fps)
                if matrix is not None:
                    stream.set_display_matrix(matrix)
            frame.time_base = stream.codec_context.time_base
            frame.pts = place if times is None else round(times[place] / frame.time_base)
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
        if sound is not None:
            wave = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            wave.sample_rate, wave.time_base = sound_rate_hz, Fraction(1, sound_rate_hz)
            wave.pts = round(sound_start * sound_rate_hz)
            container.mux(voice.encode(wave))
            container.mux(voice.encode(None))
    return path


def write_numbered(
    path: Path, frames: int, *, size: tuple[int, int] = (64, 64), **how: Any
) -> Path:
    """Write a video of ``frames`` frames that show 0, 1, 2 …"""
    return write_video(path, (number_picture(i, *size) for i in range(frames)), **how)


def write_repeated(path: Path, picture: npt.NDArray[np.uint8], frames: int, fps: int = 25) -> Path:
    """Write a long Motion JPEG video cheaply: one encoded picture, muxed again and again."""
    encoder = av.CodecContext.create("mjpeg", "w")
    height, width, _ = picture.shape
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, fps)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
    frame.pts = 0
    data = bytes(encoder.encode(frame)[0])
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for place in range(frames):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, fps)
            packet.pts = packet.dts = place
            packet.is_keyframe = True
            container.mux(packet)
    return path
