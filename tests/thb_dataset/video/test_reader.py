"""Reading videos gives the right frames, upright, in true colours, at their times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.video_files import number_picture, read_number, write_numbered, write_video
from thb_dataset.errors import ClipTooShortError, THBError, VideoDecodeError, VideoTooLargeError
from thb_dataset.video.reader import FramePolicy, Frames, Limits, VideoReader

ALL = FramePolicy(frames=30, sampling="consecutive")


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def numbers(frames: Frames) -> list[int]:
    return [read_number(picture) for picture in frames.pixels]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("h264.mp4", "libx264", "yuv420p"),
        ("h264_ten_bit.mkv", "libx264", "yuv420p10le"),
        ("h264_444.mp4", "libx264", "yuv444p"),
        ("h264.ts", "libx264", "yuv420p"),
        ("hevc.mp4", "libx265", "yuv420p"),
        ("vp8.webm", "libvpx", "yuv420p"),
        ("vp9.webm", "libvpx-vp9", "yuv420p"),
        ("av1.mp4", "libsvtav1", "yuv420p"),
        ("mpeg4_with_b_frames.avi", "mpeg4", "yuv420p"),
        ("mpeg2.mpg", "mpeg2video", "yuv420p"),
        ("mjpeg.mov", "mjpeg", "yuvj420p"),
        ("prores.mov", "prores_ks", "yuv422p10le"),
        ("flv1.flv", "flv", "yuv420p"),
        ("wmv2.asf", "wmv2", "yuv420p"),
        ("ffv1.mkv", "ffv1", "yuv420p"),
    ],
)
def test_every_codec_gives_every_frame_once(
    name: str,
    codec: str,
    pixel_format: str,
    tmp_path: Path,
    reader: VideoReader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SVT_LOG", "0")
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV cannot write {codec}")
    options = {"libx265": {"x265-params": "log-level=none"}, "mpeg4": {"bf": "2"}}.get(codec)
    video = write_numbered(
        tmp_path / name, 30, codec=codec, pixel_format=pixel_format, options=options
    )
    frames = reader.read_frames(video, ALL)
    assert numbers(frames) == frames.index.tolist() == list(range(30))
    assert frames.total_frames == 30
    np.testing.assert_allclose(frames.seconds, np.arange(30) / 25, atol=1e-9)


@pytest.mark.parametrize(
    "policy",
    [
        FramePolicy(frames=1),
        FramePolicy(frames=7),
        FramePolicy(clips=4, frames=8),
        FramePolicy(clips=3, frames=8, sampling="consecutive"),
        FramePolicy(frames=8, sampling="consecutive"),
        FramePolicy(clips=2, frames=5, sampling="stride", stride=4),
        FramePolicy(frames=5, sampling="stride", stride=4),
    ],
    ids=str,
)
def test_the_frames_chosen_are_the_frames_given(
    policy: FramePolicy, tmp_path: Path, reader: VideoReader
) -> None:
    video = write_numbered(tmp_path / "clip.mp4", 30, options={"g": "12", "bf": "3"})
    frames = reader.read_frames(video, policy)
    assert frames.index.tolist() == sorted(set(policy.choose(30).ravel().tolist()))
    assert numbers(frames) == frames.index.tolist()
    assert frames.total_frames == 30
    # A single run from the start needs no later frame; every other choice needs the true count.
    assert frames.read_to_end is (policy.sampling == "uniform" or policy.clips > 1)


def test_times_are_the_files_own(tmp_path: Path, reader: VideoReader) -> None:
    times = [5.0, 5.04, 5.08, 5.3, 5.31, 6.0, 7.5, 7.54, 9.0, 9.001]
    video = write_numbered(tmp_path / "uneven.mkv", len(times), times=times, options={"bf": "0"})
    frames = reader.read_frames(video, FramePolicy(frames=10))
    np.testing.assert_allclose(frames.seconds, np.array(times) - 5.0, atol=6e-4)  # MKV: whole ms
    assert numbers(frames) == list(range(10))


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_pictures_are_turned_as_the_display_matrix_says(
    swap: bool, signs: tuple[int, int], tmp_path: Path, reader: VideoReader
) -> None:
    one = 1 << 16
    a, d = (0, 0) if swap else (signs[0] * one, signs[1] * one)
    b, c = (signs[0] * one, signs[1] * one) if swap else (0, 0)
    stored = number_picture(0b0100_0011_0111_0001, 96, 64)
    video = write_video(
        tmp_path / "turned.mp4", [stored] * 3, matrix=[a, b, 0, c, d, 0, 0, 0, 1 << 30]
    )
    frames = reader.read_frames(video, FramePolicy(frames=1))
    expected = scatter(stored, np.sign([a, b, c, d]).tolist())
    assert frames.pixels.shape[1:] == expected.shape
    assert np.abs(frames.pixels[0].astype(int) - expected).mean() < 6
    info = frames.info
    assert (info.height, info.width) == expected.shape[:2]
    assert (info.stored_width, info.stored_height) == (96, 64)
    assert info.mirrored is (a * d - b * c < 0)
    undone = np.rot90(stored, -info.rotation_degrees // 90)
    undone = undone[:, ::-1] if info.mirrored else undone
    np.testing.assert_array_equal(undone, expected)
    assert reader.probe(video) == info


def scatter(picture: npt.NDArray[np.uint8], matrix: list[int]) -> npt.NDArray[np.uint8]:
    """Move every pixel to the place of ISO 14496-12: (a x + c y, b x + d y)."""
    a, b, c, d = matrix
    height, width, _ = picture.shape
    places = [(y, x, b * x + d * y, a * x + c * y) for y in range(height) for x in range(width)]
    top, left = min(p[2] for p in places), min(p[3] for p in places)
    shape = (width, height, 3) if b else (height, width, 3)
    shown = np.zeros(shape, np.uint8)
    for y, x, to_y, to_x in places:
        shown[to_y - top, to_x - left] = picture[y, x]
    return shown


@pytest.mark.parametrize(
    ("colorspace", "color_range", "kr", "kb"),
    [(2, 0, 0.299, 0.114), (1, 1, 0.2126, 0.0722), (5, 1, 0.299, 0.114), (2, 2, 0.299, 0.114)],
    ids=["untagged", "bt709", "bt601", "full_range"],
)
def test_colours_follow_the_matrix_and_range_of_the_file(
    colorspace: int, color_range: int, kr: float, kb: float, tmp_path: Path, reader: VideoReader
) -> None:
    luma, blue, red = 120, 90, 160
    path = tmp_path / "colour.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        stream.codec_context.colorspace = colorspace
        stream.codec_context.color_range = color_range
        for _ in range(2):
            frame = av.VideoFrame(64, 64, "yuv444p")
            for plane, value in zip(frame.planes, (luma, blue, red), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.colorspace, frame.color_range = colorspace, color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    full = color_range == 2
    y = luma / 255 if full else (luma - 16) / 219
    pb, pr = ((v - 128) / (255 if full else 224) for v in (blue, red))
    expected_red, expected_blue = y + 2 * (1 - kr) * pr, y + 2 * (1 - kb) * pb
    expected_green = (y - kr * expected_red - kb * expected_blue) / (1 - kr - kb)
    expected = 255 * np.array([expected_red, expected_green, expected_blue])
    pixels = reader.read_frames(path, FramePolicy(frames=2)).pixels
    assert np.abs(pixels - expected).max() <= 2


def test_strongly_oblong_pixels_are_made_square_and_slightly_oblong_ones_left_alone(
    tmp_path: Path, reader: VideoReader
) -> None:
    for aspect, shape in [("2/1", (64, 96)), ("1/2", (128, 48)), ("12/11", (64, 48))]:
        path = tmp_path / f"aspect_{aspect.replace('/', '_')}.mp4"
        write_numbered(path, 3, size=(48, 64), options={"x264-params": f"sar={aspect}"})
        frames = reader.read_frames(path, FramePolicy(frames=3))
        assert frames.pixels.shape[1:3] == shape
        assert (frames.info.height, frames.info.width) == shape
        assert numbers(frames) == [0, 1, 2]
        assert frames.info.sample_aspect_ratio == pytest.approx(float(Fraction(aspect)))


def test_odd_sizes_keep_every_row_and_column(tmp_path: Path, reader: VideoReader) -> None:
    video = write_numbered(tmp_path / "odd.mp4", 3, size=(333, 217), pixel_format="yuv444p")
    frames = reader.read_frames(video, FramePolicy(frames=3))
    assert frames.pixels.shape == (3, 217, 333, 3)
    assert numbers(frames) == [0, 1, 2]


def test_pictures_for_showing_are_averaged_down_one_by_one(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "clip.mp4", 30)
    with VideoReader() as reader:
        whole = reader.read_frames(video, ALL)
    height, width = whole.pixels.shape[1:3]
    with VideoReader(Limits(max_output_bytes=whole.pixels.nbytes // 3)) as reader:
        small = reader.read_frames(video, ALL, max_side=max(height, width) // 2)
        assert (small.info.height, small.info.width) == (height, width)
        assert small.pixels.shape == (30, height // 2, width // 2, 3)
        by_four = whole.pixels.astype(float).reshape(30, height // 2, 2, width // 2, 2, 3)
        assert np.abs(small.pixels - by_four.mean(axis=(2, 4))).max() <= 1
        with pytest.raises(VideoTooLargeError, match="at once"):
            reader.read_frames(video, ALL, max_side=max(height, width) * 2)


def test_a_size_that_changes_in_mid_stream_is_brought_to_the_first(
    tmp_path: Path, reader: VideoReader
) -> None:
    small = write_numbered(tmp_path / "a.ts", 10, size=(64, 64))
    large = write_video(
        tmp_path / "b.ts",
        (number_picture(i, 128, 96) for i in range(10, 20)),
        times=[0.4 + i / 25 for i in range(10)],
    )
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    frames = reader.read_frames(both, FramePolicy(frames=20))
    assert numbers(frames) == list(range(20))
    assert frames.pixels.shape == (20, 64, 64, 3)
    with (
        VideoReader(Limits(max_pixels=64 * 64)) as strict,
        pytest.raises((VideoTooLargeError, ClipTooShortError)),
    ):
        strict.read_frames(both, FramePolicy(frames=20))


def test_a_file_cut_off_gives_what_decodes_and_says_so(tmp_path: Path, reader: VideoReader) -> None:
    whole = write_numbered(
        tmp_path / "whole.mp4",
        60,
        options={"g": "10", "bf": "0"},
        container_options={"movflags": "faststart"},
    )
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 7 // 10])
    frames = reader.read_frames(cut, FramePolicy(frames=8))
    assert frames.info.declared_frames == 60
    assert 8 <= frames.total_frames < 60
    assert frames.index[-1] == frames.total_frames - 1
    assert numbers(frames) == frames.index.tolist()
    with pytest.raises(ClipTooShortError, match=f"{frames.total_frames} frames.* needs 60"):
        reader.read_frames(cut, FramePolicy(frames=60))


def test_after_damage_nothing_is_given_until_the_next_key_frame(
    tmp_path: Path, reader: VideoReader
) -> None:
    path = write_numbered(tmp_path / "gops.mp4", 40, options={"g": "10", "bf": "0"})
    with av.open(str(path)) as container:
        packets = [(p.pos or 0, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    position, size = packets[13]
    data[position : position + size] = b"\xff" * size
    path.write_bytes(data)
    frames = reader.read_frames(path, FramePolicy(frames=33))
    assert numbers(frames) == [*range(13), *range(20, 40)]
    assert frames.total_frames == 33
    assert frames.seconds[13] == pytest.approx(20 / 25)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(max_pixels=64 * 64 - 1), "pictures of 64 x 64.*max_pixels"),
        (Limits(max_seconds=1.0), r"length of 1\.2 s.*max_seconds"),
        (Limits(max_frames=29), "30 frames.*max_frames"),
        (Limits(max_output_bytes=64 * 64 * 3 * 30 - 1), "at once.*max_output_bytes"),
    ],
    ids=["pixels", "seconds", "frames", "output"],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_what_exceeds_a_limit_is_refused_by_name_and_the_reader_goes_on(
    limits: Limits, words: str, name: str, tmp_path: Path
) -> None:
    video = write_numbered(tmp_path / name, 30, options={"bf": "0"})
    small = write_numbered(tmp_path / "small.mp4", 10, size=(32, 32))
    with VideoReader(limits) as strict:
        for _ in range(2):
            with pytest.raises(VideoTooLargeError, match=words) as caught:
                strict.read_frames(video, ALL)
            assert str(video) in str(caught.value)
            assert len(strict.read_frames(small, FramePolicy(frames=10)).pixels) == 10


def test_a_path_is_a_file_whatever_it_looks_like(
    tmp_path: Path, reader: VideoReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [
        "-leading-dash.mp4", "http:", "concat:a.mp4", "pipe:0", "file%03d.mp4", "two\nlines.mp4",
        "  spaces & quote's.mp4", "naïve – видео 视频.mp4", "data:,x.mp4", "subfile,,start,0,:.mp4",
        os.fsdecode(b"not-\xff-utf8.mp4"), "no_extension", "UPPER.MP4", "wrong.jpg", "$HOME;ls.mp4",
    ]  # fmt: skip
    video = write_numbered(tmp_path / "plain.mp4", 5).read_bytes()
    for name in names:
        Path(name).write_bytes(video)
        assert reader.read_frames(name, FramePolicy(frames=5)).total_frames == 5, name
    for name in ["http://localhost/x.mp4", "concat:plain.mp4|plain.mp4", "file:plain.mp4", "pipe:",
                 "nul\0byte.mp4", "", "x" * 5000, "plain.mp4/inside.mp4"]:  # fmt: skip
        with pytest.raises(VideoDecodeError) as caught:
            reader.read_frames(name, FramePolicy(frames=5))
        assert "\n" not in str(caught.value)


def test_only_regular_files_are_read(tmp_path: Path, reader: VideoReader) -> None:
    video = write_numbered(tmp_path / "plain.mp4", 5)
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    links = {"null.mp4": "/dev/null", "zero.mp4": "/dev/zero", "gone.mp4": "nowhere", "to_pipe.mp4":
             "pipe.mp4", "loop.mp4": "loop.mp4", "passwd.mp4": "/etc/passwd"}  # fmt: skip
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    for name in ["pipe.mp4", "folder.mp4", *links]:
        for read in (reader.probe, lambda path: reader.read_audio(path, 16_000)):
            with pytest.raises(VideoDecodeError, match=name):
                read(tmp_path / name)
    (tmp_path / "link.mp4").symlink_to(video)
    assert reader.probe(tmp_path / "link.mp4").declared_frames == 5


def test_frames_equal_those_of_a_plain_decode(test_data: Path, reader: VideoReader) -> None:
    clips = sorted((test_data / "thb-sample").rglob("*.mp4"))[::20]
    assert len(clips) > 5
    for clip in clips:
        with av.open(str(clip)) as container:
            plain = list(container.decode(video=0))
        frames = reader.read_frames(clip, FramePolicy(frames=8))
        assert frames.total_frames == len(plain) == frames.info.declared_frames
        for picture, index, seconds in zip(
            frames.pixels, frames.index, frames.seconds, strict=True
        ):
            np.testing.assert_array_equal(picture, plain[index].to_ndarray(format="rgb24"))
            assert seconds == pytest.approx(plain[index].time - plain[0].time, abs=1e-9)


def test_decord_gives_the_same_frames_on_every_real_clip(
    test_data: Path, reader: VideoReader
) -> None:
    pytest.importorskip("decord", reason="needs the extra 'decord'")
    with VideoReader(backend="decord") as other:
        for clip in sorted((test_data / "thb-sample").rglob("*.mp4")):
            ours = reader.read_frames(clip, FramePolicy(frames=8))
            theirs = other.read_frames(clip, FramePolicy(frames=8))
            assert ours.total_frames == theirs.total_frames
            np.testing.assert_array_equal(ours.index, theirs.index)
            np.testing.assert_array_equal(ours.pixels, theirs.pixels)
            np.testing.assert_allclose(ours.seconds, theirs.seconds, atol=1e-5)


def test_a_backend_that_is_not_there_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(THBError, match=r"pip install 'talkingheadbench\[decord\]'"):
        VideoReader(backend="decord")
