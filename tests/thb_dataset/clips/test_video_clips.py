"""From frames to crops: the face, the frames, and what is refused."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.scripted_faces import Script, make_frames, number_frames
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import cut_clips
from thb_dataset.errors import NoFaceError
from thb_dataset.faces.search import MIN_FACE_PIXELS, choose_searched
from thb_dataset.faces.values import FaceFinder
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.values import Frames

Picture = npt.NDArray[np.uint8]


def shift(picture: Picture, x: float, y: float) -> Picture:
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def grey(height: int = 512, width: int = 512) -> Picture:
    return np.full((height, width, 3), 120, np.uint8)


def place(height: int, width: int, *parts: tuple[Picture, int, int]) -> Picture:
    frame = grey(height, width)
    for picture, x, y in parts:
        frame[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return frame


def whole(frames: Frames) -> npt.NDArray[np.int64]:
    return frames.index[None, :]


def test_crops_follow_a_moving_face(embedded_finder: FaceFinder, portrait: Picture) -> None:
    frames = make_frames([shift(portrait, 4 * i, -2 * i) for i in range(16)])
    clips = cut_clips(frames, whole(frames), ClipSpec(frames=16, size=96), embedded_finder)
    assert clips.pixels.shape == (1, 16, 96, 96, 3)
    assert (clips.faces, clips.frames_bridged, clips.frames_read) == (1, 0, 16)
    assert clips.frames_searched < 16
    centres = (clips.boxes[0, :, :2] + clips.boxes[0, :, 2:]) / 2
    np.testing.assert_allclose(np.diff(centres, axis=0).mean(axis=0), [4, -2], atol=0.3)
    line = np.linspace(centres[0], centres[-1], 16)
    assert np.abs(centres - line).max() < 0.08 * (clips.boxes[0, 0, 3] - clips.boxes[0, 0, 1])


def test_aligned_crops_put_the_points_on_the_template(
    embedded_finder: FaceFinder, portrait: Picture
) -> None:
    from thb_dataset.faces.crops import ARCFACE_POINTS

    turned = cv2.warpAffine(
        portrait, cv2.getRotationMatrix2D((220, 120), 20, 1.0), (512, 512)
    ).astype(np.uint8)
    frames = make_frames([turned] * 4)
    spec = ClipSpec(frames=4, crop="aligned", margin=1.5, size=224)
    clips = cut_clips(frames, whole(frames), spec, embedded_finder)
    (face,) = embedded_finder.find(clips.pixels[0, 0])
    expected = ((ARCFACE_POINTS - 56) / 1.5 + 56) * 2
    assert np.abs(face.points - expected).mean() < 8
    eyes = face.points[1] - face.points[0]
    assert abs(np.degrees(np.arctan2(eyes[1], eyes[0]))) < 6


def test_one_of_two_people_is_chosen_and_both_are_counted(
    embedded_finder: FaceFinder, portrait: Picture
) -> None:
    large = portrait[:256, 90:346]
    small = cv2.resize(large, (180, 180)).astype(np.uint8)
    pictures = [place(256, 560, (large, 2 * i, 0), (small, 320, 40)) for i in range(8)]
    frames = make_frames(pictures, step=10)
    clips = cut_clips(frames, whole(frames), ClipSpec(), embedded_finder)
    assert clips.faces == 2
    assert (clips.boxes[0, :, 2] < 300).all(), "of two faces in equally many frames, the larger one"
    pictures[3] = place(256, 560, (small, 320, 40))
    frames = make_frames(pictures, step=10)
    clips = cut_clips(frames, whole(frames), ClipSpec(), embedded_finder)
    assert (clips.boxes[0, :, 0] > 300).all(), "the face in more frames, although it is smaller"


def test_a_frame_without_the_face_is_bridged_and_counted(
    embedded_finder: FaceFinder, portrait: Picture
) -> None:
    pictures = [shift(portrait, 3 * i, 0) for i in range(8)]
    pictures[4] = grey()
    frames = make_frames(pictures, step=10)
    clips = cut_clips(frames, whole(frames), ClipSpec(), embedded_finder)
    assert (clips.frames_with_face, clips.frames_searched, clips.frames_bridged) == (7, 8, 1)
    middle = (clips.boxes[0, 3] + clips.boxes[0, 5]) / 2
    np.testing.assert_allclose(clips.boxes[0, 4], middle, atol=1e-3)


@pytest.mark.parametrize(
    ("with_face", "reason"),
    [
        ([], "no face in any of 8 frames"),
        ([0, 1, 2], "a face is in only 3 of 8 frames, but half are needed"),
        ([0, 1, 2, 3, 4], "absent from 3 of 8 frames in a row, but only 2 can be bridged"),
        ([3, 4, 5, 6, 7], "absent from 3 of 8"),
    ],
)
def test_too_little_of_a_face_is_refused_with_counts(with_face: list[int], reason: str) -> None:
    finder = Script({i: [(20.0, 20.0, 80.0)] for i in with_face})
    frames = number_frames(8, step=10)
    with pytest.raises(NoFaceError, match=reason):
        cut_clips(frames, whole(frames), ClipSpec(), finder)


def test_a_face_below_the_least_size_is_refused_with_its_size() -> None:
    side = MIN_FACE_PIXELS - 2.0
    finder = Script({i: [(20.0, 20.0, side)] for i in range(8)})
    frames = number_frames(8, step=10)
    with pytest.raises(NoFaceError, match="the largest face is 30 pixels wide or high, but 32"):
        cut_clips(frames, whole(frames), ClipSpec(), finder)


def test_a_false_alarm_in_one_frame_is_no_second_face() -> None:
    script = {i: [(20.0, 20.0, 80.0)] for i in range(8)}
    script[3].append((130.0, 130.0, 60.0))
    frames = number_frames(8, step=10)
    assert cut_clips(frames, whole(frames), ClipSpec(), Script(script)).faces == 1


def test_clips_that_share_frames_share_their_crops() -> None:
    frames = number_frames(6, step=1)
    layout = FramePolicy(clips=3, frames=4, sampling="consecutive").choose(6)
    finder = Script({i: [(20.0 + i, 20.0, 80.0)] for i in range(6)})
    clips = cut_clips(frames, layout, ClipSpec(clips=3, frames=4, sampling="consecutive"), finder)
    assert clips.pixels.shape == (3, 4, 112, 112, 3)
    np.testing.assert_array_equal(clips.frame_index, layout)
    np.testing.assert_array_equal(clips.pixels[0, 1], clips.pixels[1, 0])
    np.testing.assert_allclose(clips.seconds, layout / 25)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ([0.0], [0]),
        ([0.0, 0.04], [0, 1]),
        (list(np.arange(13) * 0.05), [0, 5, 10, 12]),
        ([0.0, 1.0, 2.0], [0, 1, 2]),
        ([0.0, 0.1, 0.2, 5.0], [0, 2, 3]),
    ],
)
def test_searched_frames_hold_both_ends_and_keep_the_gap(
    seconds: list[float], chosen: list[int]
) -> None:
    assert choose_searched(np.array(seconds), gap_seconds=0.25) == chosen
