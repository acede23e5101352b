"""Fig. 2a and 2c: T1 by protocol and by generator, as groups of bars with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from thb.evaluation.tables import order_generators
from thb.reports.figures.style import (
    INK,
    add_legend,
    fill_of,
    make_figure,
    show_generator,
    show_name,
    styled,
)
from thb.reports.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from thb.evaluation.cells import Measure

TITLES: Final = {"auc": "AUC", "t1": "T1 (TPR at 1 % FPR)", "t01": "T0.1 (TPR at 0.1 % FPR)"}


@styled
def draw_protocols(rows: Sequence[Row], *, metric: str = "t1") -> Figure:
    """Draw the mean of a metric in each protocol, a group of bars for each (Fig. 2a).

    Args:
        rows: The rows of all detectors and protocols.
        metric: ``auc``, ``t1`` or ``t01``.
    """
    protocols = sorted({row.protocol for row in rows})
    groups = [
        {row.name: row.mean.get(metric) for row in rows if row.protocol == protocol}
        for protocol in protocols
    ]
    figure = _draw_groups([name.upper() for name in protocols], groups, TITLES[metric])
    figure.axes[0].set_title(f"Mean {TITLES[metric]} by protocol")
    return figure


@styled
def draw_generators(rows: Sequence[Row], *, metric: str = "t1") -> Figure:
    """Draw a metric for each generator, a group of bars for each (Fig. 2c).

    Args:
        rows: The rows of all detectors on one protocol.
        metric: ``auc``, ``t1`` or ``t01``.
    """
    generators = order_generators({name for row in rows for name in row.cells})
    groups = [
        {row.name: row.cells.get(name, {}).get(metric) for row in rows} for name in generators
    ]
    figure = _draw_groups(list(map(show_generator, generators)), groups, TITLES[metric])
    figure.axes[0].set_title(f"{rows[0].protocol.upper()}: {TITLES[metric]} by generator")
    return figure


def _draw_groups(
    labels: Sequence[str], groups: Sequence[dict[str, Measure | None]], title: str
) -> Figure:
    """Draw a group of bars at each label; a zero and a missing number are written.

    Args:
        labels: The names of the groups.
        groups: The measure of each series in each group; None, or absent, where there is none.
        title: What is measured.
    """
    series = list(dict.fromkeys(name for group in groups for name in group))
    figure = make_figure(min(9.0, max(5.0, 0.2 * len(labels) * (len(series) + 1) + 1.5)), 3.6)
    axes = figure.subplots()
    width = 0.84 / len(series)
    for place, name in enumerate(series):
        middles = [group - 0.42 + (place + 0.5) * width for group in range(len(groups))]
        found = [
            (x, measure)
            for x, group in zip(middles, groups, strict=True)
            if (measure := group.get(name)) is not None
        ]
        colour, hatch = fill_of(place)
        axes.bar(
            [x for x, _ in found],
            [measure.value for _, measure in found],
            width * 0.92,
            label=show_name(name),
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.5,
        )
        _draw_intervals(axes, found)
        for x, measure in found:
            if measure.value == 0:  # else a bar without height looks like no bar
                axes.text(x, 0.012, "0", ha="center", fontsize=7, color=INK)
        for x, group in zip(middles, groups, strict=True):
            if group.get(name) is None:
                axes.text(x, 0.012, "–", ha="center", fontsize=7, color=INK)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(0, 1.04)
    axes.set_ylabel(title)
    axes.grid(visible=False, axis="x")
    add_legend(figure, [show_name(name) for name in series])
    return figure


def _draw_intervals(axes: Axes, found: Sequence[tuple[float, Measure]]) -> None:
    ranged = [
        (x, measure.value, measure.low, measure.high)
        for x, measure in found
        if measure.low is not None and measure.high is not None
    ]
    if not ranged:
        return
    axes.errorbar(
        [x for x, *_ in ranged],
        [value for _, value, *_ in ranged],
        # The ends of a bootstrap interval may be a rounding error beyond the number itself.
        yerr=[
            [max(0.0, value - low) for _, value, low, _ in ranged],
            [max(0.0, high - value) for _, value, _, high in ranged],
        ],
        fmt="none",
        ecolor=INK,
        elinewidth=0.8,
        capsize=1.5,
    )
