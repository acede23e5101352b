"""Interlaced pictures are deinterlaced, other tracks told of, large pictures made smaller."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.video_files import number_picture, read_number, write_numbered, write_video
from thb_dataset.errors import VideoTooLargeError
from thb_dataset.video.painter import FULL_HD_PIXELS, MANY_BYTES
from thb_dataset.video.reader import FramePolicy, Limits, VideoReader

INTERLACED = {"x264-params": "interlaced=1:tff=1"}


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def weave(place: int, side: int = 128) -> npt.NDArray[np.uint8]:
    """Return a picture of two fields: an edge moves 16 pixels from one to the next."""
    picture = np.zeros((side, side, 3), np.uint8)
    for field in (0, 1):
        edge = 16 + 8 * place + 8 * field
        picture[field::2, edge : edge + 40] = 230
    return picture


def measure_combs(pictures: npt.NDArray[np.uint8]) -> float:
    rows = pictures[..., 1].astype(int)
    return float(np.abs(2 * rows[:, 1:-1] - rows[:, :-2] - rows[:, 2:]).mean())


def test_interlaced_frames_lose_their_combs_and_keep_their_times(
    tmp_path: Path, reader: VideoReader
) -> None:
    pictures = [weave(place) for place in range(8)]
    woven = write_video(tmp_path / "woven.mkv", pictures, options=INTERLACED)
    plain = write_video(tmp_path / "plain.mkv", pictures)
    policy = FramePolicy(frames=8, sampling="consecutive")
    shown, combed = reader.read_frames(woven, policy), reader.read_frames(plain, policy)
    assert measure_combs(shown.pixels) < measure_combs(combed.pixels) / 4
    np.testing.assert_allclose(shown.seconds, np.arange(8) / 25, atol=1e-9)
    assert shown.index.tolist() == list(range(8))
    assert combed.warnings == ()
    (warning,) = shown.warnings
    assert "interlaced" in warning


def test_every_interlaced_frame_comes_once_and_in_order(
    tmp_path: Path, reader: VideoReader
) -> None:
    video = write_numbered(tmp_path / "woven.mp4", 30, size=(64, 128), options=INTERLACED)
    frames = reader.read_frames(video, FramePolicy(frames=30))
    assert [read_number(picture) for picture in frames.pixels] == list(range(30))
    few = reader.read_frames(video, FramePolicy(frames=3))
    np.testing.assert_array_equal(few.pixels, frames.pixels[few.index])
    assert reader.probe(video).height == 128


def test_a_second_video_track_is_told_of(tmp_path: Path, reader: VideoReader) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for side in (64, 96):
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
            streams.append(stream)
        for place in range(10):
            for stream in streams:
                picture = number_picture(place, stream.width, stream.height)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = place, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    frames = reader.read_frames(path, FramePolicy(frames=10))
    side = frames.info.width
    assert frames.warnings == (f"holds 2 video tracks; only the one of {side} x {side} is read",)
    assert [read_number(picture) for picture in frames.pixels] == list(range(10))


def test_many_large_pictures_are_averaged_down_and_few_or_ordinary_ones_are_not(
    tmp_path: Path, reader: VideoReader
) -> None:
    large = write_numbered(
        tmp_path / "large.mp4", 24, size=(3840, 2160), options={"preset": "ultrafast"}
    )
    few = reader.read_frames(large, FramePolicy(frames=4))
    assert few.pixels.shape[1:3] == (2160, 3840)
    assert few.warnings == ()
    many = reader.read_frames(large, FramePolicy(frames=24))
    assert many.pixels.nbytes <= MANY_BYTES
    assert (many.info.height, many.info.width) == (2160, 3840)
    height, width = many.pixels.shape[1:3]
    assert width / height == pytest.approx(16 / 9, rel=2e-3)
    assert many.warnings == (f"the pictures of 3840 x 2160 were made smaller ({width} x {height})",)
    assert [read_number(picture) for picture in many.pixels] == list(range(24))
    hd = write_numbered(tmp_path / "hd.mp4", 40, size=(1920, 1080), options={"preset": "ultrafast"})
    whole = reader.read_frames(hd, FramePolicy(frames=40))
    assert whole.pixels.shape[1] * whole.pixels.shape[2] == FULL_HD_PIXELS
    assert whole.pixels.nbytes > MANY_BYTES
    assert whole.warnings == ()


def test_raised_limits_allow_the_time_and_memory_that_they_need() -> None:
    plain = Limits()
    assert Limits.raised(max_pixels=plain.max_pixels, max_seconds=plain.max_seconds) == plain
    lower = Limits.raised(max_pixels=100, max_seconds=2)
    assert (lower.max_pixels, lower.max_seconds) == (100, 2)
    assert lower.address_space_bytes == plain.address_space_bytes
    higher = Limits.raised(max_pixels=2 * plain.max_pixels, max_seconds=3 * plain.max_seconds)
    assert higher.address_space_bytes == 2 * plain.address_space_bytes
    assert higher.max_frames == 3 * plain.max_frames
    assert higher.wall_seconds == 6 * plain.wall_seconds


@pytest.mark.parametrize(
    ("limits", "option"),
    [(Limits(max_pixels=4095), "--max-pixels"), (Limits(max_seconds=1), "--max-seconds"),
     (Limits(max_frames=29), "--max-seconds")],
)  # fmt: skip
def test_a_refusal_names_the_option(limits: Limits, option: str, tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "clip.mp4", 30)
    with VideoReader(limits) as strict, pytest.raises(VideoTooLargeError, match=option):
        strict.read_frames(video, FramePolicy(frames=4))
