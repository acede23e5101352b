"""Figures of a board: radars and bars over the generators, and a submission's ROC curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from thb.boards.board import DetectorRow
from thb.boards.views import OVERALL, make_rows
from thb.evaluation.cells import NoFacePolicy
from thb.evaluation.pairs import pair_folds
from thb.prediction.predictions import read_predictions
from thb.reports.figures.bars import TITLES, draw_generators
from thb.reports.figures.curves import draw_roc
from thb.reports.figures.radar import draw_radar
from thb.reports.figures.style import render_figure
from thb.reports.figures.words import tell_pairs, tell_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_DETECTORS: Final = 6
"""More lines or bars in one figure cannot be told apart."""
_FEWEST_SPOKES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure as a file.

    Attributes:
        title: What it shows, in a line.
        alt: What there is to see, for people who cannot see it.
        png: The content of the file.
    """

    title: str
    alt: str
    png: bytes


def draw_board(rows: Sequence[DetectorRow], protocol: str) -> tuple[Picture, ...]:
    """Draw the first detectors of a table: radars at T1 and T0.1, and bars of T1 by generator.

    Args:
        rows: The rows that are shown; those without numbers by generator are passed over.
        protocol: Their protocol; ``overall`` has no numbers by generator.

    Returns:
        The figures; none if there is nothing to draw.
    """
    drawn = [row for row in rows if any("t1" in cell for cell in row.cells.values())]
    if not drawn or protocol == OVERALL:
        return ()
    series = make_rows(drawn[:MOST_DETECTORS], protocol)
    pictures = []
    if len({name for row in series for name in row.cells}) >= _FEWEST_SPOKES:
        pictures += [
            _make(
                draw_radar(series, metrics=[metric]),
                f"{protocol.upper()}: {TITLES[metric]}, a spoke for each generator",
                tell_rows(series, metric),
            )
            for metric in ("t1", "t01")
        ]
    bars = draw_generators(series)
    title = f"{protocol.upper()}: {TITLES['t1']} by generator"
    return (*pictures, _make(bars, title, tell_rows(series, "t1")))


def draw_curves(
    files: Iterable[Path], protocol: str, *, name: str, no_face: NoFacePolicy = "exclude"
) -> tuple[Picture, ...]:
    """Draw the ROC curves of a submission on a protocol from its predictions.

    Args:
        files: The predictions of the protocol's folds.
        protocol: ``p1``, ``p2`` or ``p3``.
        name: What the detector is called.
        no_face: How a video without a face counts.

    Returns:
        One figure with a curve for each generator; none without predictions of both classes.

    Raises:
        THBError: The predictions cannot be read.
    """
    pairs = [
        pair
        for pair in pair_folds(map(read_predictions, files), no_face)
        if pair.cell.part == "test" and 0 < int(pair.labels.sum()) < pair.labels.size
    ]
    if not pairs:
        return ()
    title = f"{name} on {protocol.upper()}: ROC by generator"
    told = tell_pairs("roc", pairs, {})
    return (_make(draw_roc(pairs, title=title), title, told),)


def _make(figure: Figure, title: str, alt: str) -> Picture:
    png = render_figure(figure, "png", title=title, description=alt)
    return Picture(title=title, alt=alt, png=png)
