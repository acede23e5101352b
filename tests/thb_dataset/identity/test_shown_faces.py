"""Videos that show several people, compared by all their faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.identity.leak_sheet import write_leak_sheet
from thb_dataset.identity.leakage import LeakReport, PairVerdict, check_leaks
from thb_dataset.identity.relations import Subject
from thb_dataset.identity.shown_faces import ShownFaces

Vectors = npt.NDArray[np.float32]
PEOPLE = np.eye(8, 128, dtype=np.float32)
"""One vector for each of eight people who are nothing alike."""


def show(*people: int) -> Vectors:
    return PEOPLE[list(people)]


def check(
    videos: dict[str, tuple[str, list[int]]], shows: dict[str, str] | None = None
) -> LeakReport:
    """Check videos, each with its split and the people that it shows, the main one first."""
    subjects = [
        Subject(video_id=name, split=split, shows=(shows or {}).get(name), driver=None)
        for name, (split, _) in videos.items()
    ]
    mains = show(*(people[0] for _, people in videos.values()))
    others = {name: show(*people[1:]) for name, (_, people) in videos.items()}
    return check_leaks(subjects, mains, mains, pack={"name": "test"}, threshold=0.5, others=others)


def test_a_second_person_who_is_in_another_split_is_a_leak() -> None:
    report = check({"both": ("train", [0, 1]), "b": ("test", [1]), "c": ("test", [2])})
    (pair,) = report.pairs
    assert (pair.a, pair.b, pair.faces, pair.verdict) == ("both", "b", (1, 0), PairVerdict.LEAK)
    assert (pair.similarity, pair.middle_similarity) == (1.0, 0.0)
    assert report.groups == (("both", "b"),)
    assert (report.several, report.compared) == (1, 2)


def test_people_who_are_the_main_face_of_no_video_are_found_too() -> None:
    report = check({"0": ("train", [0, 4, 5]), "1": ("test", [1, 6, 5])})
    assert [pair.faces for pair in report.pairs] == [(2, 2)]


def test_what_names_explain_is_no_leak_whichever_face_it_is() -> None:
    videos = {"0": ("train", [0, 4]), "1": ("test", [1, 4])}
    report = check(videos, {"0": "portrait 1", "1": "portrait 1"})
    assert report.counts[PairVerdict.LEAK] == 0
    assert report.counts[PairVerdict.NAMED] == 1


def test_the_page_says_that_another_face_is_meant() -> None:
    report = check({"both": ("train", [0, 1]), "b": ("test", [1])})
    page = write_leak_sheet({"p1": report}, lambda _: None)
    assert page.count("another face of this video, not the one pictured") == 1


@pytest.mark.parametrize("block", [1, 3, 7, 1000])
def test_blocks_hold_every_video_once_and_change_no_cosine(block: int) -> None:
    rng = np.random.default_rng(0)
    names = [f"v{i}" for i in range(20)]
    counts = {name: int(rng.integers(0, 4)) for name in names}
    mains = rng.normal(size=(20, 16)).astype(np.float32)
    others = {name: rng.normal(size=(counts[name], 16)).astype(np.float32) for name in names[::2]}
    faces = ShownFaces.of(names, mains, others)
    blocks = faces.blocks(block)
    assert [i for part in blocks for i in range(part.start, part.stop)] == list(range(20))
    shown = [
        np.concatenate([mains[i : i + 1], others.get(n, mains[:0])]) for i, n in enumerate(names)
    ]
    expected = np.array([[(a @ b.T).max() for b in shown] for a in shown])
    whole = np.block([[faces.compare(rows, columns) for columns in blocks] for rows in blocks])
    np.testing.assert_allclose(whole, expected, atol=1e-5)
