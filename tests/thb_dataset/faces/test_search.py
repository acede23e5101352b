"""Only as many frames are searched as the video needs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.errors import NoFaceError
from thb_dataset.faces.cuts import find_cuts, measure_differences
from thb_dataset.faces.packs import FacePack
from thb_dataset.faces.search import search_faces
from thb_dataset.faces.values import Face
from thb_dataset.video.values import Frames, VideoInfo

Picture = npt.NDArray[np.uint8]
INFO = VideoInfo(
    width=64, height=64, rotation_degrees=0, mirrored=False, stored_width=64, stored_height=64,
    sample_aspect_ratio=1.0, codec="none", pixel_format="rgb24", fps=25.0, seconds=None,
    declared_frames=None, has_audio=False,
)  # fmt: skip


class Script:
    """Finds given faces in frame i, filled with the grey level i, and logs its searches."""

    pack = FacePack(
        name="script", backend="none", licence="", embedding_dim=0, same_person=0.5, sha256s={}
    )

    def __init__(self, boxes: dict[int, list[tuple[float, float, float]]]) -> None:
        self.boxes = boxes
        self.looked: list[int] = []

    def find(self, rgb: Picture, *, embed: bool = False) -> list[Face]:
        number = int(rgb[0, 0, 0])
        self.looked.append(number)
        return [
            Face(
                box=np.array([x, y, x + side, y + side], np.float32),
                points=np.zeros((5, 2), np.float32),
                score=0.9,
            )
            for x, y, side in self.boxes.get(number, [])
        ]

    def embed(self, rgb: Picture, face: Face) -> npt.NDArray[np.float32]:
        raise AssertionError("this pack has no recogniser")


def make_frames(count: int, seconds_apart: float) -> Frames:
    greys = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return Frames(
        pixels=np.broadcast_to(greys, (count, 64, 64, 3)).copy(),
        index=np.arange(count),
        seconds=np.arange(count, dtype=np.float64) * seconds_apart,
        total_frames=count,
        read_to_end=True,
        info=INFO,
    )


def still(count: int) -> dict[int, list[tuple[float, float, float]]]:
    return {i: [(100.0, 100.0, 80.0)] for i in range(count)}


def test_a_still_face_is_searched_coarsely_and_once_a_frame() -> None:
    script = Script(still(32))
    search = search_faces(make_frames(32, 0.2), script)
    assert search.numbers.tolist() == [0, 6, 12, 18, 24, 30, 31]
    assert sorted(script.looked) == [0, 6, 12, 18, 24, 30, 31]
    assert search.faces == 1


def test_frames_far_apart_are_all_searched() -> None:
    script = Script(still(8))
    assert search_faces(make_frames(8, 2.0), script).numbers.tolist() == list(range(8))


def test_only_the_stretch_that_moves_is_searched_finely() -> None:
    boxes = still(33)
    for i in range(9, 16):
        boxes[i] = [(100.0 + 10 * (i - 8), 100.0, 80.0)]
    for i in range(16, 33):
        boxes[i] = [(180.0, 100.0, 80.0)]
    search = search_faces(make_frames(33, 0.2), Script(boxes))
    numbers = search.numbers.tolist()
    assert [n for n in numbers if 8 < n < 16] == [9, 10, 11, 12, 13, 14, 15]
    assert [n for n in numbers if n < 6 or n > 18] == [0, 24, 30, 32]
    assert len(search.tracks[0].frames) == len(search.numbers)


def test_neighbouring_frames_are_never_searched_between() -> None:
    boxes = {i: [(float(8 * i), 0.0, 80.0)] for i in range(8)}
    search = search_faces(make_frames(8, 0.04), Script(boxes))
    assert len(search.numbers) < 8


@pytest.mark.parametrize("odd", [0, 12, 31])
@pytest.mark.parametrize("faces", [[], [(100.0, 100.0, 80.0), (300.0, 100.0, 80.0)]])
def test_anything_but_one_face_is_searched_in_full(
    odd: int, faces: list[tuple[float, float, float]]
) -> None:
    boxes = still(32) | {odd: faces}
    script = Script(boxes)
    search = search_faces(make_frames(32, 0.2), script)
    assert search.numbers.tolist() == list(range(32))
    assert len(script.looked) == len(set(script.looked))


def test_a_cut_is_searched_in_full() -> None:
    frames = make_frames(32, 0.2)
    frames.pixels[20:, :, 1:] += 100
    script = Script(still(32))
    cuts = find_cuts(measure_differences(frames.pixels), frames.seconds)
    assert cuts.tolist() == [i == 20 for i in range(32)]
    assert search_faces(frames, script).numbers.tolist() == list(range(32))


def test_small_bystanders_make_no_video_difficult() -> None:
    boxes = {i: [(100.0, 100.0, 80.0), (10.0, 10.0, 20.0)] for i in range(32)}
    assert len(search_faces(make_frames(32, 0.2), Script(boxes)).numbers) == 7


def test_every_frame_can_be_asked_for() -> None:
    search = search_faces(make_frames(5, 0.01), Script(still(5)), every_frame=True)
    assert search.numbers.tolist() == [0, 1, 2, 3, 4]


def test_nothing_found_says_how_many_frames_were_searched() -> None:
    with pytest.raises(NoFaceError, match="no face in any of 32 frames"):
        search_faces(make_frames(32, 0.2), Script({}))


def test_one_frame_is_enough() -> None:
    search = search_faces(make_frames(1, 1.0), Script(still(1)))
    assert (search.numbers.tolist(), search.faces) == ([0], 1)


def test_tiny_pictures_have_no_cuts() -> None:
    differences = measure_differences(np.zeros((3, 2, 5, 3), np.uint8))
    assert find_cuts(differences, np.arange(3.0)).tolist() == [False] * 3
