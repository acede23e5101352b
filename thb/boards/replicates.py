"""The paired bootstrap of a board: the same resamples of the same videos for every detector.

Every cluster of videos (a driver, a portrait, a real clip, or all that chains of them link) is
drawn a Poisson(1) number of times in each resample (Owen and Eckles, Annals of Applied Statistics
2012). Its numbers follow from the seed and the cluster's first video alone: they do not depend on
the detectors, on the order of anything, or on the other videos. The first column of the weights is
all ones, so that column 0 of what is measured is the number itself and not a resample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from metrics.talking_head_detection.bootstrap import Sample, find_clusters
from metrics.talking_head_detection.inputs import FloatArray, IntArray
from metrics.talking_head_detection.roc import T01, T1
from thb.boards.reference import FoldVideos
from thb.evaluation.pairs import name_clip
from thb_dataset.errors import ResultError

if TYPE_CHECKING:
    import pyarrow as pa

Weights = npt.NDArray[np.float32]
"""How often each video is drawn: whole numbers far below 2**24, which float32 holds exactly."""

Part = tuple[str, str]
"""A part (``test``, ``extra``) and a generator."""

_FEWEST_REALS: Final = 64
"""The thresholds of T1 and T0.1 are looked for among this many of the highest real scores first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldWeights:
    """The weights of a fold's videos, those of each group in one piece.

    Attributes:
        fold: The videos.
        reals: float32 (R, 1 + B).
        fakes: float32 (F, 1 + B) by part and generator.
    """

    fold: FoldVideos
    reals: Weights
    fakes: dict[Part, Weights]

    @cached_property
    def n_reals(self) -> IntArray:
        """The number of real videos in each resample: int64 (1 + B,)."""
        numbers: IntArray = self.reals.sum(axis=0, dtype=np.float64).astype(np.int64)
        return numbers


def draw_weights(folds: Sequence[FoldVideos], replicates: int, seed: int) -> dict[str, FoldWeights]:
    """Draw how often each video of all folds counts in each resample.

    Args:
        folds: The folds of all protocols: a video in several of them is drawn equally often.
        replicates: The number B of resamples.
        seed: The seed.

    Returns:
        The weights by the name of the fold.

    Raises:
        ResultError: The folds hold videos of one class only.
    """
    rows = {video.video_id: video for fold in folds for video in _list_videos(fold.videos)}
    names = sorted(rows)
    videos = [rows[name] for name in names]
    drivers = [
        video.driver if video.label else name_clip(video.video_id, video.real_dataset)
        for video in videos
    ]
    sample = Sample(
        [video.label for video in videos],
        [0.5] * len(videos),
        (drivers, [video.portrait for video in videos]),
    )
    try:
        clusters = find_clusters([sample])
    except ValueError as error:
        raise ResultError(f"the videos of the submissions cannot be resampled: {error}") from error
    weights = np.ones((len(names), 1 + replicates), np.float32)
    for codes in clusters:
        _multiply(weights, names, codes, seed)
    places = {name: place for place, name in enumerate(names)}
    return {fold.fold: _gather(fold, places, weights) for fold in folds}


class _Video(NamedTuple):
    """What decides with which other videos a video is drawn."""

    video_id: str
    label: int
    driver: str | None
    portrait: str | None
    real_dataset: str | None


def _list_videos(videos: pa.Table) -> Iterator[_Video]:
    columns = (videos[name].to_pylist() for name in _Video._fields)
    return map(_Video._make, zip(*columns, strict=True))


