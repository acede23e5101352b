"""Fig. 2a and 2c: T1 by protocol and by generator, as groups of bars with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from thb.evaluation.tables import order_generators
from thb.reports.figures.style import COLOURS, HATCHES, add_legend, make_figure, styled
from thb.reports.rows import Row

if TYPE_CHECKING:
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
    labels = [name.replace("AniPortrait", "AniPortrait\n") for name in generators]
    figure = _draw_groups(labels, groups, TITLES[metric])
    figure.axes[0].set_title(f"{rows[0].protocol.upper()}: {TITLES[metric]} by generator")
    return figure


def _draw_groups(
    labels: Sequence[str], groups: Sequence[dict[str, Measure | None]], title: str
) -> Figure:
    series = list(dict.fromkeys(name for group in groups for name in group))
    figure = make_figure(min(9.0, max(5.0, 0.2 * len(labels) * (len(series) + 1) + 1.5)), 3.6)
    axes = figure.subplots()
    width = 0.84 / len(series)
    for place, name in enumerate(series):
        measures = [group.get(name) for group in groups]
        at = [
            group - 0.42 + (place + 0.5) * width
            for group, measure in enumerate(measures)
            if measure is not None
        ]
        found = [measure for measure in measures if measure is not None]
        axes.bar(
            at,
            [measure.value for measure in found],
            width * 0.92,
            label=name,
            color=COLOURS[place % len(COLOURS)],
            hatch=HATCHES[place % len(HATCHES)],
            edgecolor="white",
            linewidth=0.5,
        )
        ranged = [
            (x, measure)
            for x, measure in zip(at, found, strict=True)
            if measure.low is not None and measure.high is not None
        ]
        if ranged:
            axes.errorbar(
                [x for x, _ in ranged],
                [measure.value for _, measure in ranged],
                yerr=[
                    [measure.value - (measure.low or 0) for _, measure in ranged],
                    [(measure.high or 0) - measure.value for _, measure in ranged],
                ],
                fmt="none",
                ecolor="#333333",
                elinewidth=0.8,
                capsize=1.5,
            )
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylim(0, 1.04)
    axes.set_ylabel(title)
    axes.grid(visible=False, axis="x")
    add_legend(figure, series)
    return figure
