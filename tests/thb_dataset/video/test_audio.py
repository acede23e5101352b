"""Sound comes at the right rate, in one channel, on the clock of the frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.video_files import number_picture, write_numbered, write_video
from thb_dataset.errors import VideoDecodeError, VideoTooLargeError
from thb_dataset.video.reader import Audio, Limits, VideoReader

RATE = 48_000


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def make_click(seconds: float, at: float) -> npt.NDArray[np.float32]:
    sound = np.zeros(round(seconds * RATE), np.float32)
    start = round(at * RATE)
    sound[start : start + 480] = np.sin(np.arange(480) / 3).astype(np.float32)
    return sound


def loudest(audio: Audio | None) -> float:
    assert audio is not None
    assert audio.samples.dtype == np.float32
    return float(np.abs(audio.samples).argmax()) / audio.rate_hz


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
@pytest.mark.parametrize(
    ("name", "codec", "sound_codec"),
    [
        ("c.mp4", "libx264", "aac"),
        ("c.webm", "libvpx-vp9", "libopus"),
        ("c.avi", "mpeg4", "pcm_s16le"),
    ],
)
def test_a_click_is_heard_when_it_is_seen(
    rate_hz: int, name: str, codec: str, sound_codec: str, tmp_path: Path, reader: VideoReader
) -> None:
    video = write_numbered(
        tmp_path / name, 50, codec=codec, sound=make_click(2.0, 1.2), sound_codec=sound_codec
    )
    audio = reader.read_audio(video, rate_hz)
    assert audio is not None
    assert loudest(audio) == pytest.approx(1.205, abs=0.008)
    assert audio.seconds == pytest.approx(2.0, abs=0.05)
    assert (audio.rate_hz, audio.channels) == (rate_hz, 1)


def test_the_clock_starts_with_the_first_frame(tmp_path: Path, reader: VideoReader) -> None:
    def write(name: str, first_frame: float, sound_start: float) -> Path:
        return write_video(
            tmp_path / name,
            (number_picture(i) for i in range(50)),
            times=[first_frame + i / 25 for i in range(50)],
            options={"bf": "0"},
            sound=make_click(2.0, 1.2),
            sound_start=sound_start,
            sound_codec="flac",
        )

    late_picture = reader.read_audio(write("late_picture.mkv", 0.5, 0.0), RATE)
    late_sound = reader.read_audio(write("late_sound.mkv", 0.0, 0.7), RATE)
    both_late = reader.read_audio(write("both_late.mkv", 5.0, 5.0), RATE)
    assert loudest(late_picture) == pytest.approx(0.705, abs=0.008)
    assert loudest(late_sound) == pytest.approx(1.905, abs=0.008)
    assert loudest(both_late) == pytest.approx(1.205, abs=0.008)
    assert late_picture is not None
    assert late_sound is not None
    assert late_picture.start_seconds == pytest.approx(-0.5, abs=0.002)
    assert late_sound.start_seconds == pytest.approx(0.7, abs=0.002)
    assert late_picture.seconds == pytest.approx(1.5, abs=0.01)
    assert late_sound.seconds == pytest.approx(2.7, abs=0.01)
    assert not late_sound.samples[: int(0.69 * RATE)].any()


def test_a_gap_in_the_sound_is_filled_with_silence(tmp_path: Path, reader: VideoReader) -> None:
    whole = write_numbered(
        tmp_path / "whole.mkv", 75, sound=make_click(3.0, 2.5), sound_codec="pcm_s16le"
    )
    gap = tmp_path / "gap.mkv"
    with av.open(str(whole)) as source, av.open(str(gap), "w") as target:
        copies = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            time = None if packet.pts is None else float(packet.pts * packet.time_base)
            if time is None or (packet.stream.type == "audio" and 1.0 < time < 2.0):
                continue
            packet.stream = copies[packet.stream.index]
            target.mux(packet)
    assert loudest(reader.read_audio(gap, RATE)) == pytest.approx(2.505, abs=0.008)


def test_channels_are_averaged(tmp_path: Path, reader: VideoReader) -> None:
    path = tmp_path / "stereo.mkv"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("ffv1", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        voice = container.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(number_picture(0), format="rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        both = np.stack([np.full(9600, 16_000, np.int16), np.full(9600, -8_000, np.int16)])
        sound = av.AudioFrame.from_ndarray(both.T.reshape(1, -1).copy(), "s16", "stereo")
        sound.sample_rate = RATE
        container.mux(voice.encode(sound))
        container.mux(voice.encode(None))
    audio = reader.read_audio(path, RATE)
    assert audio is not None
    assert audio.channels == 2
    np.testing.assert_allclose(audio.samples, 4_000 / 32_768, atol=1e-4)


def test_no_sound_is_none_and_no_video_is_an_error(tmp_path: Path, reader: VideoReader) -> None:
    assert reader.read_audio(write_numbered(tmp_path / "silent.mp4", 5), 16_000) is None
    assert reader.probe(tmp_path / "silent.mp4").has_audio is False
    song = write_video(tmp_path / "song.mp4", [], sound=make_click(1.0, 0.5))
    with pytest.raises(VideoDecodeError, match="no video stream"):
        reader.read_audio(song, 16_000)


def test_sound_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "long_sound.ts", 5, sound=make_click(3.0, 1.0))
    with (
        VideoReader(Limits(max_seconds=2.0)) as strict,
        pytest.raises(VideoTooLargeError, match="max_seconds"),
    ):
        strict.read_audio(video, 16_000)
    with (
        VideoReader(Limits(max_output_bytes=1000)) as strict,
        pytest.raises(VideoTooLargeError, match="max_output_bytes"),
    ):
        strict.read_audio(video, 16_000)
