"""From real files to crops: every odd input, and both face backends on real clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.store import ClipStore
from thb_dataset.clips.video_clips import VideoClips, make_clips
from thb_dataset.errors import (
    ClipTooShortError,
    NoFaceError,
    VideoDecodeError,
    VideoError,
)
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.faces.values import overlap
from thb_dataset.video.reader import VideoReader

REFUSED: dict[str, tuple[type[VideoError], str]] = {
    "audio_only.mp4": (VideoDecodeError, "no video"),
    "black.mp4": (NoFaceError, "no face in any of 8 frames"),
    "face_only_at_end.mp4": (NoFaceError, "a face is in only 3 of 8 frames"),
    "frames_1.mp4": (ClipTooShortError, "1 frame"),
    "frames_3.mp4": (ClipTooShortError, "3 frames"),
    "jpeg_renamed.mp4": (VideoDecodeError, "not a video"),
    "no_face_colour_bars.mp4": (NoFaceError, "no face in any of 8 frames"),
    "random_bytes.mp4": (VideoDecodeError, "not a video"),
    "text_file.mp4": (VideoDecodeError, "not a video"),
    "tiny_24x24.mp4": (NoFaceError, "face"),
    "truncated_moov_last.mp4": (VideoDecodeError, "not a video"),
    "zero_bytes.mp4": (VideoDecodeError, "empty"),
}
FACES = {"two_faces.mp4": 2}


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def bad_files() -> list[str]:
    """Return names only, since the folder may be missing where tests are collected."""
    return [
        "  leading spaces & quote's.mp4", "-leading-dash.mp4", "UPPERCASE.MP4",
        "audio_longer_than_video.mp4", "audio_only.mp4", "audio_shorter_than_video.mp4",
        "black.mp4", "codec_av1.mp4", "codec_hevc.mp4", "codec_mjpeg.mov",
        "codec_mpeg4_mp3.avi", "codec_vp9.webm", "corrupt_middle.mp4", "face_only_at_end.mp4",
        "frames_1.mp4", "frames_3.mp4", "frames_9.mp4", "grayscale.mp4", "jpeg_renamed.mp4",
        "late_start_time.mp4", "naïve façade – видео 视频 (1).mp4", "no_audio_track.mp4",
        "no_extension", "no_face_colour_bars.mp4", "non_square_pixels.mp4",
        "odd_size_333x217.mp4", "random_bytes.mp4", "rotated_display_matrix.mp4",
        "rotated_pixels_no_matrix.mp4", "silent_audio.mp4", "ten_bit_h264.mp4",
        "text_file.mp4", "tiny_24x24.mp4", "truncated_moov_first.mp4",
        "truncated_moov_last.mp4", "two_faces.mp4", "variable_frame_rate.mp4",
        "wide_small_face.mp4", "zero_bytes.mp4",
    ]  # fmt: skip


@pytest.mark.parametrize("name", bad_files())
def test_each_odd_input_gets_what_the_design_says(
    name: str, test_data: Path, embedded_finder: FaceFinder, reader: VideoReader
) -> None:
    path = test_data / "bad" / name
    if name in REFUSED:
        kind, reason = REFUSED[name]
        with pytest.raises(kind, match=reason):
            make_clips(path, ClipSpec(), embedded_finder, reader)
        return
    clips = make_clips(path, ClipSpec(), embedded_finder, reader)
    assert clips.pixels.shape == (1, 8, 112, 112, 3)
    assert clips.faces == FACES.get(name, 1)
    assert (np.diff(clips.frame_index[0]) > 0).all()


def test_no_odd_input_is_forgotten(test_data: Path) -> None:
    there = {path.name for path in (test_data / "bad").iterdir() if path.is_file()}
    assert there - {"README.md"} == set(bad_files())


def test_a_display_matrix_gives_the_upright_clip(
    test_data: Path, embedded_finder: FaceFinder, reader: VideoReader
) -> None:
    """The points of the turned clip are as upright as those of the plain one."""
    spec = ClipSpec(frames=3, margin=2.0, size=224)
    clips = make_clips(
        test_data / "bad" / "rotated_display_matrix.mp4", spec, embedded_finder, reader
    )
    face = embedded_finder.find(clips.pixels[0, 0])[0]
    eyes = face.points[1] - face.points[0]
    assert abs(np.degrees(np.arctan2(eyes[1], eyes[0]))) < 25


def sample_clips(test_data: Path) -> list[Path]:
    """Take one clip of each kind: the second one listed, since the first may be odd."""
    sample = test_data / "thb-sample"
    folders = [*(sample / "hub" / "fake").glob("*/t*"), *(sample / "real_videos").iterdir()]
    return sorted(sorted(folder.glob("*.mp4"))[1] for folder in folders if folder.is_dir())


def test_backends_agree_on_real_clips(
    test_data: Path,
    embedded_finder: FaceFinder,
    insightface_finder: FaceFinder,
    reader: VideoReader,
) -> None:
    shared: list[float] = []
    for path in sample_clips(test_data):
        both: list[VideoClips] = [
            make_clips(path, ClipSpec(frames=4), finder, reader)
            for finder in (embedded_finder, insightface_finder)
        ]
        assert both[0].faces == both[1].faces, path.name
        boxes = zip(*(clips.boxes.reshape(-1, 4) for clips in both), strict=True)
        shared += [overlap(a, b) for a, b in boxes]
    assert len(shared) >= 40
    assert np.mean(shared) > 0.95


def test_the_store_needs_no_reader_the_second_time(
    test_data: Path, embedded_finder: FaceFinder, reader: VideoReader, tmp_path: Path
) -> None:
    store = ClipStore(tmp_path)
    path = sample_clips(test_data)[0]
    first = store.get(path, ClipSpec(), embedded_finder, reader)
    nobody: VideoReader = None  # type: ignore[assignment] # a call on it would raise
    again = store.get(path, ClipSpec(), embedded_finder, nobody)
    np.testing.assert_array_equal(first.pixels, again.pixels)
