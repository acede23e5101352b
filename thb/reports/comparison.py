"""Two detectors on the same videos: how far apart they are, and whether the videos can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
from thb.evaluation.cells import NoFacePolicy, ScoreSettings
from thb.evaluation.score import score
from thb.evaluation.tables import RESOLUTION_NOTE, TITLES
from thb.prediction.predictions import Predictions
from thb.reports.evaluations import Evaluation, read_evaluations
from thb.reports.tables.contests import SIGNIFICANT, find_pairs, match_pair
from thb.reports.tables.table import MEAN
from thb.runtime.text import markdown_row, printable
from thb_dataset.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd

COMPARED: Final = ("auc", "t1", "t01")
_TARGETS: Final = {"t1": T1, "t01": T01}
_FEW: Final = "‡"
_COLUMNS: Final = ("", "generator", "fake, real", "difference", "p", "p, Holm", "p, DeLong", "")
_NOTES: Final = (
    "Brackets hold the 95 % interval of the difference, and p its two-sided p-value: both detectors"
    " are measured on the same resamples of drivers and portraits. Holm's p allows for the number"
    " of rows of a metric. DeLong's p takes every video to be independent.",
    f"{_FEW} fewer than {GRADED_FROM} fakes or real videos: intervals and p-values are rough, and"
    " there is no verdict.",
)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far two detectors are apart in one number, over the videos that both scored.

    Attributes:
        metric: ``auc``, ``t1`` or ``t01``.
        generator: The generator of the fakes; ``mean`` for the mean over the generators.
        n_fake: The number of fakes.
        n_real: The number of real videos.
        first: The first detector's number.
        second: The second detector's number.
        difference: The first number minus the second.
        low: The lower end of the 95 % interval of the difference, by the paired bootstrap over
            drivers and portraits; None if there is too little to resample.
        high: The upper end of that interval.
        p_value: The two-sided p-value of "both are equal", by the same resamples.
        adjusted: The p-value after Holm's adjustment for the number of rows of this metric.
        delong_p_value: DeLong's p-value of the AUC, which takes every video to be independent;
            None for other metrics and for the mean.
        few: Whether there are fewer than 100 fakes or real videos.
        below_resolution: Whether there are fewer real videos than 1 / target, so that a single one
            decides T1 or T0.1.
    """

    metric: str
    generator: str
    n_fake: int
    n_real: int
    first: float
    second: float
    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    adjusted: float | None = None
    delong_p_value: float | None = None
    few: bool = False
    below_resolution: bool = False

    @property
    def better(self) -> str | None:
        """``first`` or ``second`` if that one is better beyond noise; None if nobody can say."""
        unsure = self.few or self.below_resolution or self.adjusted is None
        if unsure or self.adjusted is None or self.adjusted >= SIGNIFICANT:
            return None
        return "first" if self.difference > 0 else "second"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two detectors on one protocol.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``.
        first: What the first detector is called.
        second: What the second one is called.
        differences: A row for each metric and generator, and one for each metric's mean.
    """

    protocol: str
    first: str
    second: str
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        rows = [{**asdict(row), "better": row.better} for row in self.differences]
        return {**asdict(self), "differences": rows}

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each metric and generator."""
        import pandas as pd

        return pd.DataFrame(self.to_dict()["differences"])

    def to_markdown(self) -> str:
        """Return the table in Markdown, and what its marks mean."""
        first, second = printable(self.first), printable(self.second)
        columns = [*_COLUMNS[:3], self.first, self.second, *_COLUMNS[3:]]
        lines = [
            f"**{self.protocol.upper()}: {first} minus {second}**",
            "",
            markdown_row(columns),
            markdown_row(["---"] * 3 + ["---:"] * 6 + ["---"]),
            *(markdown_row(self._write_row(row)) for row in self.differences),
            "",
            *_NOTES,
            RESOLUTION_NOTE,
            "",
        ]
        return "\n".join(lines)

    def _write_row(self, row: Difference) -> list[str]:
        name = {"first": self.first, "second": self.second}.get(row.better or "")
        mark = "†" if row.below_resolution else ""
        interval = ""
        if row.low is not None and row.high is not None:
            interval = f" [{row.low:+.2f}, {row.high:+.2f}]"
        return [
            TITLES[row.metric],
            row.generator,
            f"{row.n_fake}, {row.n_real}{_FEW if row.few else ''}",
            f"{row.first:.3f}{mark}",
            f"{row.second:.3f}{mark}",
            f"{row.difference:+.3f}{interval}",
            *map(_write_p, (row.p_value, row.adjusted, row.delong_p_value)),
            f"{name} is better" if name else "cannot tell",
        ]

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


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


def _write_p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
