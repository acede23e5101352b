"""What containers tell is read as it is, without decoding, whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.tagged_release import retag
from tests.support.video_files import write_numbered
from thb_dataset.errors import VideoDecodeError, VideoTooLargeError
from thb_dataset.video.metadata import PACKETS, measure_gop
from thb_dataset.video.reader import Limits, VideoReader


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def test_the_numbers_are_those_of_the_packets(tmp_path: Path, reader: VideoReader) -> None:
    path = write_numbered(
        tmp_path / "a.mp4",
        40,
        size=(96, 64),
        fps=30,
        options={"g": "12", "sc_threshold": "0"},
        sound=np.zeros(48_000, np.float32),
    )
    with av.open(str(path)) as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
    found = reader.read_metadata(path)
    assert (found.width, found.height, found.fps) == (96, 64, 30)
    assert found.bits_per_pixel == pytest.approx(8 * sum(sizes) / 40 / (96 * 64))
    assert found.kbit_per_second == pytest.approx(8 * sum(sizes) / 40 * 30 / 1000)
    assert found.seconds == pytest.approx(40 / 30, abs=0.05)
    assert (found.gop_frames, found.has_audio) == (12, True)
    assert (found.codec, found.profile) == ("h264", "High")
    assert found.encoder.startswith("Lavf")


def test_only_the_first_packets_are_read(tmp_path: Path, reader: VideoReader) -> None:
    path = write_numbered(
        tmp_path / "a.mp4", PACKETS + 20, size=(32, 32), options={"g": "10000", "sc_threshold": "0"}
    )
    assert reader.read_metadata(path).gop_frames == PACKETS


@pytest.mark.parametrize(
    ("keys", "total", "longest"), [([], 5, 5), ([0], 7, 7), ([0, 4, 6], 7, 4), ([0, 2], 9, 7)]
)
def test_the_distance_of_key_frames(keys: list[int], total: int, longest: int) -> None:
    assert measure_gop(keys, total) == longest


def test_no_frame_is_decoded(tmp_path: Path, reader: VideoReader) -> None:
    path = write_numbered(tmp_path / "a.mp4", 20)
    sound = reader.read_metadata(path)
    content = bytearray(path.read_bytes())
    start = content.find(b"mdat") + 4
    end = content.find(b"moov") - 4
    content[start:end] = bytes(end - start)  # the index is whole, the pictures are nothing
    path.write_bytes(content)
    with pytest.raises(VideoDecodeError):
        reader.probe(path)
    # FFmpeg itself looks for the profile in the first picture when it opens a file.
    assert replace(reader.read_metadata(path), profile=sound.profile) == sound


def test_a_tag_may_be_any_bytes(tmp_path: Path, reader: VideoReader) -> None:
    path = write_numbered(tmp_path / "a.mp4", 4)
    path.write_bytes(retag(path.read_bytes(), b"\xff\xfe\x1b[31m"))
    assert reader.read_metadata(path).encoder.startswith("\ufffd\ufffd\x1b[31m")
    assert reader.probe(path).codec == "h264"  # and the video is not refused for it


def test_the_limits_hold(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 50, size=(64, 64))
    for limits in (Limits(max_pixels=64 * 63), Limits(max_seconds=1), Limits(max_frames=49)):
        with VideoReader(limits) as reader, pytest.raises((VideoTooLargeError, VideoDecodeError)):
            reader.read_metadata(path)


def test_no_file_of_the_collection_ends_the_child(test_data: Path) -> None:
    refused = {}
    paths = sorted((test_data / "bad").iterdir())
    with VideoReader() as reader:
        reader.read_metadata(test_data / "bad" / "frames_9.mp4")
        child = reader.child_pid
        for path in paths:
            try:
                found = reader.read_metadata(path)
            except VideoDecodeError as error:
                refused[path.name] = str(error)
            else:
                assert found.bits_per_pixel > 0
            assert reader.child_pid == child
    assert set(refused) == {
        *("README.md", "audio_only.mp4", "folder.mp4", "jpeg_renamed.mp4", "random_bytes.mp4"),
        *("text_file.mp4", "truncated_moov_last.mp4", "zero_bytes.mp4"),
    }
    assert all(name in reason for name, reason in refused.items())
