"""Build the paper's tables from evaluations, beside the figures that the paper prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from metrics.talking_head_detection.roc import GRADED_FROM, grade
from thb.evaluation.cells import Cell, Measure
from thb.evaluation.result import Result
from thb.evaluation.tables import (
    SHIFTS,
    count_videos,
    list_generators,
    name_with_marks,
    order_generators,
    rank,
    title,
)
from thb.reports.evaluations import Evaluation
from thb.reports.published import name_in_paper
from thb.reports.rows import Row, list_published_detectors, make_published_row
from thb.reports.tables.contests import Ranking, find_best
from thb.reports.tables.notes import list_notes
from thb.reports.tables.table import GRADED, MEAN, Entry, Line, Table, TableSet, Videos
from thb.runtime.text import printable
from thb_dataset.errors import ResultError
from thb_dataset.protocols import Protocol
from thb_dataset.records import TRAINING_GENERATORS
from thb_dataset.release.published_counts import PUBLISHED_FAKES

LABELS: Final = {"p1": "Table 5", "p2": "Table 6", "p3": "Table 7"}
EXTRA_LABEL: Final = "Tables D.9 and D.10"
_DECIMALS: Final = 6
_PAPER_DECIMALS: Final = 2


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The detectors of one protocol and one reading of the splits, the best first."""

    protocol: str
    split_by: str
    evaluations: tuple[Evaluation, ...]

    @property
    def results(self) -> list[Result]:
        return [evaluation.result for evaluation in self.evaluations]


def build_tables(
    evaluations: Sequence[Evaluation], *, protocol: str = "all", published: bool | None = None
) -> TableSet:
    """Return the paper's tables with the detectors that were evaluated.

    Args:
        evaluations: Any number of detectors and protocols.
        protocol: ``p1``, ``p2`` or ``p3``; ``all`` for every one that there is.
        published: Whether all detectors of the paper stand in rows of their own, too. None sets
            the paper's figures beside the detectors that it has, and False leaves them out.

    Raises:
        ResultError: There is nothing to show.
    """
    groups = _group(_tell_apart(evaluations), protocol)
    wanted = [str(name) for name in Protocol if protocol in ("all", name)]
    if published:
        have = {group.protocol for group in groups}
        groups += [
            _Group(protocol=name, split_by="release", evaluations=())
            for name in wanted
            if name not in have and (protocol != "all" or not evaluations)
        ]
    if not groups:
        known = sorted({evaluation.result.protocol for evaluation in evaluations})
        raise ResultError(
            f"there are results of {', '.join(known)}, but none of {protocol}"
            if known
            else "there are no results; name run folders, or ask for the paper's figures"
        )
    groups.sort(key=lambda group: (group.protocol, group.split_by != "release"))
    tables, rankings = [], []
    for group in groups:
        ranking = Ranking(contests=(), best={}, untested={})
        columns = _list_columns(group)
        if group.evaluations and columns:
            ranking = find_best(LABELS[group.protocol], group.evaluations, columns)
        rankings.append(ranking)
        tables += [
            table
            for table in (
                _build_main(group, columns, ranking, published),
                _build_extra(group, published),
            )
            if table.lines and table.columns
        ]
    results = [result for group in groups for result in group.results]
    return TableSet(
        tables=tuple(tables),
        contests=tuple(contest for ranking in rankings for contest in ranking.contests),
        notes=tuple(list_notes(tables, results, rankings)),
    )


def _group(evaluations: Sequence[Evaluation], protocol: str) -> list[_Group]:
    chosen = {
        id(evaluation.result): evaluation
        for evaluation in evaluations
        if protocol in ("all", evaluation.result.protocol)
    }
    ranked = [chosen[id(result)] for result in rank([own.result for own in chosen.values()])]
    keys = dict.fromkeys((own.result.protocol, own.result.split_by) for own in ranked)
    return [
        _Group(
            protocol=name,
            split_by=split_by,
            evaluations=tuple(
                own
                for own in ranked
                if (own.result.protocol, own.result.split_by) == (name, split_by)
            ),
        )
        for name, split_by in keys
    ]


