"""Which detector is the best of a column beyond noise: the comparisons behind bold numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from metrics.talking_head_detection.bootstrap import Sample, paired_p_values
from metrics.talking_head_detection.delong import holm
from metrics.talking_head_detection.inputs import FloatArray
from metrics.talking_head_detection.roc import GRADED_FROM, T1, MetricError, roc_curve
from thb.evaluation.cells import FAMILY, MEAN
from thb.evaluation.pairs import Pair
from thb.reports.evaluations import Evaluation
from thb.reports.tables.table import GRADED, Contest

SIGNIFICANT: Final = 0.05
"""The adjusted p-value below which a difference is beyond noise."""
NO_PREDICTIONS: Final = "a detector has results without predictions"
OTHER_FOLDS: Final = "the detectors were scored on different folds"
OTHER_METHOD: Final = "T1 is read by another method than the benchmark's"
FEW_VIDEOS: Final = f"there are fewer than {GRADED_FROM} real videos or fakes"
FEW_RESAMPLES: Final = "there are too few resamples for this many comparisons"


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The best detector of each column, as far as the videos can tell.

    Attributes:
        contests: The comparisons that were made.
        best: The place, in the order given, of the detector that is the best beyond noise, by
            column.
        untested: Why no comparison was made, by column.
    """

    contests: tuple[Contest, ...]
    best: Mapping[str, int]
    untested: Mapping[str, str]

    def find_columns(self, place: int) -> set[str]:
        """Return the columns in which the detector at a place is the best."""
        return {column for column, best in self.best.items() if best == place}


def find_best(table: str, evaluations: Sequence[Evaluation], columns: Sequence[str]) -> Ranking:
    """Compare the two highest T1 of each column by a paired bootstrap, with Holm's adjustment.

    Only the videos that both detectors scored are compared. A column in which the second detector
    reaches the first one's T1 is not compared: there is nothing to tell apart.

    Args:
        table: The label of the table.
        evaluations: Detectors that were scored on the same videos of one protocol.
        columns: Generators, and :data:`MEAN`.
    """
    contests: list[Contest] = []
    winners: list[int] = []
    untested: dict[str, str] = {}
    for column in columns:
        places = _sort_places(evaluations, column)
        if len(places) < 2 or _read(evaluations[places[0]], column) == _read(
            evaluations[places[1]], column
        ):
            continue
        first, second = (evaluations[place] for place in places[:2])
        found = _compare(first, second, column, comparisons=len(columns))
        if isinstance(found, str):
            untested[column] = found
            continue
        difference, p_value = found
        winners.append(places[0])
        contests.append(
            Contest(
                table=table,
                release=first.result.release.name,
                column=column,
                first=first.result.title,
                second=second.result.title,
                difference=round(difference, 6),
                p_value=round(p_value, 6),
                adjusted=p_value,
            )
        )
    adjusted = holm([contest.p_value for contest in contests])
    contests = [
        replace(contest, adjusted=round(value, 6))
        for contest, value in zip(contests, adjusted, strict=True)
    ]
    best = {
        contest.column: winner
        for contest, winner in zip(contests, winners, strict=True)
        if contest.adjusted < SIGNIFICANT and contest.difference > 0
    }
    return Ranking(contests=tuple(contests), best=best, untested=untested)


def _sort_places(evaluations: Sequence[Evaluation], column: str) -> list[int]:
    """Return the places of the detectors with a T1 in a column, the highest first."""
    values = {place: _read(evaluation, column) for place, evaluation in enumerate(evaluations)}
    known = {place: value for place, value in values.items() if value is not None}
    return sorted(known, key=lambda place: -known[place])


def _read(evaluation: Evaluation, column: str) -> float | None:
    """Return the T1 of a column, rounded as it is shown; None if there is none."""
    result = evaluation.result
    measured = [
        cell.measures
        for cell in result.cells
        if cell.part in ("test", FAMILY) and cell.generator == column
    ]
    for measures in [result.mean] if column == MEAN else measured:
        if GRADED in measures:
            return round(measures[GRADED].value, 6)
    return None


def _compare(
    first: Evaluation, second: Evaluation, column: str, *, comparisons: int
) -> tuple[float, float] | str:
    """Return the difference in T1 and its p-value, or why there are none."""
    obstacle = _find_obstacle(first, second, comparisons)
    if obstacle is not None:
        return obstacle
    pairs = [find_pairs(evaluation, column) for evaluation in (first, second)]
    if pairs[0].keys() != pairs[1].keys():
        return OTHER_FOLDS
    matched = [match_pair(pairs[0][name], pairs[1][name]) for name in pairs[0]]
    if any(np.bincount(sample.labels, minlength=2).min() < GRADED_FROM for sample, _ in matched):
        return FEW_VIDEOS
    samples, others = [sample for sample, _ in matched], [scores for _, scores in matched]
    settings = first.result.settings
    try:
        p_values = paired_p_values(
            samples, others, replicates=settings.n_bootstrap, seed=settings.seed
        )
    except MetricError as error:
        return str(error)
    differences = [
        roc_curve(sample.labels, sample.scores).at_fpr(T1).tpr
        - roc_curve(sample.labels, scores).at_fpr(T1).tpr
        for sample, scores in matched
    ]
    return float(np.mean(differences)), p_values[GRADED]


def _find_obstacle(first: Evaluation, second: Evaluation, comparisons: int) -> str | None:
    """Return why two detectors cannot be compared at all; None if they can."""
    own, other = first.result, second.result
    if not first.folds or not second.folds:
        return NO_PREDICTIONS
    if {own.settings.method, other.settings.method} != {"conservative"}:
        return OTHER_METHOD
    least_p_value = 2 / (own.settings.n_bootstrap + 1)
    return FEW_RESAMPLES if least_p_value * comparisons >= SIGNIFICANT else None


def find_pairs(evaluation: Evaluation, column: str) -> dict[tuple[str, str], Pair]:
    """Return the pairs behind a column, by fold and generator.

    Args:
        evaluation: A detector on one protocol.
        column: A generator, or :data:`MEAN`.
    """
    over = evaluation.result.mean_over if column == MEAN else (column,)
    return {
        (pair.cell.fold, pair.cell.generator): pair
        for pair in evaluation.pairs
        if pair.cell.part in ("test", FAMILY) and pair.cell.generator in over
    }


def match_pair(first: Pair, second: Pair) -> tuple[Sample, FloatArray]:
    """Return the first pair's videos that the second has too, and the second's scores of them.

    Args:
        first: The fakes of a generator and the real videos, as one detector scored them.
        second: The same generator and fold, as another detector scored them.
    """
    scores = {row.video_id: value for row, value in zip(second.rows, second.scores, strict=True)}
    kept = [at for at, row in enumerate(first.rows) if row.video_id in scores]
    whole = first.sample
    sample = Sample(
        first.labels[kept],
        first.scores[kept],
        [[keys[at] for at in kept] for keys in whole.factors],
    )
    return sample, np.array([scores[first.rows[at].video_id] for at in kept], np.float64)
