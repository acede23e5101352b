"""Pairs: the scored fakes of one generator, or of a family, beside the real videos of a fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from metrics.talking_head_detection.bootstrap import Sample
from metrics.talking_head_detection.inputs import FloatArray, IntArray
from thb.evaluation.cells import FAMILY, Cell, NoFacePolicy
from thb.prediction.predictions import Prediction, Predictions, Status
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import ResultError
from thb_dataset.records import RealDataset

_ASSUMED = {"as_real": 0.0, "as_fake": 1.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """The scored fakes of one generator, or a family, and the real videos they are compared with.

    Attributes:
        cell: The fold, the generator and the numbers of videos, without measures.
        rows: The N rows, sorted by ``video_id``.
        labels: int64 (N,), 0 for real and 1 for fake.
        scores: float64 (N,), P(fake).
    """

    cell: Cell
    rows: Sequence[Prediction]
    labels: IntArray
    scores: FloatArray

    @property
    def sources(self) -> list[str]:
        """The generator of each fake and the dataset of each real video."""
        return [str(row.generator or row.real_dataset) for row in self.rows]

    @property
    def sample(self) -> Sample:
        """The videos with their drivers and portraits, for resampling."""
        drivers = [
            row.driver if row.label else name_clip(row.video_id, row.real_dataset)
            for row in self.rows
        ]
        return Sample(self.labels, self.scores, (drivers, [row.portrait for row in self.rows]))


def name_clip(video_id: str, real_dataset: str | None) -> str:
    """Return a real video's name as a driver, so that it is resampled with the fakes it drives.

    Args:
        video_id: The id of the real video.
        real_dataset: The dataset that it comes from.
    """
    if real_dataset == RealDataset.CELEBV_HQ:
        return video_id.rpartition("/")[2]
    return video_id


def pair_up(
    fold: str, rows: Sequence[Prediction], no_face: NoFacePolicy, *, family: str | None = None
) -> list[Pair]:
    """Return a pair for each generator of a fold, the test-only generators last.

    A fold that holds a family out has one more pair, of the fakes of all its members together.

    Args:
        fold: The name of the fold.
        rows: All rows of the fold; those without a score are left out and counted.
        no_face: How a video without a face counts.
        family: The family that the fold holds out; None for a fold of the paper's protocols.

    Raises:
        ResultError: A video has several rows, or a row has no label or no generator.
    """
    _check_rows(fold, rows)
    rows = sorted(rows, key=lambda row: row.video_id)  # the bootstrap depends on their order
    groups: dict[tuple[str, str], list[Prediction]] = {}
    for row in rows:
        if row.label == 1:
            groups.setdefault((row.split, str(row.generator)), []).append(row)
            if family is not None and row.split == "test":
                groups.setdefault((FAMILY, family), []).append(row)
    reals = [row for row in rows if row.label == 0]
    order = ("test", FAMILY)
    places = {part: order.index(part) if part in order else len(order) for part, _ in groups}
    return [
        _make_pair(
            Cell(fold=fold, generator=generator, part=part, n_real=0, n_fake=0),
            sorted([*reals, *groups[part, generator]], key=lambda row: row.video_id),
            no_face,
        )
        for part, generator in sorted(groups, key=lambda name: (places[name[0]], name))
    ]


def pair_folds(folds: Iterable[Predictions], no_face: NoFacePolicy) -> tuple[Pair, ...]:
    """Return the pairs of all folds; predictions that name no fold have none.

    Args:
        folds: The predictions of each fold.
        no_face: How a video without a face counts.

    Raises:
        ResultError: A row cannot be paired; see :func:`pair_up`.
    """
    return tuple(
        pair
        for fold in folds
        if isinstance(fold.run, FoldScoringRecord)
        for pair in pair_up(fold.run.fold, fold.rows, no_face, family=fold.run.family)
    )


def _check_rows(fold: str, rows: Sequence[Prediction]) -> None:
    twice = sorted(name for name, n in Counter(row.video_id for row in rows).items() if n > 1)
    if twice:
        raise ResultError(
            f"{fold}: {len(twice)} videos have two or more rows, the first is {twice[0]}"
        )
    unlabelled = [row.video_id for row in rows if row.label is None]
    if unlabelled:
        raise ResultError(
            f"{fold}: {len(unlabelled)} rows have no label, the first is {unlabelled[0]}"
        )
    nameless = [row.video_id for row in rows if row.label == 1 and row.generator is None]
    if nameless:
        raise ResultError(f"{fold}: the fake {nameless[0]} has no generator")


def _make_pair(cell: Cell, rows: Sequence[Prediction], no_face: NoFacePolicy) -> Pair:
    assumed = {
        row.video_id: _ASSUMED[no_face]
        for row in rows
        if row.status is Status.NO_FACE and no_face in _ASSUMED
    }
    values = [(row, assumed.get(row.video_id, row.score)) for row in rows]
    scored = [(row, value) for row, value in values if value is not None]
    unscored = Counter(str(row.status) for row, value in values if value is None)
    labels = [int(row.label or 0) for row, _ in scored]
    return Pair(
        cell=replace(
            cell,
            n_real=labels.count(0),
            n_fake=labels.count(1),
            unscored=dict(sorted(unscored.items())),
            assumed=len(assumed),
        ),
        rows=[row for row, _ in scored],
        labels=np.array(labels, np.int64),
        scores=np.array([value for _, value in scored], np.float64),
    )
