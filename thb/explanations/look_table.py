"""Where a detector looks, by detector, protocol and generator, right and wrong answers apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from thb.explanations.face_regions import REGIONS
from thb.prediction.predictions import Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from thb.explanations.split import SplitExplanation
    from thb.explanations.video_rows import ExplainedVideo

REAL: Final = "real"
UNKNOWN: Final = "unknown"
_VERDICTS: Final = ("right", "wrong", UNKNOWN)
_WIDEST: Final = 10_000
_TITLES: Final = (
    "detector",
    "protocol",
    "generator",
    "answer",
    "n",
    *REGIONS,
    "deletion",
    "insertion",
)


@dataclass(frozen=True, kw_only=True)
class LookCell:
    """The means over the videos of one generator to which a detector gave right, or wrong, answers.

    Attributes:
        detector: Its ``model_type``.
        protocol: ``p1``, ``p2`` or ``p3``; over all folds that were explained.
        generator: ``real`` for real videos.
        verdict: ``right``, ``wrong`` or ``unknown``.
        n: Videos with a score.
        measured: Those of them with heat for the class asked for, and a face.
        energy: Mean share of that heat in each region, every video counting alike.
        area: Mean share of the crops' pixels, of the same videos.
        against: Mean share of the heat against the class, of those videos that have any.
        deletion: Mean area under the deletion curve.
        deletion_control: Of a random order.
        insertion: Mean area under the insertion curve.
        insertion_control: Of a random order.
    """

    detector: str
    protocol: str
    generator: str
    verdict: str
    n: int
    measured: int
    energy: dict[str, float] | None
    area: dict[str, float] | None
    against: dict[str, float] | None
    deletion: float | None
    deletion_control: float | None
    insertion: float | None
    insertion_control: float | None

    @property
    def ratio(self) -> dict[str, float | None] | None:
        """Energy over area in each region: 1 is what heat without any preference has."""
        if self.energy is None or self.area is None:
            return None
        return {
            region: self.energy[region] / self.area[region] if self.area[region] > 0 else None
            for region in REGIONS
        }


def make_cells(rows: Iterable[ExplainedVideo]) -> tuple[LookCell, ...]:
    """Gather the rows with a score: by detector, protocol, generator, and right or wrong."""
    groups: dict[tuple[str, str, str, str], list[ExplainedVideo]] = defaultdict(list)
    for row in rows:
        if row.status is Status.OK:
            key = (row.detector, row.protocol, row.generator or REAL, row.verdict or UNKNOWN)
            groups[key].append(row)

    def place(key: tuple[str, str, str, str]) -> tuple[str, str, bool, str, int]:
        detector, protocol, generator, verdict = key
        return detector, protocol, generator == REAL, generator, _VERDICTS.index(verdict)

    return tuple(_make_cell(key, groups[key]) for key in sorted(groups, key=place))


def _make_cell(key: tuple[str, str, str, str], rows: Sequence[ExplainedVideo]) -> LookCell:
    measured = [row for row in rows if row.energy is not None]
    detector, protocol, generator, verdict = key
    return LookCell(
        detector=detector,
        protocol=protocol,
        generator=generator,
        verdict=verdict,
        n=len(rows),
        measured=len(measured),
        energy=_mean_shares([row.energy for row in measured]),
        area=_mean_shares([row.area for row in measured]),
        against=_mean_shares([row.against for row in rows]),
        deletion=_mean([row.deletion for row in rows]),
        deletion_control=_mean([row.deletion_control for row in rows]),
        insertion=_mean([row.insertion for row in rows]),
        insertion_control=_mean([row.insertion_control for row in rows]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def _mean_shares(shares: Sequence[object]) -> dict[str, float] | None:
    there = [one for one in shares if isinstance(one, dict)]
    if not there:
        return None
    return {region: float(np.mean([one[region] for one in there])) for region in REGIONS}


def make_notes(done: SplitExplanation) -> tuple[str, ...]:
    """Say how the table is to be read, and which videos are not in it, and why."""
    targets = sorted({run.target for run in done.runs.values()})
    notes = [
        f"Regions: share of the heat for {' or '.join(targets)}, and in brackets that share over"
        " the region's share of the crop; 1 is what heat without any preference has.",
        f"Deletion (low is true) and insertion (high is true): mean P({' or '.join(targets)}) while"
        " the hottest cells are blurred away or brought back; in brackets that of a random order.",
    ]
    notes += [f"Right and wrong in {fold}: {rule}." for fold, rule in done.rules.items()]
    for fold, run in done.runs.items():
        if run.limit is not None:
            notes.append(
                f"{fold}: at most {run.limit} videos a generator, evenly in the order of ids."
            )
    lost = Counter(
        (row.fold, row.generator or REAL, row.status.value, row.reason or "")
        for row in done.rows
        if row.reason is not None or row.status is not Status.OK
    )
    for (fold, generator, status, reason), count in sorted(lost.items()):
        kind = "without shares" if status == Status.OK else f"not judged, {status}"
        notes.append(f"{fold} {generator}: {count} {kind}: {reason}.")
    if any(run.release.synthetic for run in done.runs.values()):
        notes.append("The release is SYNTHETIC: its numbers say nothing about any real generator.")
    return tuple(_printable(note) for note in notes)


def markdown_table(done: SplitExplanation) -> str:
    """Return the table and its notes in Markdown."""
    lines = [_row(_TITLES), _row(["---"] * 4 + ["---:"] * (len(_TITLES) - 4))]
    lines += [
        _row([_printable(text).replace("|", "\\|") for text in _texts(c)]) for c in done.cells
    ]
    return "\n".join([*lines, "", *(f"- {note}" for note in make_notes(done)), ""])


def print_table(done: SplitExplanation, console: Console) -> None:
    """Print the table and its notes; what is wider than the console is printed in full."""
    table = _draw(done.cells)
    whole = console.measure(table, options=console.options.update(width=_WIDEST)).maximum
    console.width = max(console.width, whole)
    console.print(table)
    for note in make_notes(done):
        console.print(note, soft_wrap=True, highlight=False, markup=False)


def _draw(cells: Sequence[LookCell]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(_TITLES):
        table.add_column(title, justify="left" if number < 4 else "right", no_wrap=True)
    for cell in cells:
        table.add_row(*(escape(_printable(text)) for text in _texts(cell)))
    return table


def _texts(cell: LookCell) -> list[str]:
    n = str(cell.n) if cell.measured == cell.n else f"{cell.measured} of {cell.n}"
    shares, ratios = cell.energy or {}, cell.ratio or {}
    regions = [
        "–" if region not in shares else f"{shares[region]:.0%} ({_factor(ratios.get(region))})"
        for region in REGIONS
    ]
    curves = [
        _pair(cell.deletion, cell.deletion_control),
        _pair(cell.insertion, cell.insertion_control),
    ]
    return [cell.detector, cell.protocol, cell.generator, cell.verdict, n, *regions, *curves]


def _factor(value: float | None) -> str:
    return "–" if value is None else f"×{value:.2f}"


def _pair(value: float | None, control: float | None) -> str:
    return "–" if value is None or control is None else f"{value:.3f} ({control:.3f})"


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _printable(text: str) -> str:
    """Return a text that comes from someone's file so that a terminal obeys none of it."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
