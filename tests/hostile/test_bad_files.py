"""Every file of the collection of broken and odd inputs gives what its README expects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from thb_dataset.errors import ClipTooShortError, VideoDecodeError, VideoError
from thb_dataset.video.reader import FramePolicy, VideoReader


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The expected outcome of a file: frames of a size, or an error with certain words."""

    frames: int = 75
    declared: int | None = 75
    size: tuple[int, int] = (320, 320)
    codec: str = "h264"
    pixel_format: str = "yuv420p"
    sound_seconds: float | None = 3.02
    rotation: int = 0
    error: str | None = None


NO_VIDEO = "is not a video that can be read"
EXPECTED = {
    "truncated_moov_first.mp4": Expected(frames=23, sound_seconds=0.93),
    "truncated_moov_last.mp4": Expected(error=NO_VIDEO),
    "corrupt_middle.mp4": Expected(frames=13),
    "zero_bytes.mp4": Expected(error="is empty"),
    "text_file.mp4": Expected(error=NO_VIDEO),
    "random_bytes.mp4": Expected(error=NO_VIDEO),
    "jpeg_renamed.mp4": Expected(error=NO_VIDEO),
    "folder.mp4": Expected(error="is a folder"),
    "no_face_colour_bars.mp4": Expected(size=(320, 240)),
    "black.mp4": Expected(frames=50, declared=50, size=(320, 240), sound_seconds=None),
    "frames_1.mp4": Expected(frames=1, declared=1, sound_seconds=None),
    "frames_3.mp4": Expected(frames=3, declared=3, sound_seconds=None),
    "frames_9.mp4": Expected(frames=9, declared=9, sound_seconds=None),
    "variable_frame_rate.mp4": Expected(frames=37, declared=37),
    "rotated_display_matrix.mp4": Expected(size=(320, 426), rotation=270),
    "rotated_pixels_no_matrix.mp4": Expected(size=(426, 320)),
    "wide_small_face.mp4": Expected(size=(640, 360)),
    "two_faces.mp4": Expected(size=(640, 320)),
    "face_only_at_end.mp4": Expected(),
    "late_start_time.mp4": Expected(sound_seconds=None),
    "audio_longer_than_video.mp4": Expected(sound_seconds=7.01),
    "audio_shorter_than_video.mp4": Expected(sound_seconds=1.21),
    "no_audio_track.mp4": Expected(sound_seconds=None),
    "silent_audio.mp4": Expected(),
    "audio_only.mp4": Expected(error="has no video stream"),
    "codec_hevc.mp4": Expected(codec="hevc"),
    "codec_vp9.webm": Expected(codec="vp9", declared=None),
    "codec_av1.mp4": Expected(codec="av1", sound_seconds=None),
    "codec_mpeg4_mp3.avi": Expected(codec="mpeg4", declared=76, sound_seconds=3.06),
    "codec_mjpeg.mov": Expected(
        frames=25, declared=25, codec="mjpeg", pixel_format="yuvj420p", sound_seconds=None
    ),
    "odd_size_333x217.mp4": Expected(size=(333, 217), pixel_format="yuv444p"),
    "grayscale.mp4": Expected(pixel_format="yuvj420p"),
    "ten_bit_h264.mp4": Expected(pixel_format="yuv420p10le"),
    "non_square_pixels.mp4": Expected(size=(320, 320)),
    "tiny_24x24.mp4": Expected(size=(24, 24), sound_seconds=None),
    "naïve façade – видео 视频 (1).mp4": Expected(),
    "  leading spaces & quote's.mp4": Expected(),
    "-leading-dash.mp4": Expected(),
    "UPPERCASE.MP4": Expected(),
    "no_extension": Expected(),
}


@pytest.fixture(scope="module")
def bad(test_data: Path) -> Path:
    folder = test_data / "bad"
    if not folder.is_dir():
        pytest.skip(f"no broken inputs in {folder}")
    return folder


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def test_every_file_of_the_collection_has_its_expectation(bad: Path) -> None:
    assert {path.name for path in bad.iterdir()} - {"README.md"} == set(EXPECTED)


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items(), ids=list(EXPECTED))
def test_a_bad_file_gives_what_it_should(
    name: str, expected: Expected, bad: Path, reader: VideoReader
) -> None:
    path = bad / name
    if expected.error is not None:
        check_error(path, expected.error, reader)
        return
    frames = reader.read_frames(path, FramePolicy(frames=min(8, expected.frames)))
    info = frames.info
    assert frames.total_frames == expected.frames
    assert info.declared_frames == expected.declared
    assert (info.width, info.height) == expected.size
    assert frames.pixels.shape == (min(8, expected.frames), *expected.size[::-1], 3)
    assert (info.codec, info.pixel_format) == (expected.codec, expected.pixel_format)
    assert info.rotation_degrees == expected.rotation
    assert frames.seconds[0] == 0
    assert reader.probe(path) == info
    audio = reader.read_audio(path, 16_000)
    assert info.has_audio is (audio is not None)
    assert (audio and audio.seconds) == pytest.approx(expected.sound_seconds, abs=0.02)


