"""Build the paper's tables from evaluations, beside the figures that the paper prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from thb.evaluation.cells import MEAN
from thb.evaluation.result import Result
from thb.evaluation.tables import (
    SHIFTS,
    count_videos,
    list_generators,
    order_generators,
    rank,
    title,
)
from thb.reports.evaluations import Evaluation
from thb.reports.published import name_in_paper
from thb.reports.rows import Row, list_published_detectors, make_published_row
from thb.reports.tables.contests import Ranking, find_best
from thb.reports.tables.lines import make_extra_lines, make_line, make_printed_line
from thb.reports.tables.notes import list_notes
from thb.reports.tables.table import Line, Table, TableSet
from thb.runtime.text import printable
from thb_dataset.errors import ResultError
from thb_dataset.protocols import PAPER_PROTOCOLS
from thb_dataset.records import TRAINING_GENERATORS

LABELS: Final = {"p1": "Table 5", "p2": "Table 6", "p3": "Table 7", "p3-family": "Diagnostic"}
EXTRA_LABEL: Final = "Tables D.9 and D.10"


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The detectors that were scored on the same videos of a protocol, the best first.

    A diagnostic protocol has a group for each fold.
    """

    protocol: str
    place: str = ""
    split_by: str = "release"
    release: str = ""
    evaluations: tuple[Evaluation, ...] = ()

    @property
    def results(self) -> list[Result]:
        return [evaluation.result for evaluation in self.evaluations]

    @property
    def label(self) -> str:
        """What its comparisons are called: each fold of a diagnostic protocol by itself."""
        name = LABELS[self.protocol]
        return f"{name} {self.place}" if self.is_diagnostic else name

    @property
    def is_diagnostic(self) -> bool:
        return any(result.is_diagnostic for result in self.results)


def build_tables(
    evaluations: Sequence[Evaluation], *, protocol: str = "all", published: bool | None = None
) -> TableSet:
    """Return the paper's tables with the detectors that were evaluated.

    Args:
        evaluations: Any number of detectors and protocols.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``; ``all`` for every one that there is.
        published: Whether all detectors of the paper stand in rows of their own, too. None sets
            the paper's figures beside the detectors that it has, and False leaves them out.

    Raises:
        ResultError: There is nothing to show.
    """
    named = _tell_apart(evaluations)
    groups = _group([part for own in named for part in own.split_folds()], protocol)
    wanted = [str(name) for name in PAPER_PROTOCOLS if protocol in ("all", name)]
    if published:
        have = {group.protocol for group in groups}
        groups += [
            _Group(protocol=name)
            for name in wanted
            if name not in have and (protocol != "all" or not evaluations)
        ]
    if not groups:
        lacking = (
            f" of {protocol}, and the paper has none" if protocol not in ("all", *wanted) else ""
        )
        known = sorted({evaluation.result.protocol for evaluation in evaluations})
        raise ResultError(
            f"there are results of {', '.join(known)}, but none of {protocol}"
            if known
            else f"there are no results{lacking}; name run folders, or ask for the paper's figures"
            " (--published)"
        )
    groups.sort(
        key=lambda group: (group.protocol, group.split_by != "release", group.release, group.place)
    )
    tables: list[Table] = []
    rankings: list[tuple[Table, Ranking]] = []
    for group in groups:
        columns = _list_columns(group)
        ranking = find_best(group.label, group.evaluations, columns)
        main = _build_main(group, columns, ranking, published)
        rankings.append((main, ranking))
        tables.append(main)
        if not group.is_diagnostic:
            tables.append(_build_extra(group, published))
    tables += [_build_extra(group, published) for group in _join_families(groups)]
    tables = [table for table in tables if table.lines and table.columns]
    results = [result for group in groups for result in group.results]
    return TableSet(
        tables=tuple(tables),
        contests=tuple(contest for _, ranking in rankings for contest in ranking.contests),
        notes=tuple(list_notes(tables, results, rankings)),
    )


def _group(evaluations: Sequence[Evaluation], protocol: str) -> list[_Group]:
    chosen = {
        id(evaluation.result): evaluation
        for evaluation in evaluations
        if protocol in ("all", evaluation.result.protocol)
    }
    ranked = [chosen[id(result)] for result in rank([own.result for own in chosen.values()])]
    groups: dict[tuple[str, str, str, str], list[Evaluation]] = {}
    for own in ranked:
        result = own.result
        key = result.protocol, result.place, result.split_by, result.release.identity
        groups.setdefault(key, []).append(own)
    return [
        _Group(
            protocol=name,
            place=place,
            split_by=split_by,
            release=members[0].result.release.name,
            evaluations=tuple(members),
        )
        for (name, place, split_by, _), members in groups.items()
    ]


def _join_families(groups: Sequence[_Group]) -> list[_Group]:
    """Return the folds of a diagnostic protocol as one group, whose tables have a line a fold."""
    joined: dict[tuple[str, str], list[_Group]] = {}
    for group in groups:
        if group.is_diagnostic:
            joined.setdefault((group.split_by, group.release), []).append(group)
    return [
        replace(
            parts[0], place="", evaluations=tuple(own for part in parts for own in part.evaluations)
        )
        for parts in joined.values()
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
    whole = group.results[0].whole_name if group.evaluations else MEAN
    return (*map(str, generators), whole) if generators else ()


def _build_main(
    group: _Group, columns: Sequence[str], ranking: Ranking, published: bool | None
) -> Table:
    lines = [
        make_line(own.result, ranking.find_columns(place), published=published is not False)
        for place, own in enumerate(group.evaluations)
    ]
    printed = [make_printed_line(row) for row in _list_printed(group.protocol, published)]
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


def _build_extra(group: _Group, published: bool | None) -> Table:
    """Return the table of the test-only generators: a line for each detector and fold."""
    lines = [
        line
        for own in group.evaluations
        for line in make_extra_lines(own.result, published=published is not False)
    ]
    shown = {name_in_paper(own.result.detector) for own in group.evaluations}
    for name in list_published_detectors():
        # P3 has six detectors of a kind, and the paper one figure: it stands in a row of its own.
        beside = published is None and group.protocol == "p3" and name in shown
        row = make_published_row(group.protocol, name)
        if row is None or not row.extra or not (published or beside):
            continue
        lines.append(make_printed_line(row, extra=True))
    columns = order_generators({name for line in lines for name in line.entries})
    label = LABELS[group.protocol] if group.is_diagnostic else EXTRA_LABEL
    return _make_table(group, label, "extra", columns, lines)


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
    own = {name for result in results for name in result.fakes}
    counts = {
        name: f"not of the release, {count_videos(results, name)}"
        if name in own
        else count_videos(results, name)
        for name in columns
        if any(cell.generator == name for result in results for cell in result.cells)
    }
    return Table(
        label=label,
        title=heading,
        protocol=group.protocol,
        part=part,
        split_by=group.split_by,
        release=printable(group.release),
        columns=tuple(columns),
        counts=counts,
        lines=tuple(lines),
    )
