"""Time stamps that restart, stand still, go back, leap or are decode times move no frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet

from tests.support.video_files import number_picture, read_number, write_numbered, write_video
from thb_dataset.errors import VideoTooLargeError
from thb_dataset.video.clock import is_longer, tell_seconds
from thb_dataset.video.reader import FramePolicy, Limits, VideoReader

PERIOD = Fraction(1, 25)
EVEN = [place * PERIOD for place in range(40)]


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def test_stamps_that_rise_are_believed_to_the_bit() -> None:
    uneven = [Fraction(5), *(5 + Fraction(place * place + 1, 90_000) for place in range(1, 40))]
    seconds, warning = tell_seconds(uneven, PERIOD)
    assert warning is None
    assert seconds.tolist() == [float(stamp - 5) for stamp in uneven]
    pause = [*EVEN[:20], *(stamp + 50 for stamp in EVEN[20:])]
    assert tell_seconds(pause, PERIOD)[1] is None, "a still picture may last"
    slides = [place * Fraction(3600) for place in range(12)]
    assert tell_seconds(slides, PERIOD)[0][-1] == 39_600


def test_frames_without_stamps_are_spaced_by_the_declared_rate() -> None:
    seconds, warning = tell_seconds([None] * 10, PERIOD)
    assert warning is None
    np.testing.assert_allclose(seconds, np.arange(10) / 25)


@pytest.mark.parametrize("period", [PERIOD, Fraction(0), Fraction(1000)])
@pytest.mark.parametrize(
    ("stamps", "faults"),
    [
        ([*EVEN[:20], *EVEN[:20]], 1),
        ([*EVEN[:20], *(stamp - 1 for stamp in EVEN[20:])], 1),
        ([*EVEN[:30], *[EVEN[30]] * 10], 9),
        ([*EVEN[:20], Fraction(40_000), *EVEN[21:]], 2),
        ([*EVEN[:20], *(stamp + 40_000 for stamp in EVEN[20:])], 1),
        ([*EVEN[:39], Fraction(40_000)], 1),
    ],
    ids=["restart", "back", "still", "spike", "leap", "last"],
)
def test_stamps_that_cannot_be_are_replaced_by_even_steps(
    stamps: list[Fraction], faults: int, period: Fraction
) -> None:
    seconds, warning = tell_seconds(stamps, period)
    np.testing.assert_allclose(seconds, np.arange(40) / 25)
    assert warning is not None
    assert f"at {faults} of 39 steps; the frames are taken to be 40 ms apart" in warning


def test_decode_times_and_a_single_time_give_the_declared_rate() -> None:
    order = [0, 2, 3, 1, 5, 6, 4, 8, 9, 7, 11, 12, 10]
    for stamps in ([EVEN[place] for place in order], [Fraction(0)] * 13):
        seconds, warning = tell_seconds(stamps, PERIOD)
        np.testing.assert_allclose(seconds, np.arange(13) / 25)
        assert warning is not None
    seconds, _ = tell_seconds([Fraction(0)] * 13, Fraction(0))
    assert (np.diff(seconds) > 0).all()


def test_a_length_is_measured_without_leaps() -> None:
    assert not is_longer([*EVEN, Fraction(40_000)], 10)
    assert is_longer([stamp * 100 for stamp in EVEN], 150)
    assert is_longer([place * Fraction(3600) for place in range(12)], 1800)
    assert not is_longer([], 10)


def remux(source: Path, target: Path, restamp: Callable[[int, Packet[Any]], int]) -> Path:
    """Copy the packets of a video with other stamps; ``restamp`` takes the number of a packet."""
    with av.open(str(source)) as origin, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(origin.streams.video[0])
        for number, packet in enumerate(origin.demux(video=0)):
            if packet.dts is not None:
                packet.pts = packet.dts = restamp(number, packet)
                packet.stream = stream
                container.mux(packet)
    return target


def test_files_joined_byte_by_byte_read_as_one(tmp_path: Path, reader: VideoReader) -> None:
    parts = [write_numbered(tmp_path / f"{name}.ts", 30, options={"bf": "2"}) for name in "ab"]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = reader.read_frames(joined, FramePolicy(frames=60))
    np.testing.assert_allclose(frames.seconds, np.arange(60) / 25, atol=1e-6)
    assert [read_number(picture) for picture in frames.pixels] == [*range(30), *range(30)]
    (warning,) = frames.warnings
    assert "at 1 of 59 steps" in warning


def test_stamps_that_stand_still_in_a_file_do_not_stop_the_clock(
    tmp_path: Path, reader: VideoReader
) -> None:
    plain = write_numbered(tmp_path / "plain.mkv", 30, options={"bf": "0"})
    still = remux(plain, tmp_path / "still.mkv", lambda _, packet: 0)
    frames = reader.read_frames(still, FramePolicy(frames=8))
    np.testing.assert_allclose(frames.seconds, frames.index / 25, atol=1e-6)
    assert frames.warnings
    assert not reader.read_frames(plain, FramePolicy(frames=8)).warnings


def test_one_broken_stamp_does_not_make_a_long_video(tmp_path: Path) -> None:
    plain = write_numbered(tmp_path / "plain.mkv", 30, options={"bf": "0"})

    def leap(number: int, packet: Packet[Any]) -> int:
        return 40_000_000 if number == 29 else int(packet.dts or 0)

    broken = remux(plain, tmp_path / "broken.mkv", leap)
    with VideoReader(Limits(max_seconds=2)) as reader:
        frames = reader.read_frames(broken, FramePolicy(frames=8))
        assert frames.info.seconds is not None
        assert frames.info.seconds > 39_000
        np.testing.assert_allclose(frames.seconds, frames.index / 25, atol=1e-3)
    with (
        VideoReader(Limits(max_seconds=1)) as reader,
        pytest.raises(VideoTooLargeError, match="--max-seconds"),
    ):
        reader.read_frames(broken, FramePolicy(frames=8))


def test_sound_goes_on_where_its_stamps_restart(tmp_path: Path, reader: VideoReader) -> None:
    tones = [np.full(48_000, level, np.float32) for level in (0.2, 0.6)]
    parts = [
        write_video(
            tmp_path / f"{place}.ts",
            (number_picture(number) for number in range(25)),
            sound=tone,
            sound_codec="mp2",
        )
        for place, tone in enumerate(tones)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    audio = reader.read_audio(joined, 16_000)
    assert audio is not None
    assert audio.seconds == pytest.approx(2, abs=0.1)
