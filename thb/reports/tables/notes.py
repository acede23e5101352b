"""The notes below the tables: what stands where, and what a number must not be taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from metrics.talking_head_detection.roc import GRADED_FROM, GRADES
from thb.evaluation.result import Result
from thb.evaluation.tables import NOT_COMPARABLE, notes
from thb.reports.tables.contests import SIGNIFICANT, Ranking
from thb.reports.tables.table import Table

PAPER_NOTE: Final = (
    "Rows marked (paper) hold the figures of TalkingHeadBench's paper, which have two decimals and "
    "no intervals; their means, computed from these, are known to about 0.002. They take no part "
    "in what is bold."
)
BESIDE_NOTE: Final = "The paper's figure stands beside a number where the paper has the detector"
FOLD_NOTE: Final = (
    "The paper prints one figure for each test-only generator in P3, where the toolkit has one for "
    "each fold: it stands in a row of its own."
)


def list_notes(
    tables: Sequence[Table],
    results: Sequence[Result],
    rankings: Sequence[tuple[Table, Ranking]],
) -> list[str]:
    """Return the sentences below tables, without doubles.

    Args:
        tables: The tables.
        results: The results in them.
        rankings: The tables of the six generators, and what was compared for each.
    """
    lines = [
        _explain_grades(tables),
        *_explain_bold(rankings),
        *_explain_published(tables, results),
    ]
    if results:
        lines += notes(results)
    return list(dict.fromkeys(line for line in lines if line))


def _explain_grades(tables: Sequence[Table]) -> str:
    words = ", ".join(f"{word} from {least:g}" for least, word in GRADES)
    if any(table.graded for table in tables):
        return (
            f"Grades follow T1, as the paper's colours do: {words}, poor below. There is none with "
            f"fewer than {GRADED_FROM} real videos or fakes."
        )
    return f"No T1 is graded: there are fewer than {GRADED_FROM} real videos or fakes."


def _explain_bold(rankings: Sequence[tuple[Table, Ranking]]) -> list[str]:
    lines = []
    contests = [contest for _, ranking in rankings for contest in ranking.contests]
    if contests:
        lines.append(
            "Bold (* in plain text) is the highest T1 of a column where a paired bootstrap over "
            "drivers and portraits tells it from the second on the videos that both scored: "
            f"p < {SIGNIFICANT:g} after Holm's adjustment over the table's comparisons."
        )
    if contests and not any(ranking.best for _, ranking in rankings):
        lines.append(
            f"Nothing is bold: no T1 is told from the second in {len(contests)} comparisons."
        )
    places: dict[str, list[str]] = {}
    for table, ranking in rankings:
        for reason in dict.fromkeys(ranking.untested.values()):
            columns = [column for column, why in ranking.untested.items() if why == reason]
            whole = len(columns) == len(table.columns)
            place = table.label if whole else f"{table.label} ({', '.join(columns)})"
            places.setdefault(reason, []).append(place)
    lines += [
        f"Nothing is bold in {', '.join(dict.fromkeys(where))}: {reason}."
        for reason, where in places.items()
    ]
    return lines


def _explain_published(tables: Sequence[Table], results: Sequence[Result]) -> list[str]:
    lines = []
    if any(table.compared for table in tables):
        differences = any(
            entry.difference is not None
            for table in tables
            for line in table.lines
            for entries in line.entries.values()
            for entry in entries.values()
        )
        lines.append(
            f"{BESIDE_NOTE}, with the difference (number minus figure)."
            if differences
            else f"{BESIDE_NOTE}."
        )
        unknown = sorted(
            {
                result.release.name
                for result in results
                if result.release.counts_agree is None and not result.release.synthetic
            }
        )
        lines += [
            f"{name}: the results do not say whether this is the published release, so its numbers "
            f"are {NOT_COMPARABLE}."
            for name in unknown
        ]
        if any(result.split_by != "release" for result in results):
            lines.append(f"Numbers of splits by driver are {NOT_COMPARABLE}.")
    if any(line.printed for table in tables for line in table.lines):
        lines.append(PAPER_NOTE)
    if any(
        line.printed and table.part == "extra" and table.protocol == "p3" and table.release
        for table in tables
        for line in table.lines
    ):
        lines.append(FOLD_NOTE)
    return lines
