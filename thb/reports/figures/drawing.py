"""All figures of a list of evaluations: which can be drawn, which cannot and why, and their words.

:func:`draw_figures` draws them all; :func:`plan_figures` lets a caller draw one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from thb.evaluation.pairs import Pair
from thb.evaluation.tables import list_caveats
from thb.reports.evaluations import Evaluation
from thb.reports.figures.bars import TITLES, draw_generators, draw_protocols
from thb.reports.figures.choice import KINDS, OF_PAPER, OF_ROWS, FigureChoice
from thb.reports.figures.curves import draw_roc, draw_tpr_curves
from thb.reports.figures.radar import draw_radar
from thb.reports.figures.scores import draw_histograms, draw_reliability
from thb.reports.figures.style import add_notes, show_name
from thb.reports.figures.transport import draw_transport
from thb.reports.figures.words import (
    CAPTIONS,
    INTERVALS,
    POINTS,
    RESOLUTION,
    THRESHOLDS,
    list_notes,
    name_series,
    note_calibrations,
    tell_means,
    tell_pairs,
    tell_rows,
)
from thb.reports.rows import Row, list_published_detectors, make_published_row, make_row
from thb_dataset.protocols import PAPER_PROTOCOLS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEAST_SPOKES: Final = 3
_TITLES: Final[Mapping[str, str]] = {
    "roc": "ROC by generator",
    "histograms": "scores of real and fake videos",
    "reliability": "reliability",
    "transport": "thresholds from validation on test videos",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """A figure with its words.

    Attributes:
        name: The file name without an ending; no two figures of a list share one.
        kind: One of ``thb.reports.figures.choice.KINDS``.
        title: A heading.
        caption: What the figure shows and how to read it, in plain sentences.
        alt: What there is to see, for people who cannot see it.
        notes: The sentences that stand in the figure itself, below the drawing.
        figure: The figure of matplotlib.
    """

    name: str
    kind: str
    title: str
    caption: str
    alt: str
    notes: tuple[str, ...]
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class Omission:
    """A figure that was asked for and cannot be drawn.

    Attributes:
        kind: One of ``thb.reports.figures.choice.KINDS``.
        reason: Why, in a sentence.
    """

    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class FigurePlan:
    """The figures to draw.

    Attributes:
        figures: What draws each figure.
        omitted: The figures that cannot be drawn.
    """

    figures: tuple[Callable[[], Drawing], ...]
    omitted: tuple[Omission, ...]


def draw_figures(
    evaluations: Sequence[Evaluation], choice: FigureChoice | None = None
) -> tuple[tuple[Drawing, ...], tuple[Omission, ...]]:
    """Draw every figure of a list of evaluations.

    Args:
        evaluations: The detectors on their protocols; none for the paper's numbers alone.
        choice: Which figures; None for all that can be drawn.

    Returns:
        The figures, and what could not be drawn.
    """
    plan = plan_figures(evaluations, choice)
    return tuple(draw() for draw in plan.figures), plan.omitted


def plan_figures(
    evaluations: Sequence[Evaluation], choice: FigureChoice | None = None
) -> FigurePlan:
    """Find out which figures of a list of evaluations can be drawn, and draw none of them.

    Args:
        evaluations: The detectors on their protocols; none for the paper's numbers alone.
        choice: Which figures; None for all that can be drawn.
    """
    choice = choice or FigureChoice()
    chosen = [own for own in evaluations if own.result.protocol in choice.protocols]
    shown = [part for own in chosen for part in own.split_folds()]
    planner = _Planner(
        evaluations=list(zip(name_series(shown), shown, strict=True)), published=choice.published
    )
    used = {own.result.protocol for own in shown} or set(PAPER_PROTOCOLS)
    protocols = [name for name in choice.protocols if name in used and name in PAPER_PROTOCOLS]
    families = [own.result.place for own in shown if own.result.is_diagnostic]
    for kind in (kind for kind in KINDS if kind in choice.kinds):
        if families and kind in OF_PAPER:
            reason = "P3-FAMILY has no part in it: it shows the paper's protocols"
            planner.omitted.append(Omission(kind=kind, reason=reason))
        if kind == "fig2a" and (protocols or not families):
            planner.plan_protocols(protocols)
        elif kind in OF_ROWS:
            for place in [*protocols, *([] if kind in OF_PAPER else dict.fromkeys(families))]:
                planner.plan_rows(kind, place)
        else:
            planner.plan_detectors(kind)
    return FigurePlan(figures=tuple(planner.figures), omitted=tuple(planner.omitted))


@dataclass(kw_only=True)
class _Planner:
    """Collects figures and omissions."""

    evaluations: Sequence[tuple[str, Evaluation]]
    published: bool
    figures: list[Callable[[], Drawing]] = field(default_factory=list)
    omitted: list[Omission] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def plan_protocols(self, protocols: Sequence[str]) -> None:
        """Plan Fig. 2a."""
        rows = [row for name in protocols for row in self._rows(name) if "t1" in row.mean]
        if not rows:
            self._omit("fig2a", "no detector has a mean T1")
            return
        self._plan(
            "fig2a",
            "fig2a",
            title=f"Mean {TITLES['t1']} by protocol",
            alt=lambda: f"Bars of the mean T1 by protocol. {tell_means(rows, 't1')}",
            notes=self._notes(protocols, rows, ["t1"]),
            adds=[INTERVALS] if any(row.mean["t1"].low is not None for row in rows) else [],
            draw=lambda: draw_protocols(rows),
        )

    def plan_rows(self, kind: str, protocol: str) -> None:
        """Plan a figure that compares the detectors on one protocol, or on a family's fold."""
        rows = self._rows(protocol)
        if kind == "fig2b":
            self._plan_curves(protocol, rows)
            return
        rows = [row for row in rows if any("t1" in cell for cell in row.cells.values())]
        spokes = {name for row in rows for name in row.cells}
        if not rows:
            self._omit(kind, f"no detector has a T1 on {protocol.upper()}")
            return
        if kind == "fig3" and len(spokes) < _LEAST_SPOKES:
            few = f"{len(spokes)} of them" if len(spokes) > 1 else "one of them"
            self._omit(kind, f"{protocol.upper()}: a radar over generators says nothing with {few}")
            return
        metrics = ["t1"] if kind == "fig2c" else ["t1", "t01"]
        titles = " and ".join(TITLES[metric] for metric in metrics)
        told = [f"{TITLES[metric]}. {tell_rows(rows, metric)}" for metric in metrics]
        shape = "Bars" if kind == "fig2c" else "Radars over the generators"
        self._plan(
            kind,
            f"{kind}-{protocol}",
            title=f"{protocol.upper()}: {titles} by generator",
            alt=lambda: f"{shape}: {' '.join(told)}",
            notes=self._notes([protocol], rows, metrics),
            adds=[INTERVALS] if kind == "fig2c" and not all(row.published for row in rows) else [],
            draw=lambda: draw_generators(rows) if kind == "fig2c" else draw_radar(rows),
        )

    def _plan_curves(self, protocol: str, rows: Sequence[Row]) -> None:
        series: dict[str, list[Pair]] = {}
        for name, evaluation in self.evaluations:
            if evaluation.result.place == protocol:
                pairs, problem = _select_pairs(evaluation)
                # The mean is that of the tables, in which test-only generators have no part.
                pairs = [pair for pair in pairs if pair.cell.part == "test"]
                series |= {name: pairs} if pairs else {}
                if problem:
                    self._omit("fig2b", f"{name} on {protocol.upper()}: {problem}")
        known = [row for row in rows if row.published and {"t1", "t01"} <= set(row.mean)]
        if not series and not known:
            return
        drawn = [row for row in rows if row.published or row.detector in series]
        points = "; the paper's detectors are two points each, at 1 % and 0.1 %" if known else ""
        self._plan(
            "fig2b",
            f"fig2b-{protocol}",
            title=f"{protocol.upper()}: TPR by false-alarm rate",
            alt=lambda: (
                f"Curves of the mean share of fakes found from a false-alarm rate of 1 down to"
                f" 0.00001{points}. T1: {tell_means(drawn, 't1')} T0.1: {tell_means(drawn, 't01')}"
            ),
            notes=self._notes([protocol], known, [], names=list(series)),
            adds=[*([RESOLUTION] if series else []), *([POINTS] if known else [])],
            draw=lambda: draw_tpr_curves(series, known, title=protocol.upper()),
        )

    def plan_detectors(self, kind: str) -> None:
        """Plan a figure of each detector on each protocol."""
        if not self.evaluations:
            self._omit(kind, "it is drawn from predictions, and the paper printed none")
        for name, evaluation in self.evaluations:
            place = f"{name} on {evaluation.result.place.upper()}"
            pairs, problem = _select_pairs(evaluation)
            if problem is None and kind == "transport" and not evaluation.calibrations:
                problem = "no detector has a threshold from validation (thb calibrate)"
            if problem is not None:
                self._omit(kind, f"{place}: {problem}")
                continue
            self._plan_detector(kind, name, evaluation, pairs)

    def _plan_detector(
        self, kind: str, name: str, evaluation: Evaluation, pairs: Sequence[Pair]
    ) -> None:
        result, calibrations = evaluation.result, evaluation.calibrations
        title = f"{show_name(name)} on {result.place.upper()}: {_TITLES[kind]}"
        limits = {fold: own.threshold for fold, own in calibrations.items()}
        notes = list_caveats([result])
        if kind in ("histograms", "transport"):
            notes += note_calibrations(calibrations)
        target = next((own.target_fpr for own in calibrations.values()), 0.01)
        draw: Mapping[str, Callable[[], Figure]] = {
            "roc": lambda: draw_roc(pairs, title=title),
            "histograms": lambda: draw_histograms(pairs, title=title, thresholds=limits),
            "reliability": lambda: draw_reliability(pairs, title=title),
            "transport": lambda: draw_transport(pairs, limits, title=title, target_fpr=target),
        }
        self._plan(
            kind,
            f"{kind}-{result.place}-{result.title}",
            title=title,
            alt=lambda: f"{title}. {tell_pairs(kind, pairs, limits)}",
            notes=notes,
            adds=[THRESHOLDS] if kind == "histograms" and limits else [],
            draw=draw[kind],
        )

    def _rows(self, protocol: str) -> list[Row]:
        own = [
            make_row(evaluation.result, name)
            for name, evaluation in self.evaluations
            if evaluation.result.place == protocol
        ]
        names = list_published_detectors() if self.published else []
        published = [make_published_row(protocol, name) for name in names]
        return [*own, *(row for row in published if row is not None)]

    def _notes(
        self,
        protocols: Sequence[str],
        rows: Sequence[Row],
        metrics: Sequence[str],
        names: Sequence[str] | None = None,
    ) -> list[str]:
        shown = {row.detector for row in rows} if names is None else set(names)
        results = [
            evaluation.result
            for name, evaluation in self.evaluations
            if evaluation.result.place in protocols and name in shown
        ]
        return list_notes(results, rows, metrics)

    def _omit(self, kind: str, reason: str) -> None:
        self.omitted.append(Omission(kind=kind, reason=reason))

    def _plan(
        self,
        kind: str,
        name: str,
        *,
        title: str,
        alt: Callable[[], str],
        notes: Sequence[str],
        adds: Sequence[str],
        draw: Callable[[], Figure],
    ) -> None:
        slug = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)[:80].strip("-.").lower()
        count = 2
        stem = slug
        while slug in self.names:
            slug, count = f"{stem}-{count}", count + 1
        self.names.add(slug)

        def make() -> Drawing:
            figure = draw()
            add_notes(figure, notes)
            return Drawing(
                name=slug,
                kind=kind,
                title=title,
                caption=" ".join([CAPTIONS[kind], *adds]),
                alt=alt(),
                notes=tuple(notes),
                figure=figure,
            )

        self.figures.append(make)


def _select_pairs(evaluation: Evaluation) -> tuple[list[Pair], str | None]:
    """Return the pairs of an evaluation that can be drawn, or why there are none.

    The test-only generators belong to a protocol's only fold. Where there are several, each fold
    scores their videos again, and they are left out. So is the family of a fold as a whole, whose
    fakes are those of its members.
    """
    if not evaluation.folds:
        return [], "only its numbers are at hand, and this is drawn from predictions"
    folds = {pair.cell.fold for pair in evaluation.pairs}
    several = len(folds) > 1 or evaluation.result.is_diagnostic
    pairs = [
        pair
        for pair in evaluation.pairs
        if pair.cell.n_real and pair.cell.n_fake and (pair.cell.part == "test" or not several)
    ]
    return pairs, None if pairs else "no generator has both fakes and real videos with a score"
