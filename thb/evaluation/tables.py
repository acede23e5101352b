"""Tables of results: the paper's layout in Markdown, and the words around every table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from thb.evaluation.cells import METRICS, Measure, ProtocolNumbers
from thb.runs.provenance import Mark
from thb.runtime.text import markdown_row, printable
from thb_dataset.records import Generator

TITLES = {"auc": "AUC ↑", "t1": "T1 ↑", "t01": "T0.1 ↑", "brier": "Brier ↓"}
"""The headings of the metrics; the arrow points to the better end."""

SHIFTS = {
    "p1": "new identities",
    "p2": "a new generator",
    "p3": "new identities, new generator",
    "p3-family": "new identities, a new family of generators",
}
"""What is new in the test set of each protocol."""
PAPER_ORDER = (
    Generator.ANIPORTRAIT_AUDIO,
    Generator.ANIPORTRAIT_VIDEO,
    Generator.HALLO,
    Generator.HALLO2,
    Generator.EMOPORTRAIT,
    Generator.LIVEPORTRAIT,
    Generator.MAGI_1,
    Generator.HALLO3,
)
"""The generators in the order of the paper's columns."""
RESOLUTION_NOTE = "† fewer real videos than 1/target: the TPR without a single false alarm."
ORDER_NOTE = "The detectors stand in the order of their mean T1, then of their mean AUC."
INTERVAL_NOTE = (
    "Brackets hold 95 % intervals: DeLong for AUC, exact binomial for T1 and T0.1, and a bootstrap "
    "over drivers and portraits for Brier and the mean."
)
DIAGNOSTIC_NOTE = (
    "P3-FAMILY is a diagnostic beside P3 and no protocol of the paper: each fold holds related "
    "generators out together, and the last column counts all fakes of the fold. The folds overlap, "
    "so there is no mean over them."
)
OWN_FAKES = "※"
"""The symbol of a column whose fakes are of no release."""
NOT_COMPARABLE = "not comparable with the published figures"


Numbers = TypeVar("Numbers", bound=ProtocolNumbers)


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number as every table shows it.

    Attributes:
        value: The number with three decimals, and the mark of the resolution.
        interval: Its interval in brackets; empty if it has none.
    """

    value: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.interval}".rstrip()


def show(measure: Measure | None, *, decimals: int = 3) -> Number:
    """Return a measure as tables show it; a dash if there is none."""
    if measure is None:
        return Number(value="–")
    value = f"{measure.value:.{decimals}f}{'†' if measure.below_resolution else ''}"
    if measure.low is None or measure.high is None:
        return Number(value=value)
    return Number(value=value, interval=f"[{_short(measure.low)}–{_short(measure.high)}]")


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def rank(results: Sequence[Numbers]) -> list[Numbers]:
    """Sort results by protocol, then by mean T1 and mean AUC, the best detector first.

    The folds of a diagnostic protocol, which :func:`split_folds` returns, are sorted by fold, then
    by the T1 and the AUC of the family.
    """

    def place(result: ProtocolNumbers) -> tuple[str, float, float]:
        whole = result.whole
        values = [whole[name].value if name in whole else -1.0 for name in ("t1", "auc")]
        return result.place, -values[0], -values[1]

    return sorted(results, key=place)


def group_by_protocol(results: Sequence[ProtocolNumbers]) -> list[list[ProtocolNumbers]]:
    """Return the results of each protocol, ranked."""
    ranked = rank(results)
    protocols = dict.fromkeys(result.protocol for result in ranked)
    return [[result for result in ranked if result.protocol == name] for name in protocols]


def split_folds(results: Sequence[Numbers]) -> list[Numbers]:
    """Return results with those of a diagnostic protocol in parts, one for each fold.

    Its folds overlap: a generator is in several, so no table can have one column for it.
    """
    return [part for result in results for part in _split_result(result)]


def _split_result(result: Numbers) -> list[Numbers]:
    if not result.is_diagnostic:
        return [result]
    folds = dict.fromkeys(cell.fold for cell in result.cells)
    return [replace(result, **result.narrow(fold)) for fold in folds]


def group_by_table(results: Sequence[Numbers]) -> list[list[Numbers]]:
    """Return the results that share a table, ranked: those of a protocol, or of a family's fold."""
    ranked = rank(split_folds(results))
    places = dict.fromkeys(result.place for result in ranked)
    return [[result for result in ranked if result.place == name] for name in places]


