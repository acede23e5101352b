"""Tables of results: the paper's layout in Markdown, and a layout that fits a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thb.evaluation.cells import METRICS, Measure, ProtocolNumbers
from thb.runtime.text import markdown_row, print_table, print_text, printable
from thb_dataset.records import Generator

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_TITLES = {"auc": "AUC ↑", "t1": "T1 ↑", "t01": "T0.1 ↑", "brier": "Brier ↓"}
_SHIFTS = {"p1": "new identities", "p2": "a new generator", "p3": "new identities, new generator"}
_ORDER = [
    Generator.ANIPORTRAIT_AUDIO,
    Generator.ANIPORTRAIT_VIDEO,
    Generator.HALLO,
    Generator.HALLO2,
    Generator.EMOPORTRAIT,
    Generator.LIVEPORTRAIT,
    Generator.MAGI_1,
    Generator.HALLO3,
]
"""The generators in the order of the paper's columns."""
RESOLUTION_NOTE = "† fewer real videos than 1/target: the TPR without a single false alarm."
MISMATCH = "‡"
"""Stands beside a detector that was trained for another fold (``--allow-mismatch``)."""

UNTRAINED = "(UNTRAINED)"
"""Stands beside a detector whose weights are random (``--untrained``)."""

INTERVAL_NOTE = (
    "Brackets hold 95 % intervals: DeLong for AUC, exact binomial for T1 and T0.1, and a bootstrap "
    "over drivers and portraits for Brier and the mean."
)


def markdown_table(results: Sequence[ProtocolNumbers]) -> str:
    """Return the paper's table in Markdown, one for each protocol.

    The rows are detectors, the columns generators x AUC, T1, T0.1, Brier. Numbers have two
    decimals, as published, and intervals. The test-only generators are left out.
    """
    return "\n".join(_markdown_protocol(group) for group in _by_protocol(results))


def _by_protocol(results: Sequence[ProtocolNumbers]) -> list[list[ProtocolNumbers]]:
    protocols = sorted({result.protocol for result in results})
    return [[result for result in results if result.protocol == name] for name in protocols]


def _markdown_protocol(results: Sequence[ProtocolNumbers]) -> str:
    generators = _generators(results, "test")
    titles = [f"{name} {_TITLES[metric]}" for name in generators for metric in METRICS]
    means = [f"mean {_TITLES[metric]}" for metric in METRICS]
    counts = [f"{name} {_counts(results, name).replace(chr(10), ', ')}" for name in generators]
    lines = [f"**{title(results)}**", "", f"Scored: {'; '.join(counts)}.", ""]
    lines.append(markdown_row(["detector", *titles, *means]))
    lines.append(markdown_row(["---"] + ["---:"] * (len(titles) + len(means))))
    for result in results:
        cells = {cell.generator: cell for cell in result.cells if cell.part == "test"}
        values = [
            _with_interval(cells[name].measures.get(metric), digits=2, gap=" ")
            if name in cells
            else "–"
            for name in generators
            for metric in METRICS
        ]
        mean = [_with_interval(result.mean.get(metric), digits=2, gap=" ") for metric in METRICS]
        lines.append(markdown_row([_name(result), *values, *mean]))
    return "\n".join([*lines, ""])


def _name(result: ProtocolNumbers) -> str:
    marks = [UNTRAINED] if result.untrained else []
    return " ".join([result.detector, *marks, *([MISMATCH] if result.mismatches else [])])


def explain_marks(result: ProtocolNumbers) -> list[str]:
    """Return the notes that explain the marks beside a detector."""
    notes = [
        printable(
            f"{MISMATCH} {result.detector} {fold}: the detector was {mismatch}. It may have seen"
            " the test videos or their generator in training: this is no result of the benchmark."
        )
        for fold, mismatch in sorted(result.mismatches.items())
    ]
    if result.untrained:
        notes.append(
            printable(
                f"{UNTRAINED}: the weights of {result.detector} are random, and its numbers are"
                " those of chance."
            )
        )
    return notes


def _plain(measure: Measure | None) -> str:
    if measure is None:
        return "–"
    return f"{measure.value:.2f}{'†' if measure.below_resolution else ''}"


def title(results: Sequence[ProtocolNumbers]) -> str:
    """Return a heading that names the protocol, the release and the reading of the splits."""
    first = results[0]
    synthetic = "SYNTHETIC " if any(result.release.synthetic for result in results) else ""
    names = sorted({printable(result.release.name) for result in results})
    return (
        f"{first.protocol.upper()} ({_SHIFTS[first.protocol]}) on {synthetic}"
        f"{', '.join(names)}, splits by {first.split_by}"
    )


def print_results(results: Sequence[ProtocolNumbers], console: Console) -> None:
    """Print a table for each protocol, one for its test-only generators, and the notes.

    A table that is wider than the console is printed in full. The terminal then wraps its lines,
    but no number is cut off.
    """
    for group in _by_protocol(results):
        print_text(title(group), console, style="bold")
        print_table(results_table(group), console)
        if _generators(group, "extra"):
            print_text(f"{group[0].protocol.upper()}, test-only generators", console, style="bold")
            print_table(extra_table(group), console)
    for note in notes(results):
        print_text(note, console)


