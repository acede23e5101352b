"""Splits of videos that show several people."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from thb_dataset.identity.splits import split_videos

PEOPLE = np.eye(8, 128, dtype=np.float32)
"""One vector for each of eight people who are nothing alike."""


def show(*people: int) -> npt.NDArray[np.float32]:
    return PEOPLE[list(people)]


def test_a_video_of_two_people_ties_the_videos_of_both_together() -> None:
    names = ["both.mp4", "a.mp4", "b.mp4", "b2.mp4", "c.mp4"]
    vectors = show(0, 0, 1, 1, 2)
    apart = split_videos(names, vectors, same_person=0.5)
    assert ("b.mp4", "b2.mp4") in apart.groups
    others = {"both.mp4": show(1), "c.mp4": show()}
    tied = split_videos(names, vectors, same_person=0.5, others=others)
    assert tied.groups == (("a.mp4", "b.mp4", "b2.mp4", "both.mp4"), ("c.mp4",))
    assert len({tied.assignments[name] for name in tied.groups[0]}) == 1


def test_people_who_meet_only_through_others_are_one_group() -> None:
    names = ["01", "12", "23", "4", "passer-by of 4"]
    others = {"01": show(1), "12": show(2), "23": show(3), "4": show(6), "passer-by of 4": show(6)}
    plan = split_videos(names, show(0, 1, 2, 4, 5), same_person=0.5, others=others)
    assert plan.groups == (("01", "12", "23"), ("4", "passer-by of 4"))