def _multiply(weights: Weights, names: Sequence[str], codes: IntArray, seed: int) -> None:
    """Multiply the weights of each cluster's videos by how often the cluster is drawn."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=codes[order][:1] - 1))
    for members in np.split(order, starts[1:]):
        if codes[members[0]] < 0:  # no key of this factor
            continue
        word = hashlib.sha256(names[members[0]].encode("utf-8", "backslashreplace")).digest()
        rng = np.random.default_rng([seed, *np.frombuffer(word, np.uint32).tolist()])
        weights[members, 1:] *= rng.poisson(1.0, weights.shape[1] - 1).astype(np.float32)


def _gather(fold: FoldVideos, places: dict[str, int], weights: Weights) -> FoldWeights:
    rows = np.array([places[name] for name in fold.videos["video_id"].to_pylist()], np.int64)
    return FoldWeights(
        fold=fold,
        reals=weights[rows[fold.reals]],
        fakes={part: weights[rows[own]] for part, own in fold.fakes.items()},
    )


def measure_fold(
    weights: FoldWeights, scores: Sequence[FloatArray]
) -> list[dict[Part, FloatArray]]:
    """Measure detectors on a fold, on all of its videos and in each resample.

    Args:
        weights: The weights of the fold's videos.
        scores: float64 (N,) of each detector, P(fake); NaN for a video without a score, which is
            left out. Several detectors at a time are measured faster than one after another.

    Returns:
        For each detector AUC, T1, T0.1 and Brier by part and generator, float64 (4, 1 + B): the
        numbers themselves in column 0. The resamples of the AUC are those of its two means (for
        each fake the share of real videos below it, for each real video the share of fakes above
        it), which is how DeLong's variance sees it. NaN where a class is missing.
    """
    curves = [{part: _make_curve(weights, own, part) for part in weights.fakes} for own in scores]
    cuts = [_find_cuts(weights, own[weights.fold.reals]) for own in scores]
    reals = _sum(
        [row for own in curves for curve in own.values() for row in curve.of_reals], weights.reals
    )
    measured: list[dict[Part, FloatArray]] = [{} for _ in scores]
    for part, drawn in weights.fakes.items():
        hits = [_find_hits(own[part], one) for own, one in zip(curves, cuts, strict=True)]
        rows = zip(hits, curves, strict=True)
        fakes = _sum([row for hit, own in rows for row in (hit.sure, *own[part].of_fakes)], drawn)
        for at, (hit, own) in enumerate(zip(hits, curves, strict=True)):
            place = 3 * (at * len(weights.fakes) + list(weights.fakes).index(part))
            measured[at][part] = _combine(
                own[part], hit, drawn, fakes[4 * at : 4 * at + 4], reals[place : place + 3]
            )
    return measured


def _sum(rows: Sequence[FloatArray], weights: Weights) -> FloatArray:
    """Return the weighted sums of rows of values in each resample: float64 (len(rows), 1 + B)."""
    sums: FloatArray = (np.stack(rows).astype(np.float32) @ weights).astype(np.float64)
    return sums


@dataclass(frozen=True, kw_only=True, eq=False)
class _Curve:
    """A detector on the fakes of one generator and the real videos.

    Attributes:
        by_score: int64, the places of the scored fakes by falling score.
        rising: float64, minus the scores of these fakes.
        of_fakes: Rows over the fakes: whether scored, shares of real videos below, squared errors.
        of_reals: Rows over the real videos: whether scored, shares of fakes above, squared errors.
        points: AUC and Brier on the videos themselves, summed in float64.
    """

    by_score: IntArray
    rising: FloatArray
    of_fakes: tuple[FloatArray, FloatArray, FloatArray]
    of_reals: tuple[FloatArray, FloatArray, FloatArray]
    points: tuple[float, float]


def _make_curve(weights: FoldWeights, scores: FloatArray, part: Part) -> _Curve:
    fakes, reals = scores[weights.fold.fakes[part]], scores[weights.fold.reals]
    own, other = ~np.isnan(fakes), ~np.isnan(reals)
    order = np.argsort(-fakes, kind="stable")[: own.sum()]  # NaN is sorted to the end
    rising = -fakes[order]
    beaten, beating = np.zeros(fakes.size), np.zeros(reals.size)
    if own.any() and other.any():
        beaten[own] = _share_below(fakes[own], np.sort(reals[other]))
        beating[other] = 1 - _share_below(reals[other], -rising[::-1])
    misses, alarms = (1 - np.nan_to_num(fakes, nan=1)) ** 2, np.nan_to_num(reals) ** 2
    scored = int(own.sum() + other.sum())
    return _Curve(
        by_score=order,
        rising=rising,
        of_fakes=(own.astype(np.float64), beaten, misses),
        of_reals=(other.astype(np.float64), beating, alarms),
        points=(
            float(beaten.sum()) / max(1, int(own.sum())),
            float(misses.sum() + alarms.sum()) / max(1, scored),
        ),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Cuts:
    """Where T1 and T0.1 cut: the place of the highest real score that is no longer allowed.

    Attributes:
        top: float64 (M,), the highest real scores, falling.
        places: int64 (2, 1 + B), places in ``top`` for T1 and T0.1.
    """

    top: FloatArray
    places: IntArray


def _find_cuts(weights: FoldWeights, reals: FloatArray) -> _Cuts:
    order = np.argsort(-reals, kind="stable")
    if np.isnan(reals).any():
        order = order[: (~np.isnan(reals)).sum()]
        whole = weights.reals[order].sum(axis=0, dtype=np.float64).astype(np.int64)
    else:
        whole = weights.n_reals
    allowed = np.stack([rate.numerator * whole // rate.denominator for rate in (T1, T01)])
    limits = allowed.astype(np.float32)
    size = min(order.size, max(_FEWEST_REALS, order.size // 25))
    while True:
        alarms = _add_up(weights.reals[order[:size]])
        if size == order.size or (alarms[-1] > limits[0]).all():
            break
        size = min(order.size, 2 * size)
    places = np.stack([(alarms <= limit).sum(axis=0) for limit in limits])
    # The last place is passed only in a resample without real videos, which does not count.
    return _Cuts(top=reals[order[:size]], places=np.minimum(places, max(size - 1, 0)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Hits:
    """How many of the fakes, by falling score, lie above the cuts.

    Attributes:
        above: int64 (2, 1 + B), their numbers at T1 and T0.1.
        sure: float64 (F,), 1 for the fakes that are hits in every resample.
    """

    above: IntArray
    sure: FloatArray


def _find_hits(curve: _Curve, cuts: _Cuts) -> _Hits:
    sure = np.zeros(curve.of_fakes[0].size)
    if cuts.top.size == 0:
        return _Hits(above=np.zeros(cuts.places.shape, np.int64), sure=sure)
    over = np.searchsorted(curve.rising, -cuts.top, side="left")
    above = over[cuts.places]
    sure[curve.by_score[: int(above.min())]] = 1
    return _Hits(above=above, sure=sure)


def _combine(
    curve: _Curve, hits: _Hits, drawn: Weights, fakes: FloatArray, reals: FloatArray
) -> FloatArray:
    """Return AUC, T1, T0.1 and Brier from the sums over fakes and real videos."""
    (sure, n_fake, beaten, misses), (n_real, beating, alarms) = fakes, reals
    ends = np.unique(hits.above)
    parts = [curve.by_score[first:last] for first, last in pairwise(ends)]
    reach = np.stack([np.zeros(drawn.shape[1], np.float32), *(drawn[own].sum(0) for own in parts)])
    further = np.take_along_axis(_add_up(reach), np.searchsorted(ends, hits.above), axis=0)
    caught = sure + further
    area, brier = curve.points
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample without a class
        areas = np.clip(beaten / n_fake + beating / n_real - area, 0, 1)
        briers = (misses + alarms) / (n_fake + n_real)
        measured = np.stack([areas, *(caught / n_fake), briers])
    measured[[0, 3], 0] = area, brier
    measured[:, (n_fake == 0) | (n_real == 0)] = np.nan
    return measured


def _add_up(rows: Weights) -> Weights:
    """Add each row to all that follow it, in place, at three times the speed of np.cumsum."""
    for before, row in pairwise(rows):
        np.add(row, before, out=row)
    return rows


def _share_below(values: FloatArray, rising: FloatArray) -> FloatArray:
    """Return for each value the share of others below it, where equal ones count half."""
    below, not_above = (np.searchsorted(rising, values, side) for side in ("left", "right"))
    shares: FloatArray = (below + not_above) / (2 * rising.size)
    return shares
