"""No box is carried over a cut: hard cuts, crossfades, small jumps, and what is no cut."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.scripted_faces import make_frames
from thb_dataset.clips.following import follow_face, follow_track
from thb_dataset.faces.cuts import find_cuts, has_jumped, measure_differences
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.faces.search import search_faces
from thb_dataset.faces.tracks import spread_over_shots, spread_over_time
from thb_dataset.faces.values import Face, overlap
from thb_dataset.video.values import Frames

Picture = npt.NDArray[np.uint8]


def film(portrait: Picture, x: int, y: int, scale: float, background: int) -> Picture:
    """Return a frame of 640 x 400 with the portrait somewhere in it."""
    frame = np.full((400, 640, 3), background, np.uint8)
    side = int(256 * scale)
    frame[y : y + side, x : x + side] = cv2.resize(portrait[:256, 90:346], (side, side))
    return frame


def find_boxes(frames: Frames, finder: FaceFinder) -> npt.NDArray[np.float64]:
    """Return the overlap of each followed box with the face found in that frame alone, (M,)."""
    boxes = follow_face(frames, finder).boxes
    alone = [finder.find(rgb) for rgb in frames.pixels]
    return np.array(
        [
            max(overlap(box, face.box) for face in faces)
            for box, faces in zip(boxes, alone, strict=True)
        ]
    )


@pytest.mark.parametrize("fps", [5.0, 10.0, 25.0])
@pytest.mark.parametrize("second", [(380, 140, 0.9, 60), (110, 40, 1.4, 150), (70, 60, 1.1, 20)])
def test_each_box_is_on_its_face_around_a_cut(
    embedded_finder: FaceFinder,
    portrait: Picture,
    fps: float,
    second: tuple[int, int, float, int],
) -> None:
    first = (30, 90, 0.9, 90)
    pictures = [film(portrait, *first)] * 9 + [film(portrait, *second)] * 14
    pictures += [film(portrait, *first)] * 9
    frames = make_frames(pictures, fps)
    assert find_cuts(measure_differences(frames.pixels), frames.seconds).sum() == 2
    assert find_boxes(frames, embedded_finder).min() > 0.9


def test_each_box_is_on_its_face_in_a_crossfade(
    embedded_finder: FaceFinder, portrait: Picture
) -> None:
    left, right = film(portrait, 20, 90, 0.9, 90), film(portrait, 390, 110, 0.9, 120)
    shares = np.clip((np.arange(40) - 19) / 8, 0, 1)
    pictures = [cv2.addWeighted(left, 1 - share, right, share, 0) for share in shares]
    frames = make_frames([np.asarray(picture, np.uint8) for picture in pictures], 25.0)
    assert not find_cuts(measure_differences(frames.pixels), frames.seconds).any()
    search = search_faces(frames, embedded_finder)
    for track in search.tracks:
        boxes = follow_track(search, track, frames).boxes[search.numbers[track.frames]]
        pairs = zip(boxes, track.faces, strict=True)
        assert min(overlap(box, face.box) for box, face in pairs) > 0.9


def test_both_sides_of_a_cut_are_searched(embedded_finder: FaceFinder, portrait: Picture) -> None:
    first, second = film(portrait, 30, 90, 0.9, 90), film(portrait, 70, 60, 1.1, 20)
    frames = make_frames([first] * 9 + [second] * 14, 25.0)
    search = search_faces(frames, embedded_finder)
    assert {8, 9} <= set(search.numbers.tolist())
    assert np.flatnonzero(search.cuts).tolist() == [9]


def test_gestures_and_unsteady_cameras_are_no_cuts() -> None:
    seconds = np.arange(9) / 25
    gesture = np.array([0, 1, 1, 2, 23, 2, 1, 1, 1], np.float32)
    assert not find_cuts(gesture, seconds).any(), "small, although sudden"
    unsteady = np.array([0, 35, 55, 38, 45, 55, 40, 38, 36], np.float32)
    assert not find_cuts(unsteady, seconds).any(), "large, but all alike"
    later = np.array([0, 0.04, 0.08, 2.08, 2.12, 2.16], np.float64)
    assert not find_cuts(np.array([0, 9, 9, 30, 9, 9], np.float32), later).any(), "much later"
    cut = np.array([0, 1, 1, 2, 35, 2, 1, 1, 1], np.float32)
    assert np.flatnonzero(find_cuts(cut, seconds)).tolist() == [4]


@pytest.mark.parametrize(
    ("shift", "seconds", "jumped"),
    [(10, 0.04, False), (30, 0.04, False), (40, 0.04, True), (60, 0.24, False), (99, 0.24, True)],
)
def test_a_face_jumps_if_nobody_moves_so_fast(shift: float, seconds: float, jumped: bool) -> None:
    points = np.zeros((5, 2), np.float32)
    here = Face(box=np.array([0, 0, 100, 130], np.float32), points=points, score=0.9)
    there = Face(box=np.array([shift, 0, shift + 100, 130], np.float32), points=points, score=0.9)
    assert has_jumped([here], [there], seconds) is jumped
    assert not has_jumped([here], [], seconds)
    assert not has_jumped([here, there], [there], seconds), "one of two stays"


def test_a_shot_without_the_face_is_bridged_and_no_other_is_touched() -> None:
    at, to = np.array([0.0, 0.04, 0.16, 0.2]), np.linspace(0, 0.2, 6)
    values = np.array([[0], [0], [10], [10]], np.float32)
    shots = np.array([0, 0, 1, 1, 2, 2])
    spread = spread_over_shots(values, at, to, np.array([0, 0, 2, 2]), shots)[:, 0]
    assert spread[[0, 1, 4, 5]].tolist() == [0, 0, 10, 10]
    assert (np.diff(spread[1:5]) > 0).all()
    one = np.zeros(4, np.int64)
    whole = spread_over_shots(values, at, to, one, np.zeros(6, np.int64))
    np.testing.assert_array_equal(whole, spread_over_time(values, at, to))
