"""Compare two detectors on the same videos: by a paired bootstrap, DeLong's test and Holm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from metrics.talking_head_detection.bootstrap import Sample, paired_bootstrap, paired_p_values
from metrics.talking_head_detection.delong import compare_aucs, holm
from metrics.talking_head_detection.inputs import FloatArray
from metrics.talking_head_detection.roc import (
    GRADED_FROM,
    T01,
    T1,
    Interval,
    MetricError,
    auc,
    tpr_at_fpr,
)
from thb.evaluation.cells import MEAN, NoFacePolicy, ScoreSettings
from thb.evaluation.score import score
from thb.prediction.predictions import Predictions
from thb.reports.comparison import Comparison, Difference
from thb.reports.evaluations import Evaluation, read_evaluations
from thb.reports.tables.contests import find_pairs, match_pair
from thb_dataset.errors import ResultError

COMPARED: Final = ("auc", "t1", "t01")
_TARGETS: Final = {"t1": T1, "t01": T01}


def compare(
    first: Predictions | str | Path,
    second: Predictions | str | Path,
    *,
    protocol: str | None = None,
    no_face: NoFacePolicy = "exclude",
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare two detectors on the videos of a protocol that both of them scored.

    Args:
        first: The first detector: its run folder, a file ``predictions.parquet``, or predictions.
        second: The second detector, likewise.
        protocol: ``p1``, ``p2`` or ``p3``; None if there is only one that both have.
        no_face: How a video without a face counts.
        n_bootstrap: The number of resamples of drivers and portraits.
        seed: The seed of the resampling.

    Raises:
        ResultError: A detector has no predictions of the protocol, the two were scored on other
            folds or generators, or they share no fake or no real video.
        SettingsError: A path does not exist.

    Examples:
        >>> found = thb.compare("runs/tall", "runs/tall", protocol="p1", n_bootstrap=20)
        >>> {row.better for row in found.differences}
        {None}
    """
    settings = ScoreSettings(no_face=no_face, n_bootstrap=n_bootstrap, seed=seed)
    one, other = _choose(_open(first, settings), _open(second, settings), protocol)
    columns = [*one.result.mean_over, MEAN]
    matched = {column: _match(one, other, column, settings) for column in columns}
    rows = [
        row
        for metric in COMPARED
        for row in _adjust([_compare(metric, name, found) for name, found in matched.items()])
    ]
    names = [one.result.title, other.result.title]
    if names[0] == names[1]:
        names = [f"{names[0]} (first)", f"{names[1]} (second)"]
    return Comparison(
        protocol=one.result.protocol, first=names[0], second=names[1], differences=tuple(rows)
    )


def _open(given: Predictions | str | Path, settings: ScoreSettings) -> dict[str, Evaluation]:
    """Return what there is of a detector, by protocol."""
    if isinstance(given, Predictions):
        result = score(given, no_face=settings.no_face, n_bootstrap=0)
        return {result.protocol: Evaluation(result=result, folds=(given,))}
    quick = replace(settings, n_bootstrap=0)  # the numbers of each are not shown with intervals
    found = [one for one in read_evaluations([given], settings=quick) if one.folds]
    if not found:
        raise ResultError(f"{given} holds no predictions; thb evaluate writes them")
    protocols = [one.result.protocol for one in found]
    if len(set(protocols)) < len(protocols):
        raise ResultError(f"{given} holds several detectors: name the folder of one of them")
    return dict(zip(protocols, found, strict=True))


def _choose(
    first: dict[str, Evaluation], second: dict[str, Evaluation], protocol: str | None
) -> tuple[Evaluation, Evaluation]:
    """Return both detectors on the protocol to compare."""
    shared = sorted(first.keys() & second.keys())
    wanted = shared if protocol is None else [name for name in shared if name == protocol]
    if len(wanted) != 1:
        have = [", ".join(sorted(found)) or "none" for found in (first, second)]
        raise ResultError(
            "name one protocol that both detectors were scored on; the first has predictions for"
            f" {have[0]}, the second for {have[1]}"
        )
    one, other = first[wanted[0]], second[wanted[0]]
    if one.result.release.identity != other.result.release.identity:
        raise ResultError(
            f"the detectors were scored on two releases, {one.result.release} and"
            f" {other.result.release}: score both on one"
        )
    return one, other


