"""The lines of tables: a detector's numbers beside the figures of the paper, and these alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from metrics.talking_head_detection.roc import GRADED_FROM, grade
from thb.evaluation.cells import FAMILY, MEAN, Cell, Measure
from thb.evaluation.result import Result
from thb.evaluation.tables import name_with_marks
from thb.reports.rows import Row, make_published_row
from thb.reports.tables.table import GRADED, Entry, Line, Videos
from thb.runtime.text import printable
from thb_dataset.records import TRAINING_GENERATORS
from thb_dataset.release.published_counts import PUBLISHED_FAKES

_DECIMALS: Final = 6
_PAPER_DECIMALS: Final = 2
_MEAN_DECIMALS: Final = 3


def make_line(result: Result, best_in: Collection[str], *, published: bool) -> Line:
    """Return a detector's numbers of the generators that the protocol tests, and their means.

    Args:
        result: The numbers of the detector.
        best_in: The columns in which it is the best beyond noise.
        published: Whether the paper's figures stand beside the numbers.
    """
    paper = make_published_row(result.protocol, result.detector) if published else None
    comparable = _is_comparable(result)
    entries: dict[str, dict[str, Entry]] = {}
    videos: dict[str, Videos] = {}
    for cell in result.cells:
        if cell.part not in ("test", FAMILY):
            continue
        known = paper.cells.get(cell.generator, {}) if paper else {}
        entries[cell.generator] = _make_entries(cell.measures, known, comparable, cell.grade)
        videos[cell.generator] = _count(cell)
    known_mean = comparable and set(result.mean_over) == set(map(str, TRAINING_GENERATORS))
    entries[result.whole_name] = _make_entries(
        result.whole,
        paper.mean if paper else {},
        known_mean,
        _grade_mean(result),
        places=_MEAN_DECIMALS,
    )
    for column in best_in:
        entries[column][GRADED] = replace(entries[column][GRADED], best=True)
    shown = {name: own for name, own in entries.items() if own}
    return replace(_name(result), entries=shown, videos=videos)


def _name(result: Result) -> Line:
    """Return the line of a result, still without numbers."""
    symbols = name_with_marks(result).removeprefix(result.title).strip()
    return Line(
        detector=printable(result.title),
        kind=printable(result.detector),
        symbols=printable(symbols),
    )


def _is_comparable(result: Result) -> bool:
    """Return whether a result is of the very videos of the paper."""
    release = result.release
    return release.counts_agree is True and not release.synthetic and result.split_by == "release"


def _make_entries(
    measures: Mapping[str, Measure],
    published: Mapping[str, Measure],
    comparable: bool,
    word: str | None,
    places: int = _PAPER_DECIMALS,
) -> dict[str, Entry]:
    entries = {}
    for metric, measure in measures.items():
        rounded = _round(measure)
        figure = round(published[metric].value, _DECIMALS) if metric in published else None
        entries[metric] = Entry(
            measure=rounded,
            published=figure,
            published_decimals=places,
            difference=round(rounded.value - figure, _DECIMALS)
            if comparable and figure is not None
            else None,
            grade=word if metric == GRADED else None,
        )
    return entries


def _round(measure: Measure) -> Measure:
    """Round a measure once, so that every format rounds the same number for its readers."""
    names = ("low", "high", "bootstrap_low", "bootstrap_high")
    known = {name: getattr(measure, name) for name in names}
    return replace(
        measure,
        value=round(measure.value, _DECIMALS),
        **{name: round(end, _DECIMALS) for name, end in known.items() if end is not None},
    )


def _count(cell: Cell) -> Videos:
    return Videos(fold=cell.fold, n_fake=cell.n_fake, n_real=cell.n_real, problem=cell.problem)


def _grade_mean(result: Result) -> str | None:
    """Return the grade of the mean T1 or of the family's; None if one of its columns has none."""
    cells = [cell for cell in result.cells if cell.part == "test" and cell.measures]
    if result.is_diagnostic:
        return next((cell.grade for cell in result.cells if cell.part == FAMILY), None)
    if not cells or GRADED not in result.mean:
        return None
    return grade(
        result.mean[GRADED].value,
        n_real=min(cell.n_real for cell in cells),
        n_fake=min(cell.n_fake for cell in cells),
    )


def make_printed_line(row: Row, *, extra: bool = False) -> Line:
    """Return a row of the paper, graded by its own T1.

    Args:
        row: The row.
        extra: Whether the line is of the test-only generators instead of the six others.
    """
    cells = {name: measures for (_, name), measures in row.extra.items()} if extra else row.cells
    fakes = {str(name): count.total for name, count in PUBLISHED_FAKES.items()}
    entries = {
        name: _make_printed_entries(measures, fakes[name] if extra else GRADED_FROM)
        for name, measures in cells.items()
    }
    if not extra:
        entries[MEAN] = _make_printed_entries(row.mean, GRADED_FROM, places=_MEAN_DECIMALS)
    return Line(detector=row.detector, printed=True, entries=entries)


def _make_printed_entries(
    measures: Mapping[str, Measure], n_fake: int, places: int = _PAPER_DECIMALS
) -> dict[str, Entry]:
    """Return figures of the paper, which does not say how many real videos it tests."""
    word = grade(measures[GRADED].value, n_real=GRADED_FROM, n_fake=n_fake)
    return {
        metric: Entry(
            measure=_round(measure), decimals=places, grade=word if metric == GRADED else None
        )
        for metric, measure in measures.items()
    }


def make_extra_lines(result: Result, *, published: bool) -> list[Line]:
    """Return a detector's numbers of the test-only generators, a line for each fold.

    Args:
        result: The numbers of the detector.
        published: Whether the paper's figures stand beside the numbers.
    """
    paper = make_published_row(result.protocol, result.detector) if published else None
    cells = [cell for cell in result.cells if cell.part == "extra"]
    lines = []
    for fold in dict.fromkeys(cell.fold for cell in cells):
        entries, videos = {}, {}
        for cell in cells:
            if cell.fold != fold:
                continue
            # The paper's figures are known by protocol, which names the only fold of P1.
            known = paper.extra.get((fold, cell.generator), {}) if paper else {}
            entries[cell.generator] = _make_entries(
                cell.measures, known, _is_comparable(result), cell.grade
            )
            videos[cell.generator] = _count(cell)
        lines.append(replace(_name(result), fold=fold, entries=entries, videos=videos))
    return lines
