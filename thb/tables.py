"""Results as tables: the paper's layout in Markdown, and one that a terminal can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thb.result import METRICS, Cell, Measure, Result
from thb_dataset.records import EXTRA_GENERATORS, TRAINING_GENERATORS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_TITLES = {"auc": "AUC ↑", "t1": "T1 ↑", "t01": "T0.1 ↑", "brier": "Brier ↓"}
_SHIFTS = {"p1": "new identities", "p2": "a new generator", "p3": "new identities, new generator"}
_ORDER = [str(generator) for generator in (*TRAINING_GENERATORS, *EXTRA_GENERATORS)]
_COLUMNS = 112
RESOLUTION_NOTE = "† fewer real videos than 1/target: TPR without a single false alarm."
INTERVAL_NOTE = (
    "In brackets 95 % intervals: DeLong for AUC, exact binomial for T1 and T0.1, for Brier a "
    "bootstrap over drivers and portraits."
)


def markdown_table(results: Sequence[Result]) -> str:
    """Return the paper's table: rows detectors, columns generators x AUC, T1, T0.1, Brier.

    A protocol each, without the extra generators; two decimals, as published.
    """
    return "\n".join(_markdown_protocol(group) for group in _by_protocol(results))


def _by_protocol(results: Sequence[Result]) -> list[list[Result]]:
    protocols = sorted({result.protocol for result in results})
    return [[result for result in results if result.protocol == name] for name in protocols]


def _markdown_protocol(results: Sequence[Result]) -> str:
    generators = _generators(results, "test")
    titles = [f"{name} {_TITLES[metric]}" for name in generators for metric in METRICS]
    means = [f"mean {_TITLES[metric]}" for metric in METRICS]
    lines = [f"**{title(results)}**", "", _row(["detector", *titles, *means])]
    lines.append(_row(["---"] + ["---:"] * (len(titles) + len(means))))
    for result in results:
        cells = {cell.generator: cell for cell in result.cells if cell.part == "test"}
        values = [
            _plain(cells[name].measures.get(metric)) if name in cells else "–"
            for name in generators
            for metric in METRICS
        ]
        mean = [f"{result.mean[metric]:.2f}" if result.mean else "–" for metric in METRICS]
        lines.append(_row([result.detector, *values, *mean]))
    return "\n".join([*lines, ""])


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _plain(measure: Measure | None) -> str:
    if measure is None:
        return "–"
    return f"{measure.value:.2f}{'†' if measure.below_resolution else ''}"


def title(results: Sequence[Result]) -> str:
    """Return a heading: protocol, release and whether it is synthetic, reading of the splits."""
    first = results[0]
    synthetic = "SYNTHETIC " if any(result.release.get("synthetic") for result in results) else ""
    names = sorted({str(result.release.get("name")) for result in results})
    return (
        f"{first.protocol.upper()} ({_SHIFTS[first.protocol]}) on {synthetic}"
        f"{', '.join(names)}, splits by {first.split_by}"
    )


def print_results(results: Sequence[Result], console: Console) -> None:
    """Print results as tables: a protocol each, the test-only generators apart, then the notes.

    A console narrower than the tables is taken to be as wide: a terminal then wraps their lines,
    which is better than a number cut off.
    """
    console.width = max(console.width, _COLUMNS)
    for group in _by_protocol(results):
        console.print(f"[bold]{title(group)}[/bold]", soft_wrap=True, highlight=False)
        console.print(results_table(group))
        if _generators(group, "extra"):
            console.print(f"[bold]{group[0].protocol.upper()}, test-only generators[/bold]")
            console.print(extra_table(group))
    for note in notes(results):
        console.print(note, soft_wrap=True, highlight=False)


def results_table(results: Sequence[Result]) -> Table:
    """Return a terminal's table of one protocol: rows detectors, columns generators.

    Each detector has a row a metric, the interval below the number.

    Args:
        results: Of one protocol, one per detector.
    """
    generators = _generators(results, "test")
    table = _table()
    table.add_column("detector", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in generators:
        heading = name.replace("AniPortrait", "AniPortrait\n")
        counts = _counts(results, name)
        table.add_column(f"{heading}\n{counts}", justify="right", no_wrap=True)
    table.add_column("mean", justify="right")
    for result in results:
        cells = {cell.generator: cell for cell in result.cells if cell.part == "test"}
        for at, metric in enumerate(METRICS):
            values = [_with_interval(cells.get(name), metric) for name in generators]
            values.append(f"{result.mean[metric]:.3f}" if result.mean else "–")
            table.add_row(result.detector if at == 0 else "", _TITLES[metric], *values)
        table.add_section()
    return table


def extra_table(results: Sequence[Result]) -> Table:
    """Return the table of the test-only generators: a row per detector and fold."""
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
            table.add_row(result.detector, fold, *values)
    return table


def _table() -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def _with_interval(cell: Cell | None, metric: str) -> str:
    if cell is None or metric not in cell.measures:
        return "–"
    measure = cell.measures[metric]
    number = f"{measure.value:.3f}{'†' if measure.below_resolution else ''}"
    if measure.low is None or measure.high is None:
        return number
    return f"{number}\n[dim]\\[{_short(measure.low)}–{_short(measure.high)}][/dim]"


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def _generators(results: Sequence[Result], part: str) -> list[str]:
    names = {cell.generator for result in results for cell in result.cells if cell.part == part}
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else 99, name))


def _counts(results: Sequence[Result], generator: str) -> str:
    """Return how many fakes and reals a column compares; a range where detectors differ."""
    cells = [cell for result in results for cell in result.cells if cell.generator == generator]
    fakes = sorted({cell.n_fake for cell in cells})
    reals = sorted({cell.n_real for cell in cells})
    return f"{_range(fakes)} fake\n{_range(reals)} real"


def _range(values: Sequence[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]}–{values[-1]}"


def notes(results: Sequence[Result]) -> list[str]:
    """Return what a reader of the tables must know: intervals, resolution, videos left out."""
    cells = [cell for result in results for cell in result.cells]
    said = [INTERVAL_NOTE]
    if any(m.below_resolution for cell in cells for m in cell.measures.values()):
        said.append(RESOLUTION_NOTE)
    said.extend(_left_out(result) for result in results if _left_out(result))
    said.extend(
        sorted({f"{cell.fold} {cell.generator}: {cell.problem}" for cell in cells if cell.problem})
    )
    if any(result.release.get("synthetic") for result in results):
        said.append("The release is SYNTHETIC: its numbers say nothing about any real generator.")
    return said


def _left_out(result: Result) -> str:
    worst: dict[str, int] = {}
    for cell in result.cells:
        for status, count in cell.unscored.items():
            worst[status] = max(worst.get(status, 0), count)
    if not worst:
        return ""
    counts = ", ".join(f"{count} {status}" for status, count in sorted(worst.items()))
    return f"{result.detector} {result.protocol}: not scored, at most per column: {counts}."