def check_error(path: Path, words: str, reader: VideoReader) -> None:
    for read in (
        reader.probe,
        lambda path: reader.read_frames(path, FramePolicy()),
        lambda path: reader.read_audio(path, 16_000),
    ):
        with pytest.raises(VideoDecodeError, match=words) as caught:
            read(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "found"), [("frames_1", 1), ("frames_3", 3), ("frames_9", 9)])
def test_a_short_video_is_too_short_for_a_long_clip(
    name: str, found: int, bad: Path, reader: VideoReader
) -> None:
    with pytest.raises(ClipTooShortError, match=rf"{name}.*\D{found} frames.* needs 16"):
        reader.read_frames(bad / f"{name}.mp4", FramePolicy(frames=16))


def test_uneven_times_come_from_the_file(bad: Path, reader: VideoReader) -> None:
    frames = reader.read_frames(
        bad / "variable_frame_rate.mp4", FramePolicy(frames=37, sampling="consecutive")
    )
    kept = [*range(25), *range(27, 50, 3), *range(54, 75, 6)]
    np.testing.assert_allclose(np.diff(frames.seconds[:25]), 0.04, atol=1e-6)
    assert len(kept) == 37
    assert frames.seconds[-1] == pytest.approx(2.88, abs=0.01)
    assert np.diff(frames.seconds[33:]).min() == pytest.approx(0.24, abs=0.01)


def test_the_same_pictures_turned_by_a_matrix_or_by_hand(bad: Path, reader: VideoReader) -> None:
    policy = FramePolicy(frames=8)
    turned = reader.read_frames(bad / "rotated_display_matrix.mp4", policy)
    lying = reader.read_frames(bad / "rotated_pixels_no_matrix.mp4", policy)
    by_hand = np.rot90(lying.pixels, 1, axes=(1, 2))
    assert np.abs(turned.pixels.astype(int) - by_hand).mean() < 2


def test_odd_files_show_the_pictures_of_the_plain_one(bad: Path, reader: VideoReader) -> None:
    policy = FramePolicy(frames=8)
    plain = reader.read_frames(bad / "no_extension", policy)
    for name in ["-leading-dash.mp4", "UPPERCASE.MP4", "  leading spaces & quote's.mp4"]:
        np.testing.assert_array_equal(reader.read_frames(bad / name, policy).pixels, plain.pixels)
    for name in ["codec_hevc.mp4", "codec_vp9.webm", "codec_av1.mp4", "codec_mpeg4_mp3.avi",
                 "ten_bit_h264.mp4", "non_square_pixels.mp4", "late_start_time.mp4"]:  # fmt: skip
        close = reader.read_frames(bad / name, policy)
        assert np.abs(close.pixels.astype(int) - plain.pixels).mean() < 5, name
    late = reader.read_frames(bad / "late_start_time.mp4", policy)
    np.testing.assert_allclose(late.seconds, plain.seconds, atol=1e-6)
    grey = reader.read_frames(bad / "grayscale.mp4", policy).pixels.astype(int)
    assert np.abs(grey - grey[..., :1]).max() == 0
    luma = plain.pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - luma).mean() < 5
    assert reader.read_frames(bad / "black.mp4", policy).pixels.max() <= 1


def test_a_silent_stream_is_silence_and_a_missing_one_is_none(
    bad: Path, reader: VideoReader
) -> None:
    silent = reader.read_audio(bad / "silent_audio.mp4", 16_000)
    assert silent is not None
    assert not silent.samples.any()
    assert reader.read_audio(bad / "no_audio_track.mp4", 16_000) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [("truncated_moov_first.mp4", "23 of the 75"), ("corrupt_middle.mp4", "13 of the 75"),
     ("codec_mpeg4_mp3.avi", ""), ("late_start_time.mp4", ""), ("codec_vp9.webm", "")],
)  # fmt: skip
def test_frames_that_are_declared_and_do_not_decode_are_warned_of(
    name: str, said: str, bad: Path, reader: VideoReader, caplog: pytest.LogCaptureFixture
) -> None:
    frames = reader.read_frames(bad / name, FramePolicy(frames=8))
    assert bool(frames.warnings) == bool(said)
    assert bool(caplog.messages) == bool(said)
    assert all(f"{name}: only {said} declared frames decode" in m for m in caplog.messages)


def test_nothing_in_the_collection_ends_the_child(bad: Path) -> None:
    with VideoReader() as reader:
        reader.probe(bad / "frames_9.mp4")
        child = reader.child_pid
        for path in sorted(bad.iterdir()):
            try:
                reader.read_frames(path, FramePolicy(frames=1))
            except VideoError:
                continue
        assert reader.child_pid == child