def markdown_table(results: Sequence[ProtocolNumbers]) -> str:
    """Return the paper's table in Markdown, one for each protocol.

    It has the shape and the digits of the table in a wide terminal: a column for each generator,
    and a row for each detector and metric. The test-only generators are left out, except those that
    are of no release: they have a table of their own.
    """
    return "\n".join(_markdown_protocol(group) for group in group_by_table(results))


def _markdown_protocol(results: Sequence[ProtocolNumbers]) -> str:
    generators = list_generators(results, "test")
    counts = [f"{name} {count_videos(results, name)}" for name in generators]
    lines = [f"**{title(results)}**", "", f"Scored: {'; '.join(counts)}.", ""]
    lines.append(markdown_row(["detector", "", *generators, results[0].whole_name]))
    lines.append(markdown_row(["---"] * 2 + ["---:"] * (len(generators) + 1)))
    for result in results:
        for metric, numbers in list_numbers(result, generators).items():
            name = name_with_marks(result) if metric == METRICS[0] else ""
            lines.append(markdown_row([name, TITLES[metric], *map(str, numbers)]))
    return "\n".join([*lines, "", *_markdown_own_fakes(results)])


def _markdown_own_fakes(results: Sequence[ProtocolNumbers]) -> list[str]:
    """Return the table of generators that are of no release: a line for each fold."""
    rows = [
        [name_with_marks(result), cell.fold, f"{cell.generator} {OWN_FAKES}"]
        + [f"{cell.n_fake} fake, {cell.n_real} real"]
        + [str(show(cell.measures.get(metric))) for metric in METRICS]
        for result in results
        for cell in result.cells
        if cell.generator in result.fakes
    ]
    heading = ["detector", "fold", "generator", "videos", *(TITLES[name] for name in METRICS)]
    rule = ["---"] * 4 + ["---:"] * len(METRICS)
    return [*map(markdown_row, [heading, rule, *rows]), ""] if rows else []


def list_numbers(
    result: ProtocolNumbers, generators: Sequence[str]
) -> dict[str, tuple[Number, ...]]:
    """Return the rows of a detector by metric: a number for each generator, and the whole."""
    cells = {cell.generator: cell.measures for cell in result.cells if cell.part == "test"}
    return {
        metric: (
            *(show(cells.get(name, {}).get(metric)) for name in generators),
            show(result.whole.get(metric)),
        )
        for metric in METRICS
    }


def name_with_marks(result: ProtocolNumbers) -> str:
    """Return the name of a detector with the symbols of its marks."""
    symbols = {mark.symbol for marks in result.marks.values() for mark in marks}
    return " ".join([result.title, *sorted(symbols)])


def list_caveats(results: Sequence[ProtocolNumbers]) -> list[str]:
    """Return a note for every mark beside a detector's name, and for releases that differ.

    A mark that all folds of a result have is said of its protocol.
    """
    places: dict[Mark, dict[str, list[str]]] = {}
    for result in results:
        folds: dict[Mark, list[str]] = {}
        for fold, marks in sorted(result.marks.items()):
            for mark in marks:
                folds.setdefault(mark, []).append(fold)
        scored = {cell.fold for cell in result.cells}
        for mark, names in folds.items():
            named = [result.place] if scored <= set(names) else names
            places.setdefault(mark, {}).setdefault(result.title, []).extend(named)
    lines = [
        f"{mark.symbol} "
        + "; ".join(f"{title} {', '.join(names)}" for title, names in detectors.items())
        + f": {mark.sentence}"
        for mark, detectors in places.items()
    ]
    releases = {result.release for result in results}
    lines += [
        f"{name} does not hold the videos of the published release: its numbers are"
        f" {NOT_COMPARABLE}. thb data verify says where its counts differ."
        for name in sorted({release.name for release in releases if release.differs})
    ]
    lines += sorted({line for result in results for line in _describe_own_fakes(result)})
    if any(release.synthetic for release in releases):
        lines.append("The release is SYNTHETIC: its numbers say nothing about any real generator.")
    return [printable(line) for line in lines]


