"""The first chapter of a report: what was measured, and what came out, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from thb.evaluation.cells import METRICS, Cell, Measure
from thb.evaluation.result import Result
from thb.evaluation.tables import (
    DIAGNOSTIC_NOTE,
    TITLES,
    list_caveats,
    name_with_marks,
    rank,
    show,
    split_folds,
)
from thb.reports.report.section import bullets, table

_SHIFTS: Final = {
    "p1": "new people",
    "p2": "a new generator",
    "p3": "new people and a new generator",
}
NO_SHORTCUTS: Final = (
    "What frame rate, size, bit rate and tags of the files reach without a look at the picture is "
    "not shown here: thb shortcuts writes two more run folders, which belong beside these."
)


def write_summary(results: Sequence[Result]) -> str:
    """Return what a reader must know first as HTML.

    Args:
        results: The results of all detectors and protocols.
    """
    ranked = rank(results)
    shown = rank(split_folds(results))
    sentences = [_describe(name, ranked) for name in _titles(ranked)]
    sentences += _explain_resolution(ranked)
    if not any(run.detector.metadata_only for each in ranked for run in each.runs.values()):
        sentences.append(NO_SHORTCUTS)
    if any(each.is_diagnostic for each in ranked):
        sentences.append(DIAGNOSTIC_NOTE)
    rows = [
        (
            name_with_marks(result),
            result.place.upper(),
            *(show(result.whole.get(metric)) for metric in METRICS),
            _count_generators(result),
        )
        for result in shown
    ]
    headings = ["detector", "protocol", *(f"mean {TITLES[name]}" for name in METRICS), "generators"]
    return bullets(list_caveats(ranked)) + table(headings, rows) + bullets(sentences)


def _count_generators(result: Result) -> str:
    """Return over how many generators a mean is, or how many a family's numbers are of."""
    members = sum(cell.part == "test" for cell in result.cells)
    return f"{members} together" if result.is_diagnostic else f"{len(result.mean_over)}"


def _titles(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.title for result in results))


def _describe(name: str, results: Sequence[Result]) -> str:
    """Return what a detector finds in each protocol, and whose fakes it misses most."""
    own = sorted((each for each in results if each.title == name), key=lambda each: each.protocol)
    known = [each for each in own if "t1" in each.mean]
    if not known:
        return f"{name} has no mean over generators."
    shares = [
        f"{_percent(each.mean['t1'])} of the fakes in {each.protocol.upper()} "
        f"({_SHIFTS[each.protocol]}{_interval(each.mean['t1'])})"
        for each in known
    ]
    worst = [fewest for each in known if (fewest := _find_worst(each))]
    return f"{name} finds {_join(shares)}, if 1 % of the real videos may be called fake." + (
        f" It finds fewest of {_join(worst)}." if worst else ""
    )


def _find_worst(result: Result) -> str | None:
    """Return the generator of which a detector finds fewest; None with one generator."""
    tested = [cell for cell in result.cells if cell.part == "test" and "t1" in cell.measures]
    if len(tested) < 2:
        return None
    worst = min(tested, key=lambda cell: (cell.measures["t1"].value, cell.generator))
    return f"{worst.generator}'s in {result.protocol.upper()} ({_count_hits(worst)})"


def _explain_resolution(results: Sequence[Result]) -> list[str]:
    """Return what few real videos mean for T1."""
    few = [
        cell.n_real
        for each in results
        for cell in each.cells
        if "t1" in cell.measures and cell.measures["t1"].below_resolution
    ]
    if not few:
        return []
    return [f"† With {min(few)} real videos 1 % is less than one video: no false alarm is allowed."]


def _percent(measure: Measure) -> str:
    return f"{100 * measure.value:.1f} %"


def _interval(measure: Measure) -> str:
    if measure.low is None or measure.high is None:
        return ""
    return f"; 95 % interval {100 * measure.low:.0f} to {100 * measure.high:.0f} %"


def _count_hits(cell: Cell) -> str:
    hits = round(cell.measures["t1"].value * cell.n_fake)
    return f"{hits} of {cell.n_fake}"


def _join(parts: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
