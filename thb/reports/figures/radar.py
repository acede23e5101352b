"""Fig. 3: a radar over the generators, at T1 and at T0.1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from thb.evaluation.tables import order_generators
from thb.reports.figures.bars import TITLES
from thb.reports.figures.style import (
    INK,
    add_legend,
    make_figure,
    show_generator,
    show_name,
    style_of,
    styled,
)
from thb.reports.rows import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BEHIND_LETTERS: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.7}


@styled
def draw_radar(rows: Sequence[Row], *, metrics: Sequence[str] = ("t1", "t01")) -> Figure:
    """Draw one radar for each metric, a line for each detector.

    Args:
        rows: The rows of all detectors on one protocol.
        metrics: The metrics, a radar for each.
    """
    generators = order_generators({name for row in rows for name in row.cells})
    angles = [2 * math.pi * place / len(generators) for place in range(len(generators))]
    mixed = not all(row.published for row in rows)
    figure = make_figure(4.4 * len(metrics), 5.0)
    # The layout does not see that titles move above the labels of the spokes.
    figure.set_layout_engine("constrained", rect=(0, 0, 1, 0.94))
    axes = figure.subplots(1, len(metrics), squeeze=False, subplot_kw={"projection": "polar"})
    for plot, metric in zip(axes[0], metrics, strict=True):
        for place, row in enumerate(rows):
            values = [
                row.cells[name][metric].value if metric in row.cells.get(name, {}) else math.nan
                for name in generators
            ]
            plot.plot(
                [*angles, angles[0]],
                [*values, values[0]],
                label=show_name(row.name) if metric == metrics[0] else None,
                markersize=3.5,
                **style_of(place, published=row.published and mixed),
            )
        plot.set_theta_offset(math.pi / 2)
        plot.set_theta_direction(-1)
        plot.set_xticks(angles, list(map(show_generator, generators)))
        plot.tick_params(axis="x", pad=12)
        plot.set_ylim(0, 1)
        plot.set_yticks([0.25, 0.5, 0.75, 1.0])
        plot.set_rlabel_position(180 / len(generators))
        for label in plot.get_yticklabels():
            label.set(fontsize=7.5, color=INK, bbox=_BEHIND_LETTERS)
        plot.set_title(f"{rows[0].protocol.upper()}: {TITLES[metric]}", pad=14)
    add_legend(figure, [show_name(row.name) for row in rows])
    return figure
