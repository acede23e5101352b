"""Batches in which a share of the fakes are pseudo-fakes, each beside the real it was made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from thb.training.batches import BalancedBatches
from thb.training.data import Draw, LabelledClips
from thb_dataset.records import Label


class PseudoFakeBatches(Sampler[list[Draw]]):
    """The batches of another sampler, with pseudo-fakes in the place of some fakes.

    A pseudo-fake takes the place of the fake that comes next to its real, and the seed of its
    real: both are then the same clips, under the same augmentation. As many samples as before
    are drawn, and half of each batch is real. The order of the batches is left as it is.

    Args:
        batches: The batches of real and fake videos.
        videos: The videos that these number.
        share: The share of the fakes of each batch that are replaced.
        seed: The random seed of the choice.
    """

    drop_last = False

    def __init__(
        self, batches: BalancedBatches, videos: Sequence[LabelledClips], *, share: float, seed: int
    ) -> None:
        super().__init__()
        self.batch_size = batches.batch_size
        self._batches = batches
        self._videos = videos
        self._share = share
        self._seed = seed

    @property
    def epoch(self) -> int:
        """The number of the epoch, on which the batches depend."""
        return self._batches.epoch

    @epoch.setter
    def epoch(self, number: int) -> None:
        """Set the number of the epoch, which the other sampler has too."""
        self._batches.epoch = number

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        random = np.random.default_rng([self._seed, self.epoch, _OWN_STREAM])
        for batch in self._batches:
            yield self._replace(batch, random)

    def _replace(self, batch: list[Draw], random: np.random.Generator) -> list[Draw]:
        labels = [self._videos[index].label for index, _ in batch]
        reals = [place for place, label in enumerate(labels) if label is Label.REAL]
        fakes = [place for place, label in enumerate(labels) if label is Label.FAKE]
        pairs = [
            (real, fake)
            for real, fake in zip(reals, fakes, strict=False)
            if self._videos[batch[real][0]].pseudo_fakes
        ]
        wanted = min(len(pairs), int(self._share * len(fakes) + random.random()))
        changed = list(batch)
        for chosen in random.permutation(len(pairs))[:wanted]:
            real, fake = pairs[chosen]
            index, seed = batch[real]
            kind = int(random.integers(len(self._videos[index].pseudo_fakes)))
            changed[fake] = (number_pseudo_fake(index, kind, len(self._videos)), seed)
        return changed


_OWN_STREAM = 1
"""Parts the draws of pseudo-fakes from those of the batches, which have the same seed."""


def number_pseudo_fake(index: int, kind: int, videos: int) -> int:
    """Return the index under which :class:`~thb.training.data.TrainingClips` has a pseudo-fake.

    Args:
        index: The index of its real video.
        kind: The number of its kind among those of this video.
        videos: The number of all videos.
    """
    return (kind + 1) * videos + index
