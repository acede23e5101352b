"""The scored videos behind figures: the fakes of a generator beside the real videos of its fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.talking_head_detection.inputs import FloatArray, IntArray
from thb.prediction.predictions import Predictions
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import ResultError


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredPair:
    """The fakes of one generator and the real videos they are compared with.

    Attributes:
        protocol: The protocol.
        fold: The fold.
        generator: The generator of the fakes.
        labels: int64 (N,), 0 for real and 1 for fake.
        scores: float64 (N,), P(fake).
        sources: (N,), the generator of each fake and the dataset of each real video.
    """

    protocol: str
    fold: str
    generator: str
    labels: IntArray
    scores: FloatArray
    sources: tuple[str, ...]

    @property
    def n_real(self) -> int:
        """The number of real videos."""
        return int((self.labels == 0).sum())


def pair_scores(folds: Sequence[Predictions], *, part: str = "test") -> list[ScoredPair]:
    """Return the pairs of a protocol that hold both classes; videos without a score are left out.

    Args:
        folds: The predictions of the protocol's folds.
        part: ``test``, or ``extra`` for the test-only generators.

    Raises:
        ResultError: The predictions do not name their protocol, or hold no such pair.
    """
    pairs = [pair for fold in folds for pair in _pair_fold(fold, part)]
    if not pairs:
        raise ResultError("the predictions hold no scored fakes beside scored real videos")
    return pairs


def _pair_fold(fold: Predictions, part: str) -> list[ScoredPair]:
    run = fold.run
    if not isinstance(run, FoldScoringRecord):
        raise ResultError("the predictions do not name their protocol and fold")
    scored = [row for row in fold.rows if row.score is not None]
    reals = [row for row in scored if row.label == 0]
    generators = sorted(
        {str(row.generator) for row in scored if row.label == 1 and row.split == part}
    )
    pairs = []
    for generator in generators:
        fakes = [
            row
            for row in scored
            if row.label == 1 and (row.split, row.generator) == (part, generator)
        ]
        if not reals:
            continue
        rows = [*reals, *fakes]
        pairs.append(
            ScoredPair(
                protocol=run.protocol,
                fold=run.fold,
                generator=generator,
                labels=np.array([row.label for row in rows], np.int64),
                scores=np.array([row.score for row in rows], np.float64),
                sources=tuple(str(row.generator or row.real_dataset) for row in rows),
            )
        )
    return pairs
