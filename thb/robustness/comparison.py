"""How much better a detector is than the metadata of the same videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.talking_head_detection.delong import compare_aucs
from metrics.talking_head_detection.roc import MetricError, auc
from thb.evaluation.pairs import Pair


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The AUC of a detector minus that of a metadata-only classifier, on the same videos.

    Attributes:
        detector: What the detector is called in tables.
        against: What the metadata-only classifier is called.
        fold: The name of the fold.
        generator: The generator of the fakes.
        n_real: The number of real videos that both scored.
        n_fake: The number of fakes that both scored.
        auc: The detector's AUC on these videos.
        metadata_auc: The classifier's AUC on them.
        low: The lower end of DeLong's 95 % interval of the difference.
        high: Its upper end.
    """

    detector: str
    against: str
    fold: str
    generator: str
    n_real: int
    n_fake: int
    auc: float
    metadata_auc: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The detector's AUC minus the classifier's."""
        return self.auc - self.metadata_auc


def compare_pairs(
    names: tuple[str, str], pairs: Sequence[Pair], metadata: Sequence[Pair]
) -> tuple[Difference, ...]:
    """Compare a detector with a metadata-only classifier, generator by generator.

    Args:
        names: What the detector and the classifier are called in tables.
        pairs: The detector's pairs of fakes and real videos.
        metadata: The classifier's pairs.

    Returns:
        A difference for each fold and generator that both scored; cells in which a class has fewer
        than two videos are left out.
    """
    others = {(pair.cell.fold, pair.cell.generator): pair for pair in metadata}
    found = (
        _compare(names, pair, others[key])
        for pair in pairs
        if (key := (pair.cell.fold, pair.cell.generator)) in others
    )
    return tuple(difference for difference in found if difference is not None)


def _compare(names: tuple[str, str], pair: Pair, other: Pair) -> Difference | None:
    known = {row.video_id: score for row, score in zip(other.rows, other.scores, strict=True)}
    both = [at for at, row in enumerate(pair.rows) if row.video_id in known]
    labels, scores = pair.labels[both], pair.scores[both]
    rivals = np.array([known[pair.rows[at].video_id] for at in both], np.float64)
    try:
        comparison = compare_aucs(labels, scores, rivals)
    except MetricError:
        return None
    return Difference(
        detector=names[0],
        against=names[1],
        fold=pair.cell.fold,
        generator=pair.cell.generator,
        n_real=int((labels == 0).sum()),
        n_fake=int((labels == 1).sum()),
        auc=auc(labels, scores),
        metadata_auc=auc(labels, rivals),
        low=comparison.interval.low,
        high=comparison.interval.high,
    )
