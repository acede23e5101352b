"""The first chapter of a report: what was measured, and what came out, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from thb.evaluation.cells import METRICS, Cell, Measure
from thb.evaluation.result import Result
from thb.evaluation.tables import TITLES, list_caveats, name_with_marks, rank, show
from thb.reports.report.section import bullets, table


def write_summary(results: Sequence[Result]) -> str:
    """Return what a reader must know first as HTML.

    Args:
        results: The results of all detectors and protocols.
    """
    ranked = rank(results)
    sentences = [sentence for result in ranked for sentence in _describe(result)]
    sentences += [sentence for name in _titles(ranked) for sentence in _compare(name, ranked)]
    rows = [
        (
            name_with_marks(result),
            result.protocol.upper(),
            *(show(result.mean.get(metric)) for metric in METRICS),
            f"{len(result.mean_over)}",
        )
        for result in ranked
    ]
    headings = ["detector", "protocol", *(f"mean {TITLES[name]}" for name in METRICS), "generators"]
    return bullets(list_caveats(ranked)) + table(headings, rows) + bullets(sentences)


def _titles(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.title for result in results))


def _describe(result: Result) -> list[str]:
    """Return what a detector finds, and the generator whose fakes it misses most."""
    found = result.mean.get("t1")
    if found is None:
        return [f"{result.title} has no numbers on {result.protocol.upper()}."]
    sentence = (
        f"{result.title} finds {_percent(found)} of the fakes in {result.protocol.upper()} if 1 % "
        "of the real videos may be called fake"
    )
    ranged = f" (95 % interval {_interval(found)})" if found.low is not None else ""
    lines = [f"{sentence}{ranged}."]
    tested = [cell for cell in result.cells if cell.part == "test" and "t1" in cell.measures]
    if len(tested) > 1:
        worst = min(tested, key=lambda cell: (cell.measures["t1"].value, cell.generator))
        lines[0] += f" It finds fewest of {worst.generator}'s: {_count_hits(worst)}."
    if found.below_resolution:
        fewest = min(cell.n_real for cell in tested)
        lines[0] += (
            f" With {fewest} real videos 1 % is less than one video, so no false alarm is allowed."
        )
    return lines


def _compare(name: str, results: Sequence[Result]) -> list[str]:
    """Return how a detector's T1 changes from P1 to P2 and P3."""
    own = {result.protocol: result for result in results if result.title == name}
    first = own["p1"].mean.get("t1") if "p1" in own else None
    if first is None:
        return []
    lines = []
    for protocol, what in (("p2", "a new generator"), ("p3", "new people and a new generator")):
        later = own[protocol].mean.get("t1") if protocol in own else None
        if later is not None:
            lines.append(
                f"{name}: from new people (P1) to {what} ({protocol.upper()}) the share of fakes "
                f"found goes from {_percent(first)} to {_percent(later)}."
            )
    return lines


def _percent(measure: Measure) -> str:
    return f"{100 * measure.value:.1f} %"


def _interval(measure: Measure) -> str:
    assert measure.low is not None and measure.high is not None  # noqa: S101, PT018 — asked before
    return f"{100 * measure.low:.0f} to {100 * measure.high:.0f} %"


def _count_hits(cell: Cell) -> str:
    hits = round(cell.measures["t1"].value * cell.n_fake)
    return f"{hits} of {cell.n_fake}"
