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


def measure_fold(weights: FoldWeights, scores: FloatArray) -> dict[Part, FloatArray]:
    """Measure a detector on a fold, on all of its videos and in each resample.

    Args:
        weights: The weights of the fold's videos.
        scores: float64 (N,), P(fake); NaN for a video without a score, which is left out.

    Returns:
        AUC, T1, T0.1 and Brier by part and generator, float64 (4, 1 + B): the numbers themselves
        in column 0. The resamples of the AUC are those of its two means (for each fake the share
        of real videos below it, for each real video the share of fakes above it), which is how
        DeLong's variance sees it. NaN where a class is missing.
    """
    reals = scores[weights.fold.reals]
    known = ~np.isnan(reals)
    own = weights.reals if known.all() else weights.reals[known]
    reals = reals[known]
    order = np.argsort(-reals, kind="stable")
    cuts = _find_cuts(reals[order], own, order)
    measured = {}
    for part, places in weights.fold.fakes.items():
        fakes = scores[places]
        scored = ~np.isnan(fakes)
        drawn = weights.fakes[part] if scored.all() else weights.fakes[part][scored]
        measured[part] = _measure_pair(fakes[scored], drawn, reals[order], own, order, cuts)
    return measured


@dataclass(frozen=True, kw_only=True, eq=False)
class _Cuts:
    """Where T1 and T0.1 cut: the place of the highest real score that is no longer allowed.

    Attributes:
        top: float64 (M,), the highest real scores, falling.
        places: int64 (2, 1 + B), places in ``top`` for T1 and T0.1.
        n_real: float64 (1 + B,), the real videos of each resample.
    """

    top: FloatArray
    places: IntArray
    n_real: FloatArray


def _find_cuts(falling: FloatArray, weights: Weights, order: IntArray) -> _Cuts:
    n_real = weights.sum(axis=0, dtype=np.float64)
    whole = n_real.astype(np.int64)
    allowed = np.stack([rate.numerator * whole // rate.denominator for rate in (T1, T01)])
    size = min(falling.size, max(_FEWEST_REALS, falling.size // 20))
    while True:
        alarms = np.cumsum(weights[order[:size]], axis=0)
        if size == falling.size or (alarms[-1] > allowed[0]).all():
            break
        size = min(falling.size, 2 * size)
    limits = allowed.astype(np.float32)
    places = np.stack([(alarms <= limit).sum(axis=0) for limit in limits])
    return _Cuts(
        top=falling[:size],
        places=np.minimum(places, max(size - 1, 0)),  # only a resample without real videos
        n_real=n_real,
    )


def _measure_pair(
    fakes: FloatArray,
    drawn: Weights,
    reals: FloatArray,
    weights: Weights,
    order: IntArray,
    cuts: _Cuts,
) -> FloatArray:
    """Return the four numbers of fakes and real videos; the real scores are given falling."""
    if fakes.size == 0 or reals.size == 0:
        return np.full((4, drawn.shape[1]), np.nan)
    by_score = np.argsort(-fakes, kind="stable")
    falling = -fakes[by_score]  # rising, for searchsorted
    above = np.searchsorted(falling, -cuts.top, side="left")[cuts.places]  # fakes over the cut
    low, high = int(above.min()), int(above.max())
    sure = np.zeros(fakes.size)
    sure[by_score[:low]] = 1
    beaten = _share_below(fakes, reals[::-1])
    # Sums over the fakes: the sure hits, all of them, the shares beaten, the squared distances.
    sums = np.stack([sure, np.ones(fakes.size), beaten, (fakes - 1) ** 2]).astype(np.float32)
    hits, n_fake, shares, misses = (sums @ drawn).astype(np.float64)
    reach = np.zeros((high - low + 1, drawn.shape[1]), np.float32)
    np.cumsum(drawn[by_score[low:high]], axis=0, out=reach[1:])
    caught = hits + np.take_along_axis(reach, above - low, axis=0)
    beating = np.empty(reals.size)
    beating[order] = 1 - _share_below(reals, -falling[::-1])
    squares = np.empty(reals.size)
    squares[order] = reals**2
    beats, alarms = (np.stack([beating, squares]).astype(np.float32) @ weights).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample without a class
        area = shares / n_fake + beats / cuts.n_real - float(beaten.mean())
        rates = caught / n_fake
        brier = (misses + alarms) / (n_fake + cuts.n_real)
    usable = (n_fake > 0) & (cuts.n_real > 0)
    measured = np.stack([np.clip(area, 0, 1), *rates, brier])
    measured[:, ~usable] = np.nan
    # What stands on the board is summed in float64, which gives the same on every machine.
    distances = ((fakes - 1) ** 2).sum() + (reals**2).sum()
    measured[[0, 3], 0] = beaten.mean(), distances / (fakes.size + reals.size)
    return measured


def _share_below(values: FloatArray, rising: FloatArray) -> FloatArray:
    """Return for each value the share of others below it, where equal ones count half."""
    below, not_above = (np.searchsorted(rising, values, side) for side in ("left", "right"))
    shares: FloatArray = (below + not_above) / (2 * rising.size)
    return shares
