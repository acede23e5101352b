"""Transitions as tables: on a terminal, in Markdown and as CSV, beside the paper's Table 8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from thb.evaluation.tables import order_generators
from thb.reports.run_transitions import RunTransitions
from thb.runtime.csv_text import write_csv as write_table
from thb.runtime.text import markdown_row, print_fitting, print_text, printable, write_scores

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_transitions(found: RunTransitions, console: Console, *, listed: bool = False) -> None:
    """Print the counts by generator, the definitions and notes, and the videos if wanted.

    Args:
        found: The transitions.
        console: The console.
        listed: Print the videos as well, the steepest fall first.
    """
    print_text(printable(found.heading), console, style="bold")
    print_fitting([_draw(_titles(found), list(_rows(found)))], console)
    if listed and found.transitions.videos:
        print_fitting([_draw(_video_titles(found), list(_video_rows(found)))], console)
    for line in (*found.definitions, *found.notes):
        print_text(line, console)


def write_markdown(found: RunTransitions, *, listed: bool = False) -> str:
    """Return what :func:`print_transitions` prints, as Markdown."""
    parts = [f"**{printable(found.heading)}**", _markdown(_titles(found), list(_rows(found)))]
    if listed and found.transitions.videos:
        parts.append(_markdown(_video_titles(found), list(_video_rows(found))))
    return "\n\n".join([*parts, *found.definitions, *found.notes]) + "\n"


def write_csv(found: RunTransitions, *, listed: bool = False) -> str:
    """Return the counts by generator as CSV, or the videos.

    Args:
        found: The transitions.
        listed: Return the videos instead, the steepest fall first.
    """
    own = found.transitions
    common: dict[str, Any] = {
        "detector": found.name,
        "before": own.before,
        "after": own.after,
    }
    rows: list[dict[str, Any]]
    if listed:
        titles = ["video_id", "generator", "score_before", "score_after", "fold"]
        rows = [
            {
                **common,
                "video_id": video.video_id,
                "generator": video.generator,
                "score_before": video.before,
                "score_after": video.after,
                "fold": video.fold,
            }
            for video in own.videos
        ]
    else:
        titles = [
            *("generator", "compared", "true_positives", "false_negatives", "drop"),
            *("confident_from", "quantile", "missed_below"),
            *("published_true_positives", "published_false_negatives"),
        ]
        rows = [
            {
                **common,
                "generator": row.generator,
                "compared": row.compared,
                "true_positives": row.true_positives,
                "false_negatives": row.false_negatives,
                "drop": row.drop,
                "confident_from": row.confident_from,
                "quantile": own.quantile,
                "missed_below": row.missed_below,
                "published_true_positives": paper.true_positives if paper else None,
                "published_false_negatives": paper.false_negatives if paper else None,
            }
            for row in own.rows
            for paper in [found.published.get(row.generator)]
        ]
    return write_table([*common, *titles], rows)


def _titles(found: RunTransitions) -> list[str]:
    own = found.transitions
    titles = ["generator", "compared", f"confident in {own.before.upper()}"]
    titles += [f"missed in {own.after.upper()}", "drop"]
    return [*titles, "paper: confident", "missed", "drop"] if found.published else titles


def _rows(found: RunTransitions) -> Iterator[list[str]]:
    """Yield a row for each generator in the paper's order, and their sum."""
    rows = {row.generator: row for row in found.transitions.rows}
    for name in order_generators(rows):
        row, paper = rows[name], found.published.get(name)
        cells = [name, str(row.compared), *_count(row.true_positives, row.false_negatives)]
        if found.published:
            theirs = (paper.true_positives, paper.false_negatives) if paper else None
            cells += _count(*theirs) if theirs else ["–"] * 3
        yield cells
    if len(rows) > 1:
        counts = rows.values()
        found_before = sum(row.true_positives for row in counts)
        lost = sum(row.false_negatives for row in counts)
        cells = ["all", str(sum(row.compared for row in counts)), *_count(found_before, lost)]
        yield [*cells, *([""] * 3 if found.published else [])]


def _count(confident: int, missed: int) -> list[str]:
    return [str(confident), str(missed), f"{100 * missed / confident:.2f} %" if confident else "–"]


def _video_titles(found: RunTransitions) -> list[str]:
    own = found.transitions
    return ["video", f"P(fake) in {own.before.upper()}", f"in {own.after.upper()}", "fold"]


def _video_rows(found: RunTransitions) -> Iterator[list[str]]:
    for video in found.transitions.videos:
        yield [video.video_id, *write_scores(video.before, video.after), video.fold]


def _markdown(titles: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(titles) - 1)]
    return "\n".join(map(markdown_row, [titles, rule, *rows]))


def _draw(titles: list[str], rows: list[list[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, title in enumerate(titles):
        table.add_column(title.replace(" in ", "\nin "), justify="right" if place else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell), no_wrap=True) for cell in row))
    return table
