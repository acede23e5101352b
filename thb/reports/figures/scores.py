"""Histograms of scores, and the reliability diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.inputs import FloatArray, IntArray
from thb.evaluation.pairs import Pair
from thb.reports.figures.style import (
    COLOURS,
    INK,
    add_legend,
    make_figure,
    show_name,
    styled,
)
from thb.runtime.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS: Final = 20
RELIABILITY_BINS: Final = 10


@styled
def draw_histograms(
    pairs: Sequence[Pair], *, title: str, thresholds: Mapping[str, float] | None = None
) -> Figure:
    """Draw how the scores of fakes and of real videos are spread, a panel for each generator.

    Args:
        pairs: The pairs of a detector on a protocol.
        title: The title.
        thresholds: The threshold of each fold, which is marked; None to mark none.
    """
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = make_figure(max(6.4, 2.4 * columns), 1.9 * rows + 1.0)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    marked = False
    for place, axes in enumerate(grid.flat):
        if place >= len(pairs):
            axes.set_axis_off()
            continue
        pair = pairs[place]
        _draw_spread(axes, pair, labelled=place == 0)
        limit = (thresholds or {}).get(pair.cell.fold)
        if limit is not None:
            label = None if marked else "threshold from validation"
            axes.axvline(min(limit, 1.0), color="black", linestyle="--", linewidth=1, label=label)
            marked = True
        cell = pair.cell
        axes.set_title(f"{show_name(cell.generator)}\n{cell.n_fake} fake, {cell.n_real} real")
        if place + columns >= len(pairs):
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("score, P(fake)")
    grid[0][0].set_xlim(0, 1)
    for axes in grid[:, 0]:
        axes.set_ylabel("share of videos")
    figure.suptitle(printable(title), fontsize=10)
    names = ["real videos", "fakes"]
    add_legend(figure, [*names, "threshold from validation"] if marked else names)
    return figure


def _draw_spread(axes: Axes, pair: Pair, *, labelled: bool) -> None:
    """Draw the reals as filled bars and the fakes as an outline, which grey print keeps apart."""
    edges = np.linspace(0, 1, BINS + 1).tolist()
    reals, fakes = (pair.scores[pair.labels == label] for label in (0, 1))
    axes.hist(
        reals,
        edges,
        weights=np.full(reals.size, 1 / reals.size),
        color=COLOURS[4],
        edgecolor="white",
        linewidth=0.4,
        label="real videos" if labelled else None,
    )
    axes.hist(
        fakes,
        edges,
        weights=np.full(fakes.size, 1 / fakes.size),
        histtype="step",
        edgecolor=COLOURS[1],
        hatch="////",
        linewidth=1.3,
        label="fakes" if labelled else None,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """How often videos are fake, by bins of their scores, with both classes weighted equally.

    Attributes:
        scores: float64 (B,), the weighted mean score of each bin that holds a video.
        shares: float64 (B,), the weighted share of fakes in it.
        counts: int64 (B,), the number of videos in it.
        error: The expected calibration error: the mean distance of share and score over the bins,
            weighted like the videos in them.
    """

    scores: FloatArray
    shares: FloatArray
    counts: IntArray
    error: float


def measure_reliability(pairs: Sequence[Pair]) -> Reliability:
    """Return how often videos are fake at each score; see :func:`draw_reliability`.

    Args:
        pairs: The pairs of a detector on a protocol, with both classes.
    """
    fakes = np.concatenate([pair.scores[pair.labels == 1] for pair in pairs])
    folds = {pair.cell.fold: pair for pair in pairs}.values()
    reals = np.concatenate([pair.scores[pair.labels == 0] for pair in folds])
    scores = np.concatenate([fakes, reals])
    weights = np.repeat([0.5 / fakes.size, 0.5 / reals.size], [fakes.size, reals.size])
    bins = np.minimum((scores * RELIABILITY_BINS).astype(np.int64), RELIABILITY_BINS - 1)
    weight, found, total = (
        np.bincount(bins, values, RELIABILITY_BINS)
        for values in (weights, weights * (np.arange(scores.size) < fakes.size), weights * scores)
    )
    used = weight > 0
    shares, means = found[used] / weight[used], total[used] / weight[used]
    return Reliability(
        scores=means,
        shares=shares,
        counts=np.bincount(bins, minlength=RELIABILITY_BINS)[used],
        error=float(np.dot(weight[used], np.abs(shares - means))),
    )


@styled
def draw_reliability(pairs: Sequence[Pair], *, title: str) -> Figure:
    """Draw how often a video is fake at each score, with both classes weighted equally.

    The shares of fakes in a benchmark say nothing about the world, so each class has weight one
    half. A calibrated detector then lies on the diagonal. A real video that several generators are
    compared with counts once a fold.

    Args:
        pairs: The pairs of a detector on a protocol.
        title: The title.
    """
    found = measure_reliability(pairs)
    figure = make_figure(4.4, 4.6)
    axes = figure.subplots()
    calibrated = "calibrated"
    axes.plot([0, 1], [0, 1], color="#555555", linestyle="--", linewidth=0.9, label=calibrated)
    name = f"this detector (calibration error {found.error:.3f})"
    axes.plot(found.scores, found.shares, color=COLOURS[0], marker="o", label=name, clip_on=False)
    for x, y, count in zip(found.scores, found.shares, found.counts, strict=True):
        above = y < 0.5
        axes.annotate(
            str(count),
            (x, y),
            textcoords="offset points",
            xytext=(0, 6 if above else -6),
            ha="center",
            va="bottom" if above else "top",
            fontsize=7.5,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean score of the bin, P(fake)", aspect="equal")
    axes.set_ylabel("share that is fake, classes weighted equally")
    axes.set_title(printable(title), pad=10)
    add_legend(figure, [calibrated, name])
    return figure
