"""Histograms of scores, the reliability diagram, and how far a threshold holds elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.binomial import binomial_interval
from thb.evaluation.pairs import Pair
from thb.reports.figures.style import COLOURS, HATCHES, make_figure, styled

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
    figure = make_figure(2.6 * columns, 2.1 * rows + 0.8)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    edges = np.linspace(0, 1, BINS + 1)
    for place, axes in enumerate(grid.flat):
        if place >= len(pairs):
            axes.set_axis_off()
            continue
        pair = pairs[place]
        for label, name, colour in ((0, "real", COLOURS[0]), (1, "fake", COLOURS[1])):
            own = pair.scores[pair.labels == label]
            axes.hist(
                own,
                edges,
                weights=np.full(own.size, 1 / own.size),
                alpha=0.6,
                color=colour,
                hatch="//" if label else "",
                edgecolor="white",
                linewidth=0.4,
                label=name if place == 0 else None,
            )
        if thresholds and pair.cell.fold in thresholds:
            axes.axvline(thresholds[pair.cell.fold], color="black", linestyle="--", linewidth=1)
        axes.set_title(f"{pair.cell.generator}\n{pair.cell.n_fake} fake, {pair.cell.n_real} real")
    figure.supxlabel("score, P(fake)")
    figure.supylabel("share of the videos")
    figure.suptitle(title)
    grid[0][0].legend()
    return figure


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
    fakes = np.concatenate([pair.scores[pair.labels == 1] for pair in pairs])
    folds = {pair.cell.fold: pair for pair in pairs}.values()
    reals = np.concatenate([pair.scores[pair.labels == 0] for pair in folds])
    edges = np.linspace(0, 1, RELIABILITY_BINS + 1)
    found, _ = np.histogram(fakes, edges)
    alarms, _ = np.histogram(reals, edges)
    weight = found / fakes.size + alarms / reals.size
    used = weight > 0
    observed = (found / fakes.size)[used] / weight[used]
    figure = make_figure(4.2, 4.2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#555555", linestyle="--", linewidth=0.9, label="calibrated")
    axes.plot(
        ((edges[1:] + edges[:-1]) / 2)[used],
        observed,
        color=COLOURS[0],
        marker="o",
        label="this detector",
    )
    for x, y, count in zip(
        ((edges[1:] + edges[:-1]) / 2)[used], observed, (found + alarms)[used], strict=True
    ):
        axes.annotate(str(count), (x, y), textcoords="offset points", xytext=(5, -9), fontsize=7)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="score, P(fake)", aspect="equal")
    axes.set_ylabel("share that is fake, classes weighted equally")
    axes.set_title(title)
    axes.legend(loc="upper left")
    return figure


@styled
def draw_transport(pairs: Sequence[Pair], thresholds: Mapping[str, float], *, title: str) -> Figure:
    """Draw what thresholds that validation gave do on the test videos.

    The upper panel shows the false alarms for each dataset of real videos, the lower one the fakes
    found for each generator, both with exact 95 % intervals.

    Args:
        pairs: The pairs of a detector on a protocol.
        thresholds: The threshold of each fold, from its validation videos; folds without one are
            left out.
        title: The title.
    """
    alarms: dict[str, list[bool]] = {}
    hits: dict[str, list[bool]] = {}
    seen = set()
    for pair in pairs:
        if pair.cell.fold not in thresholds:
            continue
        called = pair.scores >= thresholds[pair.cell.fold]
        for label, source, is_called in zip(pair.labels, pair.sources, called, strict=True):
            if label:
                hits.setdefault(source, []).append(bool(is_called))
            elif pair.cell.fold not in seen:  # each generator has the same reals beside it
                alarms.setdefault(source, []).append(bool(is_called))
        seen.add(pair.cell.fold)
    figure = make_figure(6.2, 4.4)
    upper, lower = figure.subplots(2, 1, height_ratios=[max(1, len(alarms)), max(1, len(hits))])
    _draw_shares(upper, alarms, COLOURS[0], "")
    _draw_shares(lower, hits, COLOURS[1], HATCHES[1])
    upper.set_title(f"{title}: false alarms on real videos")
    upper.axvline(0.01, color="black", linestyle="--", linewidth=1)
    upper.set_xlim(0, max(0.05, *(bar.get_width() * 1.3 for bar in upper.patches)))
    upper.set_xlabel("dashed: the 1 % that validation aimed at", fontsize=8)
    lower.set_title("fakes found")
    return figure


def _draw_shares(axes: Axes, groups: Mapping[str, Sequence[bool]], colour: str, hatch: str) -> None:
    names = sorted(groups)
    shares = [sum(groups[name]) / len(groups[name]) for name in names]
    intervals = [binomial_interval(sum(groups[name]), len(groups[name])) for name in names]
    axes.barh(range(len(names)), shares, 0.6, color=colour, hatch=hatch, edgecolor="white")
    axes.errorbar(
        shares,
        range(len(names)),
        xerr=[
            [share - own.low for share, own in zip(shares, intervals, strict=True)],
            [own.high - share for share, own in zip(shares, intervals, strict=True)],
        ],
        fmt="none",
        ecolor="#333333",
        elinewidth=0.8,
        capsize=2,
    )
    labels = [f"{name} ({sum(groups[name])} of {len(groups[name])})" for name in names]
    axes.set_yticks(range(len(names)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.grid(visible=False, axis="y")
