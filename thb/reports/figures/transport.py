"""Threshold transport: what thresholds that validation gave do on the test videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from metrics.talking_head_detection.binomial import binomial_interval
from thb.evaluation.pairs import Pair
from thb.reports.figures.style import (
    COLOURS,
    HATCHES,
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

_BAR: Final = 0.23
"""The height of a bar in inches."""
_REALS: Final = ((COLOURS[4], ""), (COLOURS[2], ".."), (COLOURS[3], "xx"))
"""The colour and the hatch of each dataset of real videos."""


@dataclass(frozen=True, kw_only=True)
class Called:
    """How many videos of one kind a threshold calls fake.

    Attributes:
        group: The fold, or the generator of the fakes.
        source: The dataset of the real videos; ``fakes`` for fakes.
        called: The number of videos that reach the threshold.
        total: The number of videos.
    """

    group: str
    source: str
    called: int
    total: int


def count_called(
    pairs: Sequence[Pair], thresholds: Mapping[str, float]
) -> tuple[list[Called], list[Called]]:
    """Count the videos that the thresholds of their folds call fake.

    Args:
        pairs: The pairs of a detector on a protocol.
        thresholds: The threshold of each fold; folds without one are left out.

    Returns:
        The false alarms by fold and dataset of real videos, and the fakes found by generator.
        Every generator of a fold is compared with the same real videos, which count once.
    """
    alarms: dict[tuple[str, str], Called] = {}
    hits = []
    for pair in pairs:
        if pair.cell.fold not in thresholds:
            continue
        fake = pair.scores >= thresholds[pair.cell.fold]
        rows = list(zip(pair.labels.tolist(), pair.sources, fake.tolist(), strict=True))
        for name in sorted({source for label, source, _ in rows if label == 0}):
            own = [called for label, source, called in rows if (label, source) == (0, name)]
            fold = pair.cell.fold
            counted = Called(group=fold, source=name, called=sum(own), total=len(own))
            alarms.setdefault((fold, name), counted)
        found = [called for label, _, called in rows if label == 1]
        name = pair.cell.generator
        hits.append(Called(group=name, source="fakes", called=sum(found), total=len(found)))
    return list(alarms.values()), hits


@styled
def draw_transport(
    pairs: Sequence[Pair],
    thresholds: Mapping[str, float],
    *,
    title: str,
    target_fpr: float = 0.01,
) -> Figure:
    """Draw what thresholds that validation gave do on the test videos.

    The upper panel shows the false alarms of each fold for each dataset of real videos, the lower
    one the fakes found for each generator, both with exact 95 % intervals.

    Args:
        pairs: The pairs of a detector on a protocol.
        thresholds: The threshold of each fold, from its validation videos; folds without one are
            left out.
        title: The title.
        target_fpr: The share of false alarms that validation aimed at.
    """
    alarms, hits = count_called(pairs, thresholds)
    folds = list(dict.fromkeys(own.group for own in alarms))
    sources = sorted({own.source for own in alarms})
    heights = [0.5 + _BAR * len(folds) * len(sources), 0.5 + _BAR * len(hits)]
    figure = make_figure(6.4, 1.4 + sum(heights))
    upper, lower = figure.subplots(2, 1, height_ratios=heights)
    height = 0.8 / max(1, len(sources))
    for place, source in enumerate(sources):
        own = [each for each in alarms if each.source == source]
        shift = (place - (len(sources) - 1) / 2) * height
        at = [folds.index(each.group) + shift for each in own]
        name = f"real: {show_name(source)}"
        _draw_shares(upper, own, at, height, label=name, look=_REALS[place % len(_REALS)])
    _draw_shares(lower, hits, range(len(hits)), 0.6, label="fakes", look=(COLOURS[1], HATCHES[1]))
    _name_groups(upper, folds)
    _name_groups(lower, [own.group for own in hits])
    aim = f"the {100 * target_fpr:g} % that validation aimed at"
    upper.axvline(target_fpr, color="black", linestyle="--", linewidth=1, label=aim)
    upper.set_title("real videos called fake, by fold and dataset")
    lower.set_title("fakes called fake, by generator")
    figure.suptitle(printable(title), fontsize=10)
    add_legend(figure, [*(f"real: {show_name(name)}" for name in sources), "fakes", aim])
    return figure


def _name_groups(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), list(map(show_name, names)))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.grid(visible=False, axis="y")


def _draw_shares(
    axes: Axes,
    counts: Sequence[Called],
    at: Sequence[float],
    height: float,
    *,
    label: str,
    look: tuple[str, str],
) -> None:
    """Draw one bar for each count, with its interval and, beside it, the count itself."""
    shares = [own.called / own.total for own in counts]
    intervals = [binomial_interval(own.called, own.total) for own in counts]
    bars = axes.barh(at, shares, height * 0.9, label=label, edgecolor="white")
    for bar in bars:
        bar.set(facecolor=look[0], hatch=look[1])
    axes.errorbar(
        shares,
        at,
        xerr=[
            [max(0.0, share - own.low) for share, own in zip(shares, intervals, strict=True)],
            [max(0.0, own.high - share) for share, own in zip(shares, intervals, strict=True)],
        ],
        fmt="none",
        ecolor=INK,
        elinewidth=0.8,
        capsize=2,
    )
    for y, own in zip(at, counts, strict=True):
        axes.annotate(
            f"{own.called} of {own.total}",
            (1.0, y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=INK,
            annotation_clip=False,
        )
