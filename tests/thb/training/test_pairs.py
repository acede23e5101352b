"""Pairs of one source side by side in a batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from thb.training.batches import BalancedBatches
from thb.training.pairs import draw_partners, find_partners
from thb_dataset.records import Label


@dataclass(frozen=True)
class Video:
    video_id: str
    label: Label
    driver: str | None = None


REALS = ("CelebV-HQ/abc_1", "CelebV-HQ/abc_2", "CelebV-HQ/x_y_10", "FaceForensics++/007")
DRIVERS = ("abc_2", "abc_7", "x_y_3", "unheard_of_0", None, "abc_1", "abc_1")
VIDEOS = [
    *(Video(f"Hallo/{n}", Label.FAKE, driver) for n, driver in enumerate(DRIVERS)),
    *(Video(name, Label.REAL) for name in REALS),
]


def test_kin_is_the_driver_or_a_clip_of_its_source() -> None:
    first = len(DRIVERS)
    own = {"abc_1": (first,), "abc_2": (first + 1,)}
    wanted = [own["abc_2"], (first, first + 1), (first + 2,), (), (), own["abc_1"], own["abc_1"]]
    assert find_partners(VIDEOS) == [*wanted, (), (), (), ()]


def read_epoch(batches: BalancedBatches, epoch: int) -> list[tuple[int, int]]:
    batches.epoch = epoch
    return [(batch[n][0], batch[n + 1][0]) for batch in batches for n in range(0, len(batch), 2)]


def test_every_fake_stands_beside_its_kin_and_every_real_is_seen() -> None:
    labels, partners = [video.label for video in VIDEOS], find_partners(VIDEOS)
    batches = BalancedBatches(labels, batch_size=4, seed=5, draws=3, partners=partners)
    epochs = [read_epoch(batches, epoch) for epoch in (0, 1, 0)]
    assert epochs[0] == epochs[2] != epochs[1]
    for pairs in epochs:
        assert len(pairs) == 22
        assert {labels[real] for real, _ in pairs} == {Label.REAL}
        assert all(real in (partners[fake] or range(7, 11)) for real, fake in pairs)
        fakes = Counter(fake for _, fake in pairs)
        assert {*fakes.values()} <= {3, 4}
        assert {real for real, _ in pairs} == {*range(7, 11)}
    other = BalancedBatches(labels, batch_size=4, seed=6, draws=3, partners=partners)
    assert read_epoch(other, 0) != epochs[0]


def test_reals_without_a_fake_of_their_own_make_up_for_it() -> None:
    partners = [(3,), (), (), (), ()]
    fakes, reals = np.array([0, 1, 2, 0, 1, 2]), np.array([4, 3, 4, 3, 4, 3])
    assert draw_partners(fakes, partners, reals).tolist() == [3, 4, 4, 3, 4, 3]
