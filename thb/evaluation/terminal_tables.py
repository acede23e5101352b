"""Tables of results on a terminal: the paper's columns if they fit, else a generator a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from thb.evaluation.cells import MEAN, METRICS, ProtocolNumbers
from thb.evaluation.tables import (
    TITLES,
    Number,
    count_videos,
    group_by_protocol,
    group_by_table,
    list_generators,
    list_numbers,
    name_column,
    name_with_marks,
    notes,
    show,
    title,
)
from thb.runtime.text import print_fitting, print_text, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_results(results: Sequence[ProtocolNumbers], console: Console) -> None:
    """Print a table for each protocol, one for its test-only generators, and the notes.

    A diagnostic protocol has a table for each fold.

    A table that is wider than the console has a line for each generator instead of a column. Where
    that is too wide as well, the terminal wraps the lines, but no number is cut off.
    """
    for group in group_by_protocol(results):
        for shown in group_by_table(group):
            print_text(title(shown), console, style="bold")
            print_fitting([_draw_columns(shown), _draw_lines(shown)], console)
        if list_generators(group, "extra"):
            print_text(f"{group[0].protocol.upper()}, test-only generators", console, style="bold")
            print_fitting([_draw_extra_columns(group), _draw_extra_lines(group)], console)
    for note in notes(results):
        print_text(note, console)


def _draw_columns(results: Sequence[ProtocolNumbers]) -> Table:
    """Draw a column for each generator; a detector has a row for each metric."""
    generators = list_generators(results, "test")
    table = start_table("detector", "")
    for name in generators:
        heading = name.replace("AniPortrait", "AniPortrait\n")
        counts = count_videos(results, name).replace(", ", "\n")
        table.add_column(f"{heading}\n{counts}", justify="right", no_wrap=True)
    whole = escape_markup(results[0].whole_name).replace("-family", "-\nfamily")
    lines = [whole, *_count_whole(results).split(", ")]
    table.add_column("\n".join(filter(None, lines)), justify="right", no_wrap=True)
    for result in results:
        names = {
            METRICS[0]: escape_markup(name_with_marks(result)),
            METRICS[1]: dim(_name_kind(result)),
        }
        for metric, numbers in list_numbers(result, generators).items():
            table.add_row(names.get(metric, ""), TITLES[metric], *map(_two_lines, numbers))
        table.add_section()
    return table


def _draw_lines(results: Sequence[ProtocolNumbers]) -> Table:
    """Draw a line for each generator of each detector, with a column for each metric."""
    generators = list_generators(results, "test")
    lines = []
    for result in results:
        own = [name for name in generators if name in list_generators([result], "test")]
        labels = [*((name, count_videos([result], name)) for name in own)]
        labels.append((result.whole_name, _count_whole([result])))
        by_generator = zip(*list_numbers(result, own).values(), strict=True)
        lines.append((result, zip(labels, by_generator, strict=True)))
    return _draw_metrics(lines)


def _count_whole(results: Sequence[ProtocolNumbers]) -> str:
    """Return how many videos the last column compares; empty for a mean over generators."""
    name = results[0].whole_name
    return "" if name == MEAN else count_videos(results, name)


def _draw_extra_columns(results: Sequence[ProtocolNumbers]) -> Table:
    """Draw four columns for each test-only generator; a detector has a row for each fold."""
    generators = list_generators(results, "extra")
    table = start_table("detector", "fold")
    for name in generators:
        counts = count_videos(results, name).replace(", ", "\n")
        for metric in METRICS:
            shown = escape_markup(name_column(results, name))
            heading = f"{shown}\n{counts}" if metric == METRICS[0] else "\n"
            table.add_column(f"{heading}\n{TITLES[metric]}", justify="right", no_wrap=True)
    for result in results:
        for fold in dict.fromkeys(cell.fold for cell in result.cells):
            cells = {
                cell.generator: cell.measures
                for cell in result.cells
                if (cell.fold, cell.part) == (fold, "extra")
            }
            values = [
                show(cells.get(name, {}).get(metric)).value
                for name in generators
                for metric in METRICS
            ]
            table.add_row(escape_markup(name_with_marks(result)), escape_markup(fold), *values)
    return table


def _draw_extra_lines(results: Sequence[ProtocolNumbers]) -> Table:
    """Draw a line for each test-only generator and fold of each detector."""
    lines = []
    for result in results:
        cells = [cell for cell in result.cells if cell.part == "extra"]
        if not cells:
            continue
        lines.append(
            (
                result,
                [
                    (
                        (
                            name_column([result], cell.generator),
                            f"{cell.fold}, {cell.n_fake} fake, {cell.n_real} real",
                        ),
                        [show(cell.measures.get(metric)) for metric in METRICS],
                    )
                    for cell in cells
                ],
            )
        )
    return _draw_metrics(lines)


def _draw_metrics(
    groups: Iterable[tuple[ProtocolNumbers, Iterable[tuple[tuple[str, str], Sequence[Number]]]]],
) -> Table:
    """Draw the lines of each detector below its name: a label of two lines, and the metrics."""
    table = start_table("")
    for metric in METRICS:
        table.add_column(TITLES[metric], justify="right", no_wrap=True)
    for result, lines in groups:
        name, kind = escape_markup(name_with_marks(result)), dim(_name_kind(result))
        table.add_row(f"[bold]{name}[/bold]\n{kind}" if kind else f"[bold]{name}[/bold]")
        for (name, detail), numbers in lines:
            label = (
                f"  {escape_markup(name)}\n  {dim(detail)}"
                if detail
                else f"  {escape_markup(name)}"
            )
            table.add_row(label, *map(_two_lines, numbers))
        table.add_section()
    return table


def start_table(*titles: str) -> Table:
    """Return a drawing in the manner of all tables of results, with columns for names."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in titles:
        table.add_column(heading, no_wrap=True)
    return table


def escape_markup(text: str) -> str:
    """Return a text that a console prints as it is, without control characters."""
    from rich.markup import escape

    return escape(printable(text))


def dim(text: str) -> str:
    """Return the markup of a text that stands back behind the numbers."""
    return f"[dim]{escape_markup(text)}[/dim]" if text else ""


def _name_kind(result: ProtocolNumbers) -> str:
    """Return the kind of a detector where its name does not say it."""
    return "" if result.detector == result.title else f"({result.detector})"


def _two_lines(number: Number) -> str:
    return f"{number.value}\n{dim(number.interval)}" if number.interval else number.value
