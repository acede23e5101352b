"""Results as tables: the paper's layout in Markdown, and one that a terminal can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thb.evaluation.cells import METRICS, Measure, ProtocolNumbers
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
"""The columns as the paper has them."""
_WIDEST = 10_000
RESOLUTION_NOTE = "† fewer real videos than 1/target: TPR without a single false alarm."
INTERVAL_NOTE = (
    "In brackets 95 % intervals: DeLong for AUC, exact binomial for T1 and T0.1, for Brier and the "
    "mean a bootstrap over drivers and portraits."
)


def markdown_table(results: Sequence[ProtocolNumbers]) -> str:
    """Return the paper's table: rows detectors, columns generators x AUC, T1, T0.1, Brier.

    A protocol each, without the extra generators; two decimals, as published, with intervals.
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
    lines.append(_row(["detector", *titles, *means]))
    lines.append(_row(["---"] + ["---:"] * (len(titles) + len(means))))
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
        lines.append(_row([_printable(result.detector).replace("|", "\\|"), *values, *mean]))
    return "\n".join([*lines, ""])


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _plain(measure: Measure | None) -> str:
    if measure is None:
        return "–"
    return f"{measure.value:.2f}{'†' if measure.below_resolution else ''}"


def title(results: Sequence[ProtocolNumbers]) -> str:
    """Return a heading: protocol, release and whether it is synthetic, reading of the splits."""
    first = results[0]
    synthetic = "SYNTHETIC " if any(result.release.synthetic for result in results) else ""
    names = sorted({_printable(result.release.name) for result in results})
    return (
        f"{first.protocol.upper()} ({_SHIFTS[first.protocol]}) on {synthetic}"
        f"{', '.join(names)}, splits by {first.split_by}"
    )


def print_results(results: Sequence[ProtocolNumbers], console: Console) -> None:
    """Print results as tables: a protocol each, the test-only generators apart, then the notes.

    A table wider than the console is printed in full: a terminal then wraps its lines, which is
    better than a number cut off.
    """
    for group in _by_protocol(results):
        _print_text(console, title(group), style="bold")
        _print_table(console, results_table(group))
        if _generators(group, "extra"):
            _print_text(console, f"{group[0].protocol.upper()}, test-only generators", style="bold")
            _print_table(console, extra_table(group))
    for note in notes(results):
        _print_text(console, note)


def _print_text(console: Console, text: str, *, style: str | None = None) -> None:
    console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)


def _print_table(console: Console, table: Table) -> None:
    whole = console.measure(table, options=console.options.update(width=_WIDEST)).maximum
    console.width = max(console.width, whole)
    console.print(table)


def results_table(results: Sequence[ProtocolNumbers]) -> Table:
    """Return a terminal's table of one protocol: rows detectors, columns generators.

    Each detector has a row a metric, the interval below the number.

    Args:
        results: Of one protocol, one per detector.
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
        for at, metric in enumerate(METRICS):
            values = [
                _two_lines(cells[name].measures.get(metric)) if name in cells else "–"
                for name in generators
            ]
            values.append(_two_lines(result.mean.get(metric)))
            name = escape(_printable(result.detector)) if at == 0 else ""
            table.add_row(name, _TITLES[metric], *values)
        table.add_section()
    return table


def extra_table(results: Sequence[ProtocolNumbers]) -> Table:
    """Return the table of the test-only generators: a row per detector and fold."""
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
            names = [escape(_printable(name)) for name in (result.detector, fold)]
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


def _printable(text: str) -> str:
    """Return a name that comes from someone's file so that a terminal obeys none of it."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def _generators(results: Sequence[ProtocolNumbers], part: str) -> list[str]:
    names = {cell.generator for result in results for cell in result.cells if cell.part == part}
    places = {str(generator): place for place, generator in enumerate(_ORDER)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def _counts(results: Sequence[ProtocolNumbers], generator: str) -> str:
    """Return how many fakes and reals a column compares; a range where detectors differ."""
    cells = [cell for result in results for cell in result.cells if cell.generator == generator]
    fakes = sorted({cell.n_fake for cell in cells})
    reals = sorted({cell.n_real for cell in cells})
    return f"{_range(fakes)} fake\n{_range(reals)} real"


def _range(values: Sequence[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]}–{values[-1]}"


def notes(results: Sequence[ProtocolNumbers]) -> list[str]:
    """Return what a reader of the tables must know: intervals, resolution, videos left out."""
    cells = [cell for result in results for cell in result.cells]
    said = [INTERVAL_NOTE]
    if any(m.below_resolution for cell in cells for m in cell.measures.values()):
        said.append(RESOLUTION_NOTE)
    for result in results:
        said.extend(_remarks(result))
    said.extend(
        sorted({f"{cell.fold} {cell.generator}: {cell.problem}" for cell in cells if cell.problem})
    )
    if any(result.release.synthetic for result in results):
        said.append("The release is SYNTHETIC: its numbers say nothing about any real generator.")
    return [_printable(note) for note in said]


def _remarks(result: ProtocolNumbers) -> list[str]:
    """Return what sets a result apart: videos left out or assumed, the method, a partial mean."""
    name, said = f"{result.detector} {result.protocol}", []
    unscored: dict[str, int] = {}
    for cell in result.cells:
        for status, count in cell.unscored.items():
            unscored[status] = max(unscored.get(status, 0), count)
    if unscored:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(unscored.items()))
        said.append(f"{name}: not scored, at most per column: {counts}.")
    assumed = max((cell.assumed for cell in result.cells), default=0)
    if assumed:
        policy = str(result.settings.no_face).replace("_", " ")
        said.append(f"{name}: videos without a face count {policy}, at most {assumed} per column.")
    if (method := result.settings.method) != "conservative":
        said.append(f"{name}: T1 and T0.1 read by the method {method!r}, not the benchmark's own.")
    tested = sum(cell.part == "test" for cell in result.cells)
    if len(result.mean_over) < tested:
        said.append(f"{name}: the mean is over {len(result.mean_over)} of {tested} columns.")
    return said