def _describe_own_fakes(result: ProtocolNumbers) -> list[str]:
    """Return a sentence for each generator that is not of the release."""
    return [
        f"{OWN_FAKES} {name} is not of the release: its column holds {found.videos} videos of a"
        f" folder (--fakes, sha256 {found.sha256[:12]}…) beside the same real videos, and counts in"
        " no mean."
        for name, found in result.fakes.items()
    ]


def name_column(results: Sequence[ProtocolNumbers], generator: str) -> str:
    """Return the name of a generator, with a symbol if its fakes are of no release."""
    is_own = any(generator in result.fakes for result in results)
    return f"{generator} {OWN_FAKES}" if is_own else generator


def title(results: Sequence[ProtocolNumbers]) -> str:
    """Return a heading that names the protocol, the release and the reading of the splits."""
    first = results[0]
    places = {result.place for result in results}
    place = first.place if len(places) == 1 else first.protocol
    synthetic = "SYNTHETIC " if any(result.release.synthetic for result in results) else ""
    differs = f" ({NOT_COMPARABLE})" if any(result.release.differs for result in results) else ""
    names = sorted({printable(result.release.name) for result in results})
    return (
        f"{place.upper()} ({SHIFTS[first.protocol]}) on {synthetic}"
        f"{', '.join(names)}{differs}, splits by {first.split_by}"
    )


def list_generators(results: Sequence[ProtocolNumbers], part: str) -> list[str]:
    """Return the generators of a part (``test``, ``extra``) in the order of the paper."""
    names = {cell.generator for result in results for cell in result.cells if cell.part == part}
    return order_generators(names)


def order_generators(names: Iterable[str]) -> list[str]:
    """Return generators in the order of the paper's columns; others follow by name."""
    places = {str(generator): place for place, generator in enumerate(PAPER_ORDER)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def count_videos(results: Sequence[ProtocolNumbers], generator: str) -> str:
    """Return how many fakes and real videos a column compares: ranges if detectors differ."""
    cells = [cell for result in results for cell in result.cells if cell.generator == generator]
    fakes = sorted({cell.n_fake for cell in cells})
    reals = sorted({cell.n_real for cell in cells})
    return f"{_range(fakes)} fake, {_range(reals)} real"


def _range(values: Sequence[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]}–{values[-1]}"


def notes(results: Sequence[ProtocolNumbers]) -> list[str]:
    """Return the notes to the tables: on order, intervals, resolution and videos left out."""
    groups = group_by_protocol(results)
    ranked = [result for group in groups for result in group]
    cells = [cell for result in ranked for cell in result.cells]
    lines = [INTERVAL_NOTE]
    if any(len(group) > 1 and not group[0].is_diagnostic for group in groups):
        lines.append(ORDER_NOTE)
    if any(result.is_diagnostic for result in ranked):
        lines.append(DIAGNOSTIC_NOTE)
    if any(measure.below_resolution for cell in cells for measure in cell.measures.values()):
        lines.append(RESOLUTION_NOTE)
    for result in ranked:
        lines += _remarks(result)
    lines.extend(
        sorted({f"{cell.fold} {cell.generator}: {cell.problem}" for cell in cells if cell.problem})
    )
    return [*map(printable, lines), *list_caveats(ranked)]


def _remarks(result: ProtocolNumbers) -> list[str]:
    """Return the notes to one result: on its videos, its method and its mean."""
    name, lines = f"{result.title} {result.protocol}", []
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
    if len(result.mean_over) < tested and not result.is_diagnostic:
        lines.append(f"{name}: the mean is over {len(result.mean_over)} of {tested} columns.")
    return lines
