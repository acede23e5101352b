"""Fig. 2b and ROC curves: the TPR against the false-alarm rate, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.inputs import FloatArray
from metrics.talking_head_detection.roc import roc_curve
from thb.evaluation.pairs import Pair
from thb.reports.figures.style import (
    add_legend,
    make_figure,
    show_name,
    style_of,
    styled,
)
from thb.reports.rows import Row
from thb.runtime.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_FPR: Final = 1e-5
"""The left end of the paper's Fig. 2b."""
_POINTS: Final = 241
_LEAST_OF_POINTS: Final = 1e-4
"""The left end where there are only points, at 0.1 % and 1 %."""


@styled
def draw_tpr_curves(
    series: Mapping[str, Sequence[Pair]], rows: Sequence[Row] = (), *, title: str = ""
) -> Figure:
    """Draw the TPR at every false-alarm rate down to 1e-5, as a mean over the generators (Fig. 2b).

    A rate allows floor(rate x n_real) false alarms, as T1 and T0.1 do. Left of the dashed line, at
    one false alarm among all real videos, every rate allows none.

    Args:
        series: The pairs of a detector on a protocol, by the name to show.
        rows: Detectors of which only the mean T1 and T0.1 are known, such as the paper's; each is
            two points.
        title: What the series have in common, such as the protocol.
    """
    figure = make_figure(6.4, 3.8)
    axes = figure.subplots()
    rates = np.logspace(np.log10(LEAST_FPR), 0, _POINTS)
    for place, (name, pairs) in enumerate(series.items()):
        mean = np.mean([_read_curve(pair, rates) for pair in pairs], axis=0)
        style = style_of(place)
        axes.step(
            rates,
            mean,
            where="post",
            label=show_name(name),
            color=style["color"],
            linestyle=style["linestyle"],
        )
    known = [row for row in rows if {"t1", "t01"} <= set(row.mean)]
    for place, row in enumerate(known, len(series)):
        values = [row.mean["t01"].value, row.mean["t1"].value]
        (points,) = axes.plot([0.001, 0.01], values, markersize=4.5, linewidth=0.9)
        points.set(label=show_name(row.name), **style_of(place, published=True))
    marks = _mark_resolution(
        axes, [pair.cell.n_real for pairs in series.values() for pair in pairs]
    )
    lead = f"{printable(title)}: " if title else ""
    axes.set_title(f"{lead}TPR by false-alarm rate, mean over the generators")
    _finish(axes, LEAST_FPR if series else _LEAST_OF_POINTS)
    names = [show_name(name) for name in [*series, *(row.name for row in known)]]
    add_legend(figure, [*names, *marks])
    return figure


@styled
def draw_roc(pairs: Sequence[Pair], *, title: str) -> Figure:
    """Draw the ROC curve of each generator, with a logarithmic axis of false alarms.

    The axis begins left of one false alarm among all real videos; there, none is allowed.

    Args:
        pairs: The pairs of a detector on a protocol.
        title: The title.
    """
    figure = make_figure(6.0, 3.8)
    axes = figure.subplots()
    least = _find_least_rate([pair.cell.n_real for pair in pairs])
    names = []
    for place, pair in enumerate(pairs):
        curve = roc_curve(pair.labels, pair.scores)
        fpr = np.append(np.maximum(curve.false_alarms / curve.n_real, least), 1.0)
        tpr = np.append(curve.hits / curve.n_fake, 1.0)
        names.append(f"{show_name(pair.cell.generator)} (AUC {curve.area:.3f})")
        style = style_of(place)
        (line,) = axes.step(fpr, tpr, where="post", label=names[-1])
        line.set(color=style["color"], linestyle=style["linestyle"])
    names += _mark_resolution(axes, [pair.cell.n_real for pair in pairs])
    axes.set_title(printable(title))
    _finish(axes, least)
    add_legend(figure, names)
    return figure


def _find_least_rate(n_reals: Sequence[int]) -> float:
    """Return a power of ten well below the least rate above zero."""
    return max(LEAST_FPR, 10.0 ** -math.ceil(math.log10(4 * max(n_reals))))


def _read_curve(pair: Pair, rates: FloatArray) -> FloatArray:
    """Return the TPR at rates up to 1, at which everything is called fake."""
    curve = roc_curve(pair.labels, pair.scores)
    return np.array([curve.at_fpr(rate).tpr if rate < 1 else 1.0 for rate in rates.tolist()])


def _mark_resolution(axes: Axes, n_reals: Sequence[int]) -> list[str]:
    """Shade the rates that allow less than one false alarm, which the videos cannot tell apart.

    Args:
        axes: The axes.
        n_reals: The numbers of real videos behind the curves. Where they differ, the fewest and
            the most are marked, and left of the most is shade.

    Returns:
        The labels of the lines, for the legend.
    """
    names = []
    for count in sorted({min(n_reals), max(n_reals)} if n_reals else ()):
        names.append(f"1 of {count} real videos")
        line = axes.axvline(1 / count, linestyle="--", linewidth=0.9, label=names[-1])
        line.set_color("#555555")
    if n_reals:
        axes.axvspan(LEAST_FPR, 1 / max(n_reals), color="#EFEFEF", zorder=0)
    return names


def _finish(axes: Axes, least: float) -> None:
    axes.set_xscale("log")
    decades = [10.0**power for power in range(round(math.log10(least)), 1)]
    axes.set_xticks(decades, [f"{100 * rate:g} %".replace("1e-05", "0.00001") for rate in decades])
    axes.set_xlim(least, 1)
    axes.set_ylim(0, 1.03)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_xlabel("false-alarm rate (FPR), logarithmic")
    axes.set_ylabel("share of fakes found (TPR)")