def _tell_apart(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Give detectors that share a name on a protocol a number each."""
    seen: dict[tuple[str, str], int] = {}
    apart = []
    for own in evaluations:
        key = own.result.protocol, own.result.title
        seen[key] = seen.get(key, 0) + 1
        name = f"{own.result.title} #{seen[key]}" if seen[key] > 1 else own.result.title
        apart.append(replace(own, result=replace(own.result, name=name)))
    return apart


def _list_columns(group: _Group) -> tuple[str, ...]:
    generators = list_generators(group.results, "test")
    if not group.evaluations:
        generators = order_generators(TRAINING_GENERATORS)
    return (*map(str, generators), MEAN) if generators else ()


def _build_main(
    group: _Group, columns: Sequence[str], ranking: Ranking, published: bool | None
) -> Table:
    lines = [
        _make_line(own.result, ranking, place, published)
        for place, own in enumerate(group.evaluations)
    ]
    printed = [_make_printed_line(row) for row in _list_printed(group.protocol, published)]
    return _make_table(group, LABELS[group.protocol], "test", columns, [*lines, *printed])


def _list_printed(protocol: str, published: bool | None) -> list[Row]:
    """Return the paper's rows of a protocol if they are wanted, the highest mean T1 first."""
    if not published:
        return []
    rows = [make_published_row(protocol, name) for name in list_published_detectors()]
    return sorted(
        (row for row in rows if row is not None),
        key=lambda row: tuple(-row.mean[name].value for name in ("t1", "auc")),
    )


def _make_line(result: Result, ranking: Ranking, place: int, published: bool | None) -> Line:
    paper = None if published is False else make_published_row(result.protocol, result.detector)
    comparable = _is_comparable(result)
    entries: dict[str, dict[str, Entry]] = {}
    videos: dict[str, Videos] = {}
    for cell in result.cells:
        if cell.part != "test":
            continue
        known = paper.cells.get(cell.generator, {}) if paper else {}
        entries[cell.generator] = _make_entries(cell.measures, known, comparable, cell.grade)
        videos[cell.generator] = _count(cell)
    whole = comparable and set(result.mean_over) == set(map(str, TRAINING_GENERATORS))
    entries[MEAN] = _make_entries(
        result.mean, paper.mean if paper else {}, whole, _grade_mean(result), places=3
    )
    for column, best in ranking.best.items():
        if best == place:
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
    """Return the grade of the mean T1; None if one of its columns has none."""
    cells = [cell for cell in result.cells if cell.part == "test" and cell.measures]
    if not cells or GRADED not in result.mean:
        return None
    return grade(
        result.mean[GRADED].value,
        n_real=min(cell.n_real for cell in cells),
        n_fake=min(cell.n_fake for cell in cells),
    )


def _make_printed_line(row: Row) -> Line:
    """Return a row of the paper, graded by the paper's own words for its T1."""
    entries = {
        name: _make_printed_entries(
            measures, grade(measures[GRADED].value, n_real=GRADED_FROM, n_fake=GRADED_FROM)
        )
        for name, measures in row.cells.items()
    }
    mean = grade(row.mean[GRADED].value, n_real=GRADED_FROM, n_fake=GRADED_FROM)
    entries[MEAN] = _make_printed_entries(row.mean, mean, places=3)
    return Line(detector=row.detector, printed=True, entries=entries)


def _make_printed_entries(
    measures: Mapping[str, Measure], word: str | None, places: int = _PAPER_DECIMALS
) -> dict[str, Entry]:
    return {
        metric: Entry(
            measure=_round(measure), decimals=places, grade=word if metric == GRADED else None
        )
        for metric, measure in measures.items()
    }


def _build_extra(group: _Group, published: bool | None) -> Table:
    """Return the table of the test-only generators: a line for each detector and fold."""
    lines = [line for own in group.evaluations for line in _make_extra_lines(own.result, published)]
    shown = {name_in_paper(own.result.detector) for own in group.evaluations}
    for name in list_published_detectors():
        # P3 has six detectors of a kind, and the paper one figure: it stands in a row of its own.
        beside = published is None and group.protocol == "p3" and name in shown
        row = make_published_row(group.protocol, name)
        if row is None or not row.extra or not (published or beside):
            continue
        entries = {
            generator: _make_printed_entries(
                measures,
                grade(
                    measures[GRADED].value,
                    n_real=GRADED_FROM,
                    n_fake=next(
                        count.total for key, count in PUBLISHED_FAKES.items() if key == generator
                    ),
                ),
            )
            for (_, generator), measures in row.extra.items()
        }
        lines.append(Line(detector=name, printed=True, entries=entries))
    columns = order_generators({name for line in lines for name in line.entries})
    return _make_table(group, EXTRA_LABEL, "extra", columns, lines)


def _make_extra_lines(result: Result, published: bool | None) -> list[Line]:
    paper = None if published is False else make_published_row(result.protocol, result.detector)
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


def _make_table(
    group: _Group, label: str, part: str, columns: Sequence[str], lines: Sequence[Line]
) -> Table:
    results = group.results
    if results:
        heading = title(results)
    else:
        heading = f"{group.protocol.upper()} ({SHIFTS[group.protocol]}), as the paper prints it"
    if part == "extra":
        heading = f"test-only generators, {heading}"
    counts = {
        name: count_videos(results, name)
        for name in columns
        if any(cell.generator == name for result in results for cell in result.cells)
    }
    return Table(
        label=label,
        title=heading,
        protocol=group.protocol,
        part=part,
        split_by=group.split_by,
        release=", ".join(sorted({printable(result.release.name) for result in results})),
        columns=tuple(columns),
        counts=counts,
        lines=tuple(lines),
    )
