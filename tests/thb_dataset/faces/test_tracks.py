"""Linking boxes of single frames, with every case written down as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from thb_dataset.faces.tracks import link_tracks, longest_gap, longest_run, spread_over_time
from thb_dataset.faces.values import Face, merge_sizes, overlap


def make_face(x: float, y: float, side: float, person: int = 0) -> Face:
    """Return a face whose first point holds the number of its person."""
    points = np.full((5, 2), person, np.float32)
    return Face(box=np.array([x, y, x + side, y + side], np.float32), points=points, score=0.9)


def compare_people(_a: int, one: Face, _b: int, other: Face) -> float:
    return 1.0 if one.points[0, 0] == other.points[0, 0] else 0.0


def people(track_faces: Sequence[Face]) -> set[float]:
    return {float(face.points[0, 0]) for face in track_faces}


def test_overlap_by_hand() -> None:
    a = np.array([0, 0, 10, 10], np.float32)
    assert overlap(a, a) == 1.0
    assert overlap(a, np.array([5, 0, 15, 10], np.float32)) == pytest.approx(50 / 150)
    assert overlap(a, np.array([10, 0, 20, 10], np.float32)) == 0.0


def test_two_faces_side_by_side_stay_apart_in_any_order() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for i in range(10):
        pair = [make_face(10 + i, 10, 50, 1), make_face(100 - i, 12, 48, 2)]
        frames.append([pair[k] for k in rng.permutation(2)])
    tracks = link_tracks(frames)
    assert [len(track.frames) for track in tracks] == [10, 10]
    assert [people(track.faces) for track in tracks] == [{1.0}, {2.0}]


def test_the_longest_wins_over_the_largest_and_the_largest_among_equals() -> None:
    frames = [[make_face(0, 0, 40, 1), make_face(200, 0, 90, 2)] for _ in range(4)]
    frames += [[make_face(0, 0, 40, 1)] for _ in range(2)]
    assert people(link_tracks(frames)[0].faces) == {1.0}
    assert people(link_tracks(frames[:4])[0].faces) == {2.0}


def test_crossing_faces_are_told_apart_by_identity() -> None:
    frames = [
        [make_face(0 + 12 * i, 0, 60, 1), make_face(120 - 12 * i, 0, 60, 2)] for i in range(11)
    ]
    tracks = link_tracks(frames, resemblance=compare_people)
    assert [people(track.faces) for track in tracks] == [{1.0}, {2.0}]


def test_a_cut_to_another_person_in_the_same_place_ends_the_track() -> None:
    frames = [[make_face(0, 0, 60, 1)] for _ in range(5)] + [
        [make_face(2, 0, 60, 2)] for _ in range(3)
    ]
    cuts = [False] * 5 + [True] + [False] * 2
    assert len(link_tracks(frames, cuts=cuts)) == 1, "overlap alone cannot know"
    tracks = link_tracks(frames, resemblance=compare_people, cuts=cuts)
    assert [len(track.frames) for track in tracks] == [5, 3]


def test_a_face_that_comes_back_elsewhere_joins_its_track_by_identity() -> None:
    frames: list[list[Face]] = [[make_face(0, 0, 60, 1)] for _ in range(3)]
    frames += [[], [], [make_face(300, 200, 60, 1)], [make_face(302, 200, 60, 1)]]
    assert len(link_tracks(frames)) == 2
    tracks = link_tracks(frames, resemblance=compare_people)
    assert len(tracks) == 1
    assert tracks[0].frames == [0, 1, 2, 5, 6]


def test_certain_links_never_ask_who_it_is() -> None:
    def refuse(*_: object) -> float:
        raise AssertionError("an embedding costs more than everything else")

    frames = [[make_face(i, 0, 60, 1)] for i in range(20)]
    assert len(link_tracks(frames, resemblance=refuse)) == 1


def test_no_faces_no_tracks() -> None:
    assert link_tracks([[], [], []]) == []


@pytest.mark.parametrize(
    ("frames", "total", "gap"),
    [([0, 1, 2], 3, 0), ([0, 3], 4, 2), ([2, 3], 4, 2), ([0, 1], 6, 4), ([], 5, 5)],
)
def test_longest_gap_counts_both_ends(frames: list[int], total: int, gap: int) -> None:
    assert longest_gap(frames, total) == gap


@pytest.mark.parametrize(
    ("frames", "gap", "run"),
    [
        ([0, 1, 2], 1, (0, 2)),
        ([0, 2, 4], 1, (0, 4)),
        ([0, 1, 5, 6, 7], 2, (5, 7)),
        ([3, 7], 3, (3, 7)),
        ([3, 8], 3, (3, 3)),
    ],
)
def test_the_longest_run_has_the_most_sightings(
    frames: list[int], gap: int, run: tuple[int, int]
) -> None:
    assert longest_run(frames, gap) == run


def test_spreading_is_exact_on_a_straight_line_smoothed_or_not() -> None:
    at = np.array([0.0, 0.04, 0.08, 0.2, 0.24, 0.4])
    values = np.stack([3 * at + 1, 5 - at], axis=1).astype(np.float32)
    to = np.linspace(0, 0.4, 21)
    raw = spread_over_time(values, at, to, smoothing_seconds=0)
    np.testing.assert_allclose(raw, np.stack([3 * to + 1, 5 - to], axis=1), atol=1e-6)
    even = np.linspace(0, 0.4, 11)
    line = np.stack([3 * even + 1, 5 - even], axis=1).astype(np.float32)
    np.testing.assert_allclose(spread_over_time(line, even, even), line, atol=1e-6)


def test_smoothing_takes_jitter_out_and_keeps_the_ends() -> None:
    rng = np.random.default_rng(0)
    at = np.arange(50) / 25
    noise = rng.normal(0, 1, (50, 1)).astype(np.float32)
    smooth = spread_over_time(noise, at, at)
    assert smooth[5:-5].std() < 0.6 * noise[5:-5].std()
    np.testing.assert_allclose(smooth[[0, -1]], noise[[0, -1]], atol=1e-6)


def test_values_stay_beyond_the_first_and_last_measurement() -> None:
    at = np.array([1.0, 2.0])
    values = np.array([[10.0], [20.0]], np.float32)
    spread = spread_over_time(values, at, np.array([0.0, 1.5, 3.0]), smoothing_seconds=0)
    np.testing.assert_allclose(spread[:, 0], [10, 15, 20])


def test_sizes_are_merged_mean_box_finest_points() -> None:
    coarse = Face(
        box=np.array([0, 0, 50, 50], np.float32), points=np.ones((5, 2), np.float32), score=0.9
    )
    fine = Face(
        box=np.array([2, 2, 52, 52], np.float32), points=np.zeros((5, 2), np.float32), score=0.8
    )
    other = Face(
        box=np.array([80, 0, 180, 90], np.float32), points=np.ones((5, 2), np.float32), score=0.7
    )
    large, small = merge_sizes([[coarse], [other, fine]])
    np.testing.assert_array_equal(large.box, other.box)
    np.testing.assert_array_equal(small.box, [1, 1, 51, 51])
    assert small.score == 0.9
    assert small.points is fine.points
    assert merge_sizes([[], []]) == []
