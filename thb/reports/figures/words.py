"""What stands in words beside a figure: what a series is called, notes, captions and alt texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from metrics.talking_head_detection.roc import roc_curve
from thb.evaluation.pairs import Pair
from thb.evaluation.result import Result
from thb.evaluation.tables import list_caveats, name_with_marks
from thb.prediction.calibration import Calibration
from thb.reports.evaluations import Evaluation
from thb.reports.figures.scores import measure_reliability
from thb.reports.figures.transport import count_called
from thb.reports.rows import Row
from thb.runtime.text import printable
from thb_dataset.records import TRAINING_GENERATORS

PAPER_NOTE: Final = (
    "(paper): the numbers that the paper prints, to two decimals, without intervals."
)

CAPTIONS: Final[Mapping[str, str]] = {
    "fig2a": (
        "T1, the share of fakes found while at most 1 % of the real videos are called fake, as a"
        " mean over the generators, in each protocol. Higher is better; a fall from P1 to P3 is"
        " what new identities and a new generator cost."
    ),
    "fig2b": (
        "The share of fakes found, as a mean over the generators, when ever fewer real videos may"
        " be called fake: read from right to left."
    ),
    "fig2c": (
        "T1, the share of fakes found while at most 1 % of the real videos are called fake, for"
        " each generator. Higher is better; unequal bars of one detector say which generators"
        " escape it."
    ),
    "fig3": (
        "T1 and T0.1, the shares of fakes found while at most 1 % and 0.1 % of the real videos are"
        " called fake, one spoke for each generator. Further out is better; a dent is a generator"
        " that the detector misses."
    ),
    "roc": (
        "The share of fakes found against the share of real videos called fake, which stands on a"
        " logarithmic axis, one curve for each generator. Higher is better; in the shaded part,"
        " less than one real video, no false alarm is allowed."
    ),
    "histograms": (
        "How the scores of the real videos (filled) and of the fakes (hatched outline) are spread,"
        " one panel for each generator. The less they overlap, the better the detector tells them"
        " apart."
    ),
    "reliability": (
        "How many of the videos with a score are fake, in ten bins of the score; both classes"
        " weigh the same, and numbers are counts of videos. On the dashed line a score of 0.8 means"
        " that 80 % are fake; below it the detector calls too many fake."
    ),
    "transport": (
        "What thresholds that were chosen on validation videos do on test videos: above, real"
        " videos called fake, by fold and dataset; below, fakes found. Thin lines are exact 95 %"
        " intervals; a bar that ends right of the dashed line breaks the promise of the threshold."
    ),
}
"""What each kind of figure shows, and how to read it."""
INTERVALS: Final = "Thin lines are 95 % intervals."
RESOLUTION: Final = (
    "Left of the dashed line not one real video may be called fake, so the curves cannot tell rates"
    " apart there."
)
POINTS: Final = "A detector of the paper is two points, its mean T1 and T0.1, which it prints."
THRESHOLDS: Final = "The dashed line is the threshold that validation gave."
"""What a caption adds where the figure has it."""


def name_series(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return what each evaluation is called: its detector's name, and what sets it apart.

    No two evaluations of one protocol have the same name.
    """
    names: list[str] = []
    seen: Counter[tuple[str, str]] = Counter()
    for evaluation in evaluations:
        result = evaluation.result
        name = name_with_marks(result)
        if result.release.synthetic:
            name += " (SYNTHETIC)"
        elif result.release.differs:
            name += " (other release)"
        seen[result.place, name] += 1
        count = seen[result.place, name]
        names.append(f"{name} ({count})" if count > 1 else name)
    return names


def list_notes(results: Sequence[Result], rows: Sequence[Row], metrics: Sequence[str]) -> list[str]:
    """Return the sentences that stand in a figure.

    Args:
        results: The results that it shows.
        rows: All rows that it shows, published ones too.
        metrics: The metrics that it shows.
    """
    lines = list_caveats(results)
    lines += [
        f"{result.title} {result.protocol.upper()}: the mean is over {len(result.mean_over)} of the"
        f" {len(TRAINING_GENERATORS)} generators."
        for result in results
        if set(result.mean_over) != {*map(str, TRAINING_GENERATORS)} and not result.is_diagnostic
    ]
    if {"t1", "t01"} & set(metrics):
        lines += _note_resolution(results, metrics)
    if results and any(row.published for row in rows):
        lines.append(PAPER_NOTE)
    return list(dict.fromkeys(map(printable, lines)))


def _note_resolution(results: Sequence[Result], metrics: Sequence[str]) -> list[str]:
    counts = {
        cell.n_real
        for result in results
        for cell in result.cells
        for metric in metrics
        if metric in cell.measures and cell.measures[metric].below_resolution
    }
    if not counts:
        return []
    names = " and ".join(name for key, name in (("t1", "T1"), ("t01", "T0.1")) if key in metrics)
    videos = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)}–{max(counts)}"
    verb = "allow" if "and" in names else "allows"
    return [f"With {videos} real videos, {names} {verb} no false alarm at all."]


def note_calibrations(calibrations: Mapping[str, Calibration]) -> list[str]:
    """Return a note on thresholds that rest on too few validation videos."""
    counts = [own.n_real for own in calibrations.values() if not own.resolved]
    if not counts:
        return []
    few = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"
    return [f"Thresholds rest on {few} real validation videos, too few to check such a rate."]


def tell_rows(rows: Sequence[Row], metric: str) -> str:
    """Return the numbers of rows by generator, for people who cannot see them."""
    return " ".join(
        f"{row.name}: {_join((name, cell[metric].value) for name, cell in cells)}."
        for row in rows
        if (cells := [(name, cell) for name, cell in row.cells.items() if metric in cell])
    )


def tell_means(rows: Sequence[Row], metric: str) -> str:
    """Return the means of detectors by protocol, for people who cannot see them."""
    found: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        if metric in row.mean:
            own = found.setdefault(row.name, [])
            own.append((row.protocol.upper(), row.mean[metric].value))
    return " ".join(f"{name}: {_join(sorted(means))}." for name, means in found.items())


def tell_pairs(kind: str, pairs: Sequence[Pair], limits: Mapping[str, float]) -> str:
    """Return what a figure of one detector shows, for people who cannot see it.

    Args:
        kind: ``roc``, ``histograms``, ``reliability`` or ``transport``.
        pairs: The pairs of the detector on a protocol.
        limits: The threshold of each fold.
    """
    if kind == "roc":
        areas = [(own.cell.generator, roc_curve(own.labels, own.scores).area) for own in pairs]
        return f"Areas under the curves: {_join(areas)}."
    if kind == "histograms":
        middles = (
            f"{own.cell.generator} {np.median(own.scores[own.labels == 1]):.2f} against"
            f" {np.median(own.scores[own.labels == 0]):.2f}"
            for own in pairs
        )
        return f"Median scores of fakes against real videos: {', '.join(middles)}."
    if kind == "reliability":
        found = measure_reliability(pairs)
        points = zip(found.scores, found.shares, strict=True)
        shares = ", ".join(f"{share:.2f} at {score:.2f}" for score, share in points)
        return f"Calibration error {found.error:.3f}. Share of fakes at mean score: {shares}."
    alarms, hits = count_called(pairs, limits)
    called = ", ".join(f"{own.group} {own.source} {own.called} of {own.total}" for own in alarms)
    caught = ", ".join(f"{own.group} {own.called} of {own.total}" for own in hits)
    return f"Real videos called fake: {called}. Fakes called fake: {caught}."


def _join(values: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in values)
