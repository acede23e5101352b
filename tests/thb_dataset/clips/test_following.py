"""A face that is in sight for a part of the video only, and what is said of several faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.scripted_faces import Script, number_frames
from tests.support.video_files import write_video
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.following import PartlySeenError, follow_face
from thb_dataset.clips.video_clips import make_clips
from thb_dataset.errors import NoFaceError
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.video.reader import VideoReader

Picture = npt.NDArray[np.uint8]
UNIFORM = ClipSpec(frames=8, size=64)
FOUR = ClipSpec(clips=4, frames=4, sampling="consecutive", size=64)


def write_titled(path: Path, portrait: Picture, before: int, face: int, after: int) -> Path:
    """Write a video at 10 frames a second: a title, a face, and another title."""
    shown, title = portrait[:256, 90:346], np.full((256, 256, 3), 20, np.uint8)
    return write_video(path, [title] * before + [shown] * face + [title] * after, fps=10)


@pytest.mark.parametrize(
    ("spec", "before", "after"),
    [(UNIFORM, 20, 0), (UNIFORM, 0, 20), (UNIFORM, 18, 6), (FOUR, 20, 0), (FOUR, 0, 20)],
)
def test_a_title_before_or_after_a_face_is_left_out(
    embedded_finder: FaceFinder,
    portrait: Picture,
    tmp_path: Path,
    spec: ClipSpec,
    before: int,
    after: int,
) -> None:
    path = write_titled(tmp_path / "a.mp4", portrait, before, 30, after)
    with VideoReader() as reader:
        clips = make_clips(path, spec, embedded_finder, reader)
    assert clips.pixels.shape[:2] == (spec.clips, spec.frames)
    assert clips.frame_index.min() >= before
    assert clips.frame_index.max() < before + 30
    assert clips.frames_bridged == 0
    np.testing.assert_allclose(clips.seconds, clips.frame_index / 10, atol=1e-3)


def test_a_face_in_sight_for_too_short_a_time_is_told(
    embedded_finder: FaceFinder, portrait: Picture, tmp_path: Path
) -> None:
    path = write_titled(tmp_path / "a.mp4", portrait, 6, 9, 0)
    spec = ClipSpec(frames=8, sampling="stride", stride=2, size=64)
    with VideoReader() as reader, pytest.raises(NoFaceError, match=r"only \d frames .* needs 15"):
        make_clips(path, spec, embedded_finder, reader)


LEFT, RIGHT = (10.0, 10.0, 80.0), (110.0, 110.0, 80.0)


def test_the_stretch_of_a_face_in_half_of_the_frames_is_told() -> None:
    faces = {place: [LEFT if place < 9 else RIGHT] for place in range(16)}
    with pytest.raises(PartlySeenError) as caught:
        follow_face(number_frames(16, step=10), Script(faces))
    assert (caught.value.first, caught.value.last) == (0, 80)


def test_people_one_after_the_other_are_not_said_to_be_away() -> None:
    spots = [(5.0, 5.0, 60.0), (70.0, 70.0, 60.0), (135.0, 135.0, 60.0)]
    faces = {place: [spots[place // 4]] for place in range(12)}
    with pytest.raises(
        NoFaceError, match=r"of 3 faces, the one in sight longest is in only \d of \d"
    ):
        follow_face(number_frames(12, step=10), Script(faces))


def test_a_face_that_comes_and_goes_is_said_to_be_replaced() -> None:
    times = "LLLLLRRRRRRLLLLLRRRR"
    faces = {place: [LEFT if who == "L" else RIGHT] for place, who in enumerate(times)}
    faces[0].append((10.0, 110.0, 40.0))  # several faces, so that every frame is searched
    with pytest.raises(NoFaceError, match=r"absent from 6 of 20 .* another face is in sight"):
        follow_face(number_frames(20, step=10), Script(faces))
