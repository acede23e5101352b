"""The table of where a detector looks: by generator, with right and wrong answers apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from thb.explanations.face_regions import REGIONS
from thb.explanations.video_rows import ExplainedVideo
from thb.prediction.predictions import Status
from thb.runs.provenance import ExplainingRecord
from thb.runtime.text import markdown_row, print_fitting, print_text, printable
from thb_dataset.protocols import Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

REAL: Final = "real"
UNKNOWN: Final = "unknown"
_VERDICTS: Final = ("right", "wrong", UNKNOWN)
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
    """Means over the videos of one generator that a detector judged right, or wrong.

    Attributes:
        detector: The ``model_type`` of the detector.
        protocol: ``p1``, ``p2`` or ``p3``; the means are over all of its folds that were explained.
            For ``p3-family``, whose folds overlap, the fold.
        generator: The name of the generator; ``real`` for real videos.
        verdict: ``right``, ``wrong`` or ``unknown``.
        n: The number of videos with a score.
        measured: The number of those that have a face, and heat for the target class.
        energy: Mean share of that heat in each region; every video counts the same.
        area: Mean share of the crops' pixels in each region, over the same videos.
        against: Mean share of the heat against the target class in each region, over the videos
            that have any.
        deletion: Mean area under the deletion curve.
        deletion_control: The same for a random order of the cells.
        insertion: Mean area under the insertion curve.
        insertion_control: The same for a random order of the cells.
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
        """Energy over area in each region; it is 1 for heat that prefers no region."""
        if self.energy is None or self.area is None:
            return None
        return {
            region: self.energy[region] / self.area[region] if self.area[region] > 0 else None
            for region in REGIONS
        }


def make_cells(rows: Iterable[ExplainedVideo]) -> tuple[LookCell, ...]:
    """Group the rows that have a score by detector, protocol, generator and verdict."""
    groups: dict[tuple[str, str, str, str], list[ExplainedVideo]] = defaultdict(list)
    for row in rows:
        if row.status is Status.OK:
            place = row.fold if row.protocol == Protocol.P3_FAMILY else row.protocol
            key = (row.detector, place, row.generator or REAL, row.verdict or UNKNOWN)
            groups[key].append(row)

    def sort(key: tuple[str, str, str, str]) -> tuple[str, str, bool, str, int]:
        detector, protocol, generator, verdict = key
        return detector, protocol, generator == REAL, generator, _VERDICTS.index(verdict)

    return tuple(_make_cell(key, groups[key]) for key in sorted(groups, key=sort))


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


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _mean_shares(shares: Iterable[Mapping[str, float] | None]) -> dict[str, float] | None:
    known = [share for share in shares if share is not None]
    if not known:
        return None
    return {region: float(np.mean([share[region] for share in known])) for region in REGIONS}


def make_notes(
    rows: Iterable[ExplainedVideo],
    runs: Mapping[str, ExplainingRecord],
    rules: Mapping[str, str],
) -> tuple[str, ...]:
    """Return what a reader of the table must know, and which videos it leaves out, and why.

    Args:
        rows: The rows of all folds.
        runs: The record of each fold's run, by the name of the fold.
        rules: When an answer counts as right, in words, by the name of the fold.
    """
    targets = " or ".join(sorted({run.target for run in runs.values()}))
    layers = ", ".join(sorted({run.layer for run in runs.values() if run.layer}))
    notes = [
        f"Regions, in the cells of the layer {layers or '(unknown)'}: the share of the heat for"
        f" {targets}, and in brackets or below it that share over the region's share of the crop,"
        " which is 1 for heat that prefers no region.",
        f"Deletion (low is faithful) and insertion (high is faithful): mean P({targets}) while the"
        " hottest cells are blurred or brought back; in brackets or below it the same for a random"
        " order.",
    ]
    notes += [f"Right and wrong in {fold}: {rule}." for fold, rule in rules.items()]
    for fold, run in runs.items():
        notes += [f"{mark.symbol} {fold}: {mark.sentence}" for mark in run.marks]
        if run.limit is not None:
            notes.append(
                f"{fold}: at most {run.limit} videos per generator, evenly in the order of ids."
            )
    lost = Counter(
        (row.fold, row.generator or REAL, row.status.value, row.reason or "")
        for row in rows
        if row.reason is not None or row.status is not Status.OK
    )
    for (fold, generator, status, reason), count in sorted(lost.items()):
        kind = "without shares" if status == Status.OK else f"not judged, {status}"
        notes.append(f"{fold} {generator}: {count} {kind}: {reason}.")
    if any(run.release.synthetic for run in runs.values()):
        notes.append("The release is SYNTHETIC: its numbers say nothing about any real generator.")
    return tuple(printable(note) for note in notes)


def markdown_table(cells: Iterable[LookCell], notes: Iterable[str]) -> str:
    """Return the table and its notes in Markdown."""
    lines = [markdown_row(_TITLES), markdown_row(["---"] * 4 + ["---:"] * (len(_TITLES) - 4))]
    lines += [markdown_row(_texts(cell)) for cell in cells]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])


def print_cells(cells: Iterable[LookCell], notes: Iterable[str], console: Console) -> None:
    """Print the table and its notes.

    Where the table is wider than the console, each of its cells has two lines. Where that is too
    wide as well, the terminal wraps the lines.
    """
    known = list(cells)
    print_fitting([_draw(known), _draw_narrow(known)], console)
    for note in notes:
        print_text(note, console)


def _draw(cells: Iterable[LookCell]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(_TITLES):
        table.add_column(title, justify="left" if number < 4 else "right", no_wrap=True)
    for cell in cells:
        table.add_row(*(escape(printable(text)) for text in _texts(cell)))
    return table


def _draw_narrow(cells: Iterable[LookCell]) -> Table:
    """Draw a group of lines for each detector, and what stands in brackets below each number."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("generator\nanswer, n", no_wrap=True)
    for title in _TITLES[5:]:
        folded = title.replace("_", "\n").replace("background", "back-\nground")
        table.add_column(folded, justify="right", no_wrap=True)
    shown = ""
    for cell in cells:
        detector, protocol, generator, answer, n, *numbers = _texts(cell)
        if shown != (shown := f"{detector} {protocol}"):
            table.add_row(f"[bold]{escape(printable(shown))}[/bold]")
        label = f"  {printable(generator)}\n  {answer}, {n}"
        values = [number.replace(" (", "\n").rstrip(")") for number in numbers]
        table.add_row(*(escape(text) for text in (label, *values)))
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
