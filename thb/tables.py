"""Results as tables: the paper's layout in Markdown, and one that a terminal can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thb.result import METRICS, Cell, Measure, Result
from thb_dataset.records import EXTRA_GENERATORS, TRAINING_GENERATORS

if TYPE_CHECKING:
    from rich.table import Table

_TITLES = {"auc": "AUC ↑", "t1": "T1 ↑", "t01": "T0.1 ↑", "brier": "Brier ↓"}
_SHIFTS = {"p1": "new identities", "p2": "a new generator", "p3": "new identities, new generator"}
_ORDER = [str(generator) for generator in (*TRAINING_GENERATORS, *EXTRA_GENERATORS)]
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
        cells = _cells(result, "test")
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


def results_table(results: Sequence[Result], *, part: str = "test") -> Table:
    """Return a terminal's table of one protocol: rows detectors, columns generators.

    Each detector has a row a metric, the interval below the number.

    Args:
        results: Of one protocol, one per detector.
        part: ``test``, or ``extra`` for the test-only generators (with a row a fold).
    """
    from rich import box
    from rich.table import Table

    heading = title(results) + (" — test-only generators" if part == "extra" else "")
    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("detector")
    table.add_column("")
    generators = _generators(results, part)
    for name in generators:
        table.add_column(f"{name}\n{_counts(results, name, part)}", justify="right")
    if part == "test":
        table.add_column("mean", justify="right")
    for result in results:
        folds = [""] if part == "test" else sorted({c.fold for c in result.cells})
        for fold in folds:
            _add_rows(table, result, generators, part, fold)
    return table


def _add_rows(
    table: Table, result: Result, generators: Sequence[str], part: str, fold: str
) -> None:
    cells = _cells(result, part, fold)
    if not cells:
        return
    label = result.detector if not fold or fold == result.protocol else f"{result.detector} {fold}"
    for at, metric in enumerate(METRICS):
        values = [_with_interval(cells.get(name), metric) for name in generators]
        if part == "test":
            values.append(f"{result.mean[metric]:.3f}" if result.mean else "–")
        last = at == len(METRICS) - 1
        table.add_row(label if at == 0 else "", _TITLES[metric], *values, end_section=last)


def _with_interval(cell: Cell | None, metric: str) -> str:
    if cell is None or metric not in cell.measures:
        return "–"
    measure = cell.measures[metric]
    number = f"{measure.value:.3f}{'†' if measure.below_resolution else ''}"
    if measure.low is None or measure.high is None:
        return number
    return f"{number}\n[dim]\\[{_short(measure.low)}–{_short(measure.high)}][/dim]"


def _short(value: float) -> str:
    return f"{value:.2f}"


def _generators(results: Sequence[Result], part: str) -> list[str]:
    names = {cell.generator for result in results for cell in result.cells if cell.part == part}
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else 99, name))


def _cells(result: Result, part: str, fold: str = "") -> dict[str, Cell]:
    return {
        cell.generator: cell
        for cell in result.cells
        if cell.part == part and fold in ("", cell.fold)
    }


def _counts(results: Sequence[Result], generator: str, part: str) -> str:
    """Return "n fake / m real" of a column; a range where the detectors differ."""
    cells = [
        cell
        for result in results
        for cell in result.cells
        if cell.part == part and cell.generator == generator
    ]
    fakes = sorted({cell.n_fake for cell in cells})
    reals = sorted({cell.n_real for cell in cells})
    return f"{_range(fakes)} fake/{_range(reals)} real"


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
