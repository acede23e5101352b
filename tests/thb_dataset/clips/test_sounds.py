"""Sound beside pictures: the file, the part of the spectrogram, and what is refused."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.spectrogram import RATE_HZ, draw_spectrogram
from thb_dataset.clips.store import ClipStore
from thb_dataset.clips.video_clips import VideoClips, make_clips, put_spectrogram_before
from thb_dataset.errors import NoAudioError
from thb_dataset.faces.packs import FacePack
from thb_dataset.faces.values import Face
from thb_dataset.video.reader import VideoReader
from thb_dataset.video.values import Limits

LISTENING = ClipSpec(
    clips=3, frames=5, sampling="consecutive", spare_frames=1, crop="full", resample="opencv",
    size=40, sound="mel",
)  # fmt: skip


class NobodyLooks:
    """A finder that must not be used: whole frames need no face."""

    pack = FacePack(
        name="none", backend="none", licence="none", embedding_dim=0, same_person=1.0, sha256s={}
    )

    def find(self, rgb: npt.NDArray[np.uint8], *, embed: bool = False) -> list[Face]:
        raise AssertionError("asked for faces")

    def embed(self, rgb: npt.NDArray[np.uint8], face: Face) -> npt.NDArray[np.float32]:
        raise AssertionError("asked for a face")


def make_sound(seconds: float, rate_hz: int) -> npt.NDArray[np.float32]:
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    return (0.4 * np.sin(2 * np.pi * (200 + 300 * time) * time)).astype(np.float32)


def write_wav(
    path: Path, samples: npt.NDArray[np.floating[Any]], rate_hz: int, channels: int = 1
) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        data = (samples * 32767).astype("<i2")
        file.writeframes(np.repeat(data, channels).tobytes())


def write_video(path: Path, frames: int, sound: npt.NDArray[np.float32] | None = None) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        voice = file.add_stream("aac", rate=16_000, layout="mono") if sound is not None else None
        for number in range(frames):
            picture = np.full((48, 64, 3), 3 * number, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
        if voice is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = 16_000, Fraction(1, 16_000)
            file.mux(voice.encode(frame))
            file.mux(voice.encode())


@pytest.fixture
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def read_wav(reader: VideoReader, path: Path) -> npt.NDArray[np.float32]:
    audio = reader.read_wav(path, RATE_HZ)
    assert audio is not None
    return audio.samples


def resample_at_once(samples: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.float32]:
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([piece.to_ndarray()[0] for piece in pieces])


def test_pieces_give_the_sound_that_reading_at_once_gives(
    reader: VideoReader, tmp_path: Path
) -> None:
    for rate_hz in (8000, 16_000, 44_100, 48_000):
        sound = np.round(make_sound(3.4, rate_hz) * 32_767).astype(np.float32) / 32_768
        write_wav(tmp_path / "a.wav", sound * (32_768 / 32_767), rate_hz)
        with wave.open(str(tmp_path / "a.wav")) as file:
            stored = np.frombuffer(file.readframes(file.getnframes()), "<i2") / np.float32(32_768)
        read = read_wav(reader, tmp_path / "a.wav")
        assert np.array_equal(read, resample_at_once(stored.astype(np.float32), rate_hz))


def test_wav_is_read_and_brought_to_the_rate(reader: VideoReader, tmp_path: Path) -> None:
    sound = make_sound(1, 22_050)
    write_wav(tmp_path / "same.wav", sound, 22_050)
    np.testing.assert_allclose(read_wav(reader, tmp_path / "same.wav"), sound, atol=1e-4)
    write_wav(tmp_path / "stereo.wav", make_sound(1, 16_000), 16_000, channels=2)
    resampled = read_wav(reader, tmp_path / "stereo.wav")
    assert abs(len(resampled) - 22_050) < 50
    np.testing.assert_allclose(resampled[2000:20_000], sound[2000:20_000], atol=0.02)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all, only words" * 9])
def test_other_files_are_no_sound(content: bytes, reader: VideoReader, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(NoAudioError, match=r"a\.wav: is not a WAV file"):
        read_wav(reader, tmp_path / "a.wav")
    with pytest.raises(NoAudioError, match=r"b\.wav: is not a file"):
        read_wav(reader, tmp_path / "b.wav")
    os.mkfifo(tmp_path / "c.wav")
    with pytest.raises(NoAudioError, match=r"c\.wav: is not a file"):
        read_wav(reader, tmp_path / "c.wav")


def test_empty_and_endless_sound_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "empty.wav", np.zeros(0, np.float32), 16_000)
    write_wav(tmp_path / "long.wav", np.zeros(32_000, np.float32), 16_000)
    with VideoReader(Limits(max_seconds=1)) as reader:
        with pytest.raises(NoAudioError, match="holds no sound"):
            read_wav(reader, tmp_path / "empty.wav")
        with pytest.raises(NoAudioError, match="but the limits are"):
            read_wav(reader, tmp_path / "long.wav")


def test_each_clip_gets_its_columns() -> None:
    # 100 frames of 4 s have 173 columns, 1.73 per frame; frames 50 to 54 have columns round(86.5)
    # to round(95.15)
    samples = make_sound(4, 22_050)
    picture = draw_spectrogram(samples)
    assert picture.shape[1] == 173
    clips = VideoClips(
        pixels=np.full((1, 5, 40, 40, 3), 9, np.uint8),
        frame_index=np.arange(50, 55)[None],
        seconds=np.arange(50, 55)[None] / 25,
        boxes=np.ones((1, 5, 4), np.float32),
        points=np.zeros((1, 5, 5, 2), np.float32),
        frame_size=(64, 64),
        faces=0,
        frames_with_face=0,
        frames_searched=0,
        frames_read=5,
    )
    both = put_spectrogram_before(clips, samples, 100, LISTENING)
    assert both.pixels.shape == (1, 10, 40, 40, 3)
    wide = cv2.resize(np.ascontiguousarray(picture[:, 86:95]), (200, 40))
    for place in range(5):
        assert (both.pixels[0, place] == wide[:, 40 * place : 40 * place + 40]).all()
    assert (both.pixels[0, 5:] == 9).all()
    assert both.frame_index.tolist() == [[50, 51, 52, 53, 54] * 2]
    assert both.boxes.shape == (1, 10, 4)
    assert both.points.shape == (1, 10, 5, 2)


def test_video_with_sound_and_one_with_a_file_beside_it(tmp_path: Path) -> None:
    sound = make_sound(2, 16_000)
    write_video(tmp_path / "loud.mp4", 50, sound)
    write_video(tmp_path / "mute.mp4", 50)
    write_wav(tmp_path / "mute.wav", sound, 16_000)
    store = ClipStore(tmp_path / "store")
    with VideoReader() as reader:
        loud = make_clips(tmp_path / "loud.mp4", LISTENING, NobodyLooks(), reader)
        mute = store.get(
            tmp_path / "mute.mp4",
            LISTENING,
            NobodyLooks(),
            reader,
            sound_path=tmp_path / "mute.wav",
        )
        again = store.get(
            tmp_path / "mute.mp4",
            LISTENING,
            NobodyLooks(),
            reader,
            sound_path=tmp_path / "mute.wav",
        )
        with pytest.raises(NoAudioError, match=r"mute\.mp4: has no sound"):
            store.get(tmp_path / "mute.mp4", LISTENING, NobodyLooks(), reader)
    # the starts are 0, 22 and 44: 50 frames less five and one
    assert loud.frame_index[:, 0].tolist() == [0, 22, 44]
    assert loud.pixels.shape == (3, 10, 40, 40, 3)
    assert abs(int(loud.pixels[1, 5].mean()) - 66) <= 2
    assert (loud.faces, loud.frames_searched) == (0, 0)
    assert loud.boxes[0, 0].tolist() == [0, 0, 64, 48]
    # AAC is lossy and begins with a little silence, but the pictures are still similar
    assert np.abs(loud.pixels[:, :5].astype(int) - mute.pixels[:, :5]).mean() < 25
    assert (again.pixels == mute.pixels).all()