def results_table(results: Sequence[ProtocolNumbers]) -> Table:
    """Return the terminal table of one protocol, with a column for each generator.

    Each detector has one row for each metric; the interval stands below the number.

    Args:
        results: The results of one protocol, one for each detector.
    """
    from rich.markup import escape

    generators = _generators(results, "test")
    table = _table()
    table.add_column("detector", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in generators:
        heading = name.replace("AniPortrait", "AniPortrait\n")
        counts = _counts(results, name)
        table.add_column(f"{heading}\n{counts}", justify="right", no_wrap=True)
    table.add_column("mean", justify="right", no_wrap=True)
    for result in results:
        cells = {cell.generator: cell for cell in result.cells if cell.part == "test"}
        for row, metric in enumerate(METRICS):
            values = [
                _two_lines(cells[name].measures.get(metric)) if name in cells else "–"
                for name in generators
            ]
            values.append(_two_lines(result.mean.get(metric)))
            name = escape(printable(_name(result))) if row == 0 else ""
            table.add_row(name, _TITLES[metric], *values)
        table.add_section()
    return table


def extra_table(results: Sequence[ProtocolNumbers]) -> Table:
    """Return the table of the test-only generators, with a row for each detector and fold."""
    from rich.markup import escape

    generators = _generators(results, "extra")
    table = _table()
    table.add_column("detector", no_wrap=True)
    table.add_column("fold", no_wrap=True)
    for name in generators:
        for metric in METRICS:
            heading = f"{name}\n{_counts(results, name)}" if metric == "auc" else "\n"
            table.add_column(f"{heading}\n{_TITLES[metric]}", justify="right", no_wrap=True)
    for result in results:
        for fold in dict.fromkeys(cell.fold for cell in result.cells):
            cells = {c.generator: c for c in result.cells if c.fold == fold and c.part == "extra"}
            values = [
                _plain(cells[name].measures.get(metric)) if name in cells else "–"
                for name in generators
                for metric in METRICS
            ]
            names = [escape(printable(name)) for name in (_name(result), fold)]
            table.add_row(*names, *values)
    return table


def _table() -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def _two_lines(measure: Measure | None) -> str:
    number, _, interval = _with_interval(measure, digits=3, gap="\n").partition("\n")
    return f"{number}\n[dim]\\{interval}[/dim]" if interval else number


def _with_interval(measure: Measure | None, *, digits: int, gap: str) -> str:
    if measure is None:
        return "–"
    number = f"{measure.value:.{digits}f}{'†' if measure.below_resolution else ''}"
    if measure.low is None or measure.high is None:
        return number
    return f"{number}{gap}[{_short(measure.low)}–{_short(measure.high)}]"


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def _generators(results: Sequence[ProtocolNumbers], part: str) -> list[str]:
    names = {cell.generator for result in results for cell in result.cells if cell.part == part}
    places = {str(generator): place for place, generator in enumerate(_ORDER)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def _counts(results: Sequence[ProtocolNumbers], generator: str) -> str:
    """Return how many fakes and real videos a column compares: ranges if detectors differ."""
    cells = [cell for result in results for cell in result.cells if cell.generator == generator]
    fakes = sorted({cell.n_fake for cell in cells})
    reals = sorted({cell.n_real for cell in cells})
    return f"{_range(fakes)} fake\n{_range(reals)} real"


def _range(values: Sequence[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]}–{values[-1]}"


def notes(results: Sequence[ProtocolNumbers]) -> list[str]:
    """Return the notes to the tables: on intervals, resolution and videos left out."""
    cells = [cell for result in results for cell in result.cells]
    lines = [INTERVAL_NOTE]
    if any(measure.below_resolution for cell in cells for measure in cell.measures.values()):
        lines.append(RESOLUTION_NOTE)
    for result in results:
        lines.extend([*explain_marks(result), *_remarks(result)])
    lines.extend(
        sorted({f"{cell.fold} {cell.generator}: {cell.problem}" for cell in cells if cell.problem})
    )
    if any(result.release.synthetic for result in results):
        lines.append("The release is SYNTHETIC: its numbers say nothing about any real generator.")
    return [printable(note) for note in lines]


def _remarks(result: ProtocolNumbers) -> list[str]:
    """Return the notes to one result: on its videos, its method and its mean."""
    name, lines = f"{result.detector} {result.protocol}", []
    unscored: dict[str, int] = {}
    for cell in result.cells:
        for status, count in cell.unscored.items():
            unscored[status] = max(unscored.get(status, 0), count)
    if unscored:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(unscored.items()))
        lines.append(f"{name}: videos not scored, at most per column: {counts}.")
    assumed = max((cell.assumed for cell in result.cells), default=0)
    if assumed:
        policy = str(result.settings.no_face).replace("_", " ")
        lines.append(f"{name}: videos without a face count {policy}, at most {assumed} per column.")
    if (method := result.settings.method) != "conservative":
        lines.append(f"{name}: T1 and T0.1 are read by {method!r}, not by the benchmark's method.")
    tested = sum(cell.part == "test" for cell in result.cells)
    if len(result.mean_over) < tested:
        lines.append(f"{name}: the mean is over {len(result.mean_over)} of {tested} columns.")
    return lines