@dataclass(frozen=True, kw_only=True)
class _Matched:
    """The videos behind a column that both detectors scored, and what resampling them gives.

    Attributes:
        samples: The first detector's scores, for each fold and generator.
        others: The second detector's scores of the same videos.
        labels: The label of each video, by its name.
        intervals: The interval of each difference, by metric; empty if there is too little.
        p_values: The p-value of each difference, by metric.
    """

    samples: Sequence[Sample]
    others: Sequence[FloatArray]
    labels: Mapping[str, int]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    p_values: Mapping[str, float] = field(default_factory=dict)

    @property
    def fewest(self) -> tuple[int, int]:
        """The fewest real videos and the fewest fakes behind a number."""
        counts = [np.bincount(np.asarray(one.labels), minlength=2) for one in self.samples]
        return min(int(own[0]) for own in counts), min(int(own[1]) for own in counts)

    def measure(self, metric: str) -> tuple[float, float]:
        """Return the number of the first detector and that of the second."""
        both = zip(self.samples, self.others, strict=True)
        pairs = [
            (_measure(metric, one.labels, one.scores), _measure(metric, one.labels, scores))
            for one, scores in both
        ]
        first, second = np.mean(pairs, axis=0).tolist()
        return first, second


def _match(first: Evaluation, second: Evaluation, column: str, settings: ScoreSettings) -> _Matched:
    """Match the videos behind a column, and resample them."""
    pairs, others = find_pairs(first, column), find_pairs(second, column)
    if not pairs or pairs.keys() != others.keys():
        raise ResultError(
            f"{first.result.title} and {second.result.title} were not scored on the same folds and"
            f" generators ({column}): evaluate both on the whole protocol"
        )
    samples, scores = [], []
    labels: dict[str, int] = {}
    for name, pair in pairs.items():
        sample, other = match_pair(pair, others[name])
        shared = {row.video_id for row in others[name].rows}
        known = {row.video_id: int(row.label or 0) for row in pair.rows if row.video_id in shared}
        if len(set(known.values())) < 2:
            raise ResultError(f"{' '.join(name)}: both detectors share no fake, or no real video")
        samples.append(sample)
        scores.append(other)
        labels |= known
    matched = _Matched(samples=samples, others=scores, labels=labels)
    options = {"replicates": settings.n_bootstrap, "seed": settings.seed}
    try:
        intervals = paired_bootstrap(samples, scores, **options)
        return replace(
            matched, intervals=intervals, p_values=paired_p_values(samples, scores, **options)
        )
    except MetricError:  # there are too few clusters to resample
        return matched


def _compare(metric: str, column: str, matched: _Matched) -> Difference:
    first, second = matched.measure(metric)
    n_real, n_fake = matched.fewest
    interval = matched.intervals.get(metric)
    delong = None
    if metric == "auc" and column != MEAN and min(n_real, n_fake) > 1:
        sample = matched.samples[0]
        delong = compare_aucs(sample.labels, sample.scores, matched.others[0]).p_value
    return Difference(
        metric=metric,
        generator=column,
        n_fake=sum(matched.labels.values()),
        n_real=len(matched.labels) - sum(matched.labels.values()),
        first=first,
        second=second,
        difference=first - second,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        p_value=matched.p_values.get(metric),
        delong_p_value=delong,
        few=min(n_real, n_fake) < GRADED_FROM,
        below_resolution=metric in _TARGETS and n_real * _TARGETS[metric] < 1,
    )


def _measure(metric: str, labels: Any, scores: Any) -> float:  # noqa: ANN401 — array-likes
    if metric == "auc":
        return auc(labels, scores)
    return tpr_at_fpr(labels, scores, _TARGETS[metric]).tpr


def _adjust(rows: Sequence[Difference]) -> list[Difference]:
    """Give each row the p-value that allows for the number of rows."""
    known = [row.p_value for row in rows if row.p_value is not None]
    adjusted = iter(holm(known))
    return [row if row.p_value is None else replace(row, adjusted=next(adjusted)) for row in rows]
