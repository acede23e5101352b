"""The order in which a training draws its videos: evenly from both classes, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from thb.training.data import Draw
from thb.training.pairs import draw_partners
from thb_dataset.records import Label


class BalancedBatches(Sampler[list[Draw]]):
    """The batches of each epoch, half real and half fake.

    An epoch shows every video of the larger class ``draws`` times, and those of the smaller class
    as often as it takes. All batches are full: the last one is filled up with a new draw.

    Args:
        labels: The labels of the videos; both classes occur.
        batch_size: The number of videos in a batch; even.
        seed: The random seed; the batches depend on it and on ``epoch`` alone.
        draws: The samples that an epoch draws from each video of the larger class.
        partners: The reals that may stand beside each fake, as
            :func:`thb.training.pairs.find_partners` says; None leaves that to chance.
    """

    drop_last = False

    def __init__(
        self,
        labels: Sequence[Label],
        *,
        batch_size: int,
        seed: int,
        draws: int = 1,
        partners: Sequence[Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self._partners = partners
        self.batch_size = batch_size
        self._draws = draws
        self.epoch = 0
        self._seed = seed
        self._classes = [
            np.array([index for index, label in enumerate(labels) if label is wanted])
            for wanted in (Label.REAL, Label.FAKE)
        ]

    def __len__(self) -> int:
        larger = max(len(members) for members in self._classes)
        return math.ceil(larger * self._draws / (self.batch_size // 2))

    def __iter__(self) -> Iterator[list[Draw]]:
        random = np.random.default_rng([self._seed, self.epoch])
        half, count = self.batch_size // 2, len(self) * (self.batch_size // 2)
        reals, fakes = (_draw_evenly(members, count, random) for members in self._classes)
        if self._partners is not None:
            reals = draw_partners(fakes, self._partners, reals)
        seeds = random.integers(2**62, size=(len(self), self.batch_size))
        for step in range(len(self)):
            part = slice(step * half, (step + 1) * half)
            # Real and fake alternate, so that the share of every process is balanced too.
            batch = np.stack([reals[part], fakes[part]], axis=1).ravel()
            yield [(int(index), int(seed)) for index, seed in zip(batch, seeds[step], strict=True)]


def _draw_evenly(
    members: npt.NDArray[np.int64], count: int, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw ``count`` members; no member is drawn more than once more often than another."""
    rounds = -(-count // len(members))
    return np.concatenate([random.permutation(members) for _ in range(rounds)])[:count]
