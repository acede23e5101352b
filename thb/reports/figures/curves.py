"""Fig. 2b and ROC curves: the TPR against the false-alarm rate, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.inputs import FloatArray
from metrics.talking_head_detection.roc import roc_curve
from thb.evaluation.pairs import Pair
from thb.reports.figures.style import add_legend, make_figure, style_of, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_FPR: Final = 1e-5
"""The left end of the paper's Fig. 2b."""
_POINTS: Final = 241


@styled
def draw_tpr_curves(series: Mapping[str, Sequence[Pair]]) -> Figure:
    """Draw the TPR at every false-alarm rate down to 1e-5, as a mean over the generators (Fig. 2b).

    A rate allows floor(rate x n_real) false alarms, as T1 and T0.1 do. Left of the dashed line, at
    one false alarm among all real videos, every rate allows none.

    Args:
        series: The pairs of a detector on a protocol, by the name to show.
    """
    figure = make_figure(6.0, 3.8)
    axes = figure.subplots()
    rates = np.logspace(np.log10(LEAST_FPR), 0, _POINTS)
    for place, (name, pairs) in enumerate(series.items()):
        mean = np.mean([_read_curve(pair, rates) for pair in pairs], axis=0)
        style = style_of(place)
        axes.step(
            rates,
            mean,
            where="post",
            label=name,
            color=style["color"],
            linestyle=style["linestyle"],
        )
    _mark_resolution(axes, [pair.cell.n_real for pairs in series.values() for pair in pairs])
    axes.set_title("TPR by false-alarm rate, mean over the generators")
    _finish(axes)
    add_legend(figure, list(series))
    return figure


@styled
def draw_roc(pairs: Sequence[Pair], *, title: str) -> Figure:
    """Draw the ROC curve of each generator, with a logarithmic axis of false alarms.

    Args:
        pairs: The pairs of a detector on a protocol.
        title: The title.
    """
    figure = make_figure(6.0, 3.8)
    axes = figure.subplots()
    names = []
    for place, pair in enumerate(pairs):
        curve = roc_curve(pair.labels, pair.scores)
        fpr = np.append(np.maximum(curve.false_alarms / curve.n_real, LEAST_FPR), 1.0)
        tpr = np.append(curve.hits / curve.n_fake, 1.0)
        names.append(f"{pair.cell.generator} (AUC {curve.area:.3f})")
        style = style_of(place)
        (line,) = axes.step(fpr, tpr, where="post", label=names[-1])
        line.set(color=style["color"], linestyle=style["linestyle"])
    _mark_resolution(axes, [pair.cell.n_real for pair in pairs])
    axes.set_title(title)
    _finish(axes)
    add_legend(figure, names)
    return figure


def _read_curve(pair: Pair, rates: FloatArray) -> FloatArray:
    """Return the TPR at rates up to 1, at which everything is called fake."""
    curve = roc_curve(pair.labels, pair.scores)
    return np.array([curve.at_fpr(rate).tpr if rate < 1 else 1.0 for rate in rates.tolist()])


def _mark_resolution(axes: Axes, n_reals: Sequence[int]) -> None:
    """Shade the rates that allow less than one false alarm, which the videos cannot tell apart."""
    limit = 1 / max(n_reals)
    axes.axvspan(LEAST_FPR, limit, color="#EFEFEF", zorder=0)
    axes.axvline(limit, color="#555555", linestyle="--", linewidth=0.9)
    axes.text(
        limit * 0.92,
        0.02,
        f"fewer than 1 of {max(n_reals)} real videos",
        ha="right",
        fontsize=7.5,
        color="#333333",
    )


def _finish(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlim(LEAST_FPR, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("false-alarm rate (FPR)")
    axes.set_ylabel("share of fakes found (TPR)")
