"""Videos rendered alike cannot be told apart by their containers, and show what they showed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tests.support.video_files import read_number, write_numbered
from thb_dataset.errors import VideoDecodeError, VideoTooLargeError
from thb_dataset.video.encoding import encode_pictures
from thb_dataset.video.reader import FramePolicy, Frames, Limits, Render, VideoReader

HOW = Render(side=64, preset="ultrafast")
VARYING = {"bits_per_pixel", "kbit_per_second"}


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def read_render(path: Path, reader: VideoReader, how: Render = HOW) -> tuple[Path, Frames]:
    """Render a video and return the file with all its frames."""
    file = path.with_suffix(".alike.mp4")
    file.write_bytes(reader.render(path, how))
    total = reader.read_frames(file, FramePolicy(frames=1)).total_frames
    return file, reader.read_frames(file, FramePolicy(frames=total, sampling="consecutive"))


def test_whatever_the_containers_told_they_tell_the_same(
    tmp_path: Path, reader: VideoReader
) -> None:
    sound = np.zeros(48_000, np.float32)
    paths = [
        write_numbered(tmp_path / "a.mp4", 20, fps=20, size=(96, 96), sound=sound),
        write_numbered(tmp_path / "b.webm", 60, fps=60, size=(64, 32), codec="libvpx"),
        write_numbered(tmp_path / "c.mkv", 30, fps=30, size=(32, 64), options={"g": "5"}),
        write_numbered(tmp_path / "d.avi", 25, codec="mpeg4"),
    ]
    facts = [reader.read_metadata(read_render(path, reader)[0]) for path in paths]
    for field in fields(facts[0]):
        if field.name not in VARYING:
            assert len({getattr(fact, field.name) for fact in facts}) == 1, field.name
    assert (facts[0].fps, facts[0].width, facts[0].height) == (25, 64, 64)
    assert (facts[0].seconds, facts[0].has_audio, facts[0].encoder) == (1, False, "")
    assert not any(b"Lav" in path.with_suffix(".alike.mp4").read_bytes() for path in paths)


@pytest.mark.parametrize(
    ("fps", "frames", "shown"),
    [
        (25, 10, list(range(10))),
        (50, 20, list(range(0, 20, 2))),
        (5, 4, [at // 5 for at in range(20)]),
    ],
)
def test_each_frame_is_the_one_shown_at_its_time(
    fps: int, frames: int, shown: list[int], tmp_path: Path, reader: VideoReader
) -> None:
    path = write_numbered(tmp_path / "a.mp4", frames, fps=fps)
    _, found = read_render(path, reader)
    assert [read_number(picture) for picture in found.pixels] == shown
    np.testing.assert_allclose(np.diff(found.seconds), 1 / 25, atol=1e-6)


def test_a_wide_picture_gets_black_bars_and_no_other_shape(
    tmp_path: Path, reader: VideoReader
) -> None:
    path = write_numbered(tmp_path / "a.mp4", 4, size=(128, 64))
    _, found = read_render(path, reader)
    assert found.pixels.shape[1:] == (64, 64, 3)
    assert found.pixels[:, :14].max() < 16
    assert found.pixels[:, -14:].max() < 16
    assert [read_number(picture[16:48]) for picture in found.pixels] == [0, 1, 2, 3]


def test_the_pictures_of_a_render_can_be_had_before_they_are_encoded(
    tmp_path: Path, reader: VideoReader
) -> None:
    path = write_numbered(tmp_path / "a.mp4", 4, fps=5, size=(128, 64))
    pictures = reader.read_pictures(path, HOW)
    assert pictures.pixels.shape == (4, 64, 64, 3)
    assert pictures.total_frames == 20
    assert pictures.index.tolist() == [0, 5, 10, 15]
    np.testing.assert_allclose(pictures.seconds, [0, 0.2, 0.4, 0.6])
    assert [read_number(picture[16:48]) for picture in pictures.pixels] == [0, 1, 2, 3]
    shown = np.diff([*pictures.index, pictures.total_frames])
    again = encode_pictures(zip(pictures.pixels, map(int, shown), strict=True), HOW)
    assert again == reader.render(path, HOW)
    with VideoReader(Limits(max_output_bytes=40_000)) as small:
        with pytest.raises(VideoTooLargeError, match=r"a\.mp4: would give"):
            small.read_pictures(path, HOW)
        assert small.probe(path).width == 128, "the reader goes on"


def test_the_same_video_gives_the_same_bytes(tmp_path: Path, reader: VideoReader) -> None:
    path = write_numbered(tmp_path / "a.mp4", 12)
    with VideoReader() as other:
        assert other.render(path, HOW) == reader.render(path, HOW)


def test_hostile_files_are_refused_and_the_child_lives(test_data: Path) -> None:
    with VideoReader() as reader:
        reader.probe(test_data / "bad" / "frames_9.mp4")
        child = reader.child_pid
        for name in ("random_bytes.mp4", "zero_bytes.mp4", "audio_only.mp4", "folder.mp4"):
            with pytest.raises(VideoDecodeError, match=name):
                reader.render(test_data / "bad" / name, HOW)
        for name in ("corrupt_middle.mp4", "truncated_moov_first.mp4", "frames_1.mp4"):
            assert reader.render(test_data / "bad" / name, HOW)
        assert reader.child_pid == child
