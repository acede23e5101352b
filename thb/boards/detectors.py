"""The board of detectors: ranked by mean T1 on each protocol, and on all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from metrics.talking_head_detection.inputs import FloatArray
from thb.boards.board import (
    PROTOCOLS,
    BoardSettings,
    DetectorBoard,
    DetectorRow,
    DetectorTable,
    Estimate,
    LeftOut,
    Ranked,
)
from thb.boards.collection import FOLDS, Entry
from thb.boards.measuring import Measured, Resamples, estimate_mean, find_span
from thb.boards.ranking import rank
from thb.boards.reference import Reference
from thb.evaluation.cells import METRICS, Measure
from thb.evaluation.tables import NOT_COMPARABLE, SHIFTS
from thb.reports.rows import Row, list_published_detectors, make_published_row

_T1: Final = METRICS.index("t1")
_NO_FIGURE: Final = -1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Unranked:
    """A submission that has no rank on a protocol.

    Attributes:
        entry: The submission.
        reason: Why it has none.
    """

    entry: Entry
    reason: str


def make_detector_board(
    measured: Mapping[str, Measured],
    unranked: Mapping[str, Sequence[Unranked]],
    left_out: Sequence[LeftOut],
    settings: BoardSettings,
) -> DetectorBoard:
    """Return the board of detectors.

    Args:
        measured: The detectors that scored a protocol's videos, by protocol; those that see
            metadata only are the floor.
        unranked: The other submissions of each protocol.
        left_out: What could not be read.
        settings: How the detectors were measured.
    """
    tables = {
        protocol: _make_table(protocol, measured.get(protocol), unranked.get(protocol, ()))
        for protocol in PROTOCOLS
    }
    return DetectorBoard(
        protocols=tables,
        overall=_make_overall(measured, tables),
        left_out=tuple(left_out),
        notes=tuple(_list_notes(settings)),
        settings=settings,
    )


def _list_notes(settings: BoardSettings) -> list[str]:
    coverage = f"{settings.least_coverage:.0%}".replace("%", " %")
    return [
        "Detectors are ranked by mean T1, then by mean AUC. Equal ones share a rank. Brackets"
        " behind a rank hold the ranks that the data leave possible (95 %); detectors that share a"
        " letter cannot be separated (paired bootstrap over drivers, portraits and real videos;"
        " Holm's method over all pairs).",
        "Brackets behind a number hold its 95 % bootstrap interval. Intervals are too narrow where"
        " there are a dozen drivers and portraits or fewer.",
        "Every number of a tier but «published» is recomputed from the predictions; «re-run» says"
        " that a maintainer scored a sample of the videos with the same weights and got the same.",
        "Published figures are the paper's. They have two decimals and no interval, so they have"
        " no rank and stand where their mean T1 puts them.",
        "The floor is what metadata of the files alone reach. It has no rank.",
        f"Ranked is who scored the same release, the same splits and the same videos as most"
        f" submissions, in every fold, and {coverage} of the fakes and of the real videos of each"
        " generator or more. Videos without a score are left out.",
    ]


def _make_table(
    protocol: str, measured: Measured | None, unranked: Sequence[Unranked]
) -> DetectorTable:
    rows = [*_make_published_rows(protocol)]
    title = f"{protocol.upper()}: {SHIFTS[protocol]}"
    if measured is None:
        notes = ["Nobody has submitted predictions of this protocol yet."]
        return DetectorTable(
            title=title,
            rows=(*_order(rows), *_list_unranked(protocol, unranked)),
            notes=tuple(notes),
        )
    reference = measured.reference
    places = [place for place, entry in enumerate(measured.entries) if not entry.is_floor]
    means = [measured.find_mean(place) for place in range(len(measured.entries))]
    ranks = dict(
        zip(
            places,
            rank(
                [(means[place]["t1"].value, means[place]["auc"].value) for place in places],
                measured.means[places, _T1, 1:],
                least=[measured.least] * len(places),
                spans=[find_span(means[place]["t1"]) for place in places],
            ),
            strict=True,
        )
    )
    for place, entry in enumerate(measured.entries):
        cells = measured.cells[place]
        rows.append(
            _place(
                _describe(entry, reference.folds),
                ranks.get(place),
                mean=means[place],
                cells={name: own for (part, name), own in cells.items() if part == "test"},
                extra={name: own for (part, name), own in cells.items() if part != "test"},
            )
        )
    return DetectorTable(
        title=title,
        release=reference.release,
        split_by=reference.split_by,
        videos=reference.counts,
        rows=(*_order(rows), *_list_unranked(protocol, unranked)),
        notes=tuple(_list_remarks(reference, rows)),
    )


def _describe(entry: Entry, folds: Iterable[str]) -> DetectorRow:
    org, model = entry.owner
    return DetectorRow(
        kind="unranked",
        name=entry.name,
        org=org,
        model=model,
        revision=entry.revision,
        tier=entry.tier,
        modality=entry.modality,
        marks=entry.list_marks(folds),
        link=entry.link,
        folder=entry.folder,
    )


def _place(
    row: DetectorRow,
    place: Ranked | None,
    *,
    mean: Mapping[str, Estimate],
    cells: Mapping[str, Mapping[str, Estimate]] | None = None,
    extra: Mapping[str, Mapping[str, Estimate]] | None = None,
) -> DetectorRow:
    row = replace(row, mean=mean, cells=cells or {}, extra=extra or {})
    if place is None:
        return replace(row, kind="floor", reason="it sees the metadata of the files only")
    return replace(
        row,
        kind="ranked",
        rank=place.rank,
        rank_low=place.rank_low,
        rank_high=place.rank_high,
        group=place.group,
    )


def _list_unranked(protocol: str, unranked: Sequence[Unranked]) -> list[DetectorRow]:
    return [replace(_describe(one.entry, FOLDS[protocol]), reason=one.reason) for one in unranked]


def _make_published_rows(protocol: str) -> list[DetectorRow]:
    found = (make_published_row(protocol, name) for name in list_published_detectors())
    return [_describe_published(row) for row in found if row is not None and row.mean]


def _describe_published(row: Row) -> DetectorRow:
    return DetectorRow(
        kind="published",
        name=row.name,
        tier="published",
        mean=_copy(row.mean),
        cells={name: _copy(cell) for name, cell in row.cells.items()},
        extra={name: _copy(cell) for (_, name), cell in row.extra.items()},
        reason="the paper prints its figures, and nobody has its predictions",
    )


def _copy(measures: Mapping[str, Measure]) -> dict[str, Estimate]:
    return {name: Estimate(value=round(own.value, 6)) for name, own in measures.items()}


def _order(rows: Sequence[DetectorRow]) -> list[DetectorRow]:
    """Sort rows by mean T1 and mean AUC; of equal ones the ranked come first, then by name."""

    def place(row: DetectorRow) -> tuple[float, float, bool, str, str]:
        first, second = (
            row.mean[name].value if name in row.mean else _NO_FIGURE for name in ("t1", "auc")
        )
        return -first, -second, row.kind != "ranked", row.name, row.folder

    return sorted(rows, key=place)


def _list_remarks(reference: Reference, rows: Sequence[DetectorRow]) -> list[str]:
    release, remarks = reference.release, []
    if release.synthetic:
        remarks.append(
            "The release is SYNTHETIC: its numbers say nothing about any real generator."
        )
    elif release.differs:
        remarks.append(
            f"{release} does not hold the videos of the published release: its numbers are"
            f" {NOT_COMPARABLE}."
        )
    floor = max((row.mean["t1"].value for row in rows if row.kind == "floor"), default=None)
    beaten = sorted(
        row.name
        for row in rows
        if row.kind == "ranked" and floor is not None and row.mean["t1"].value <= floor
    )
    if beaten:
        remarks.append(
            f"Not above the floor: {', '.join(beaten)}. What they find, metadata may explain."
        )
    if any(own.below_resolution for row in rows for own in row.mean.values()):
        remarks.append("† fewer real videos than 1/target: the TPR without a single false alarm.")
    return remarks


def _make_overall(
    measured: Mapping[str, Measured], tables: Mapping[str, DetectorTable]
) -> DetectorTable:
    """Rank whoever stands on every protocol that has submissions, by the mean of the protocols."""
    title = f"Overall: the mean of {', '.join(name.upper() for name in measured) or 'all'}"
    published = _average_published(tables)
    if not measured:
        return DetectorTable(title=title, rows=tuple(_order(published)))
    places = [{own.folder: at for at, own in enumerate(one.entries)} for one in measured.values()]
    common = [
        entry
        for entry in next(iter(measured.values())).entries
        if all(entry.folder in own for own in places)
    ]
    chosen = [[own[entry.folder] for entry in common] for own in places]
    pairs = list(zip(measured.values(), chosen, strict=True))
    points: FloatArray = np.stack([one.points[own] for one, own in pairs]).mean(axis=0)
    means: Resamples = np.stack([one.means[own] for one, own in pairs]).mean(axis=0)
    below = {
        name: any(one.resolutions[name] for one in measured.values()) for name in ("t1", "t01")
    }
    fewest = min(one.fewest for one in measured.values())
    numbers = [
        estimate_mean(points[at], means[at], below, trials=fewest) for at in range(len(common))
    ]
    rivals = [at for at, entry in enumerate(common) if not entry.is_floor]
    ranks = rank(
        [(numbers[at]["t1"].value, numbers[at]["auc"].value) for at in rivals],
        means[rivals, _T1, 1:],
        least=[min(one.least for one in measured.values()) / len(measured)] * len(rivals),
        spans=[find_span(numbers[at]["t1"]) for at in rivals],
    )
    found = dict(zip(rivals, ranks, strict=True))
    folds = [fold for one in measured.values() for fold in one.reference.folds]
    rows = [
        _place(_describe(entry, folds), found.get(at), mean=numbers[at])
        for at, entry in enumerate(common)
    ]
    first = next(iter(measured.values())).reference
    return DetectorTable(
        title=title,
        release=first.release,
        split_by=first.split_by,
        rows=tuple(_order([*rows, *published])),
        notes=tuple(_list_remarks(first, rows)),
    )


def _average_published(tables: Mapping[str, DetectorTable]) -> list[DetectorRow]:
    rows = [
        {row.name: row for row in table.rows if row.kind == "published"}
        for table in tables.values()
    ]
    averaged = []
    for name, row in rows[0].items():
        own = [one[name] for one in rows if name in one]
        if len(own) < len(rows):
            continue
        mean = {
            metric: Estimate(value=round(sum(one.mean[metric].value for one in own) / len(own), 6))
            for metric in METRICS
            if all(metric in one.mean for one in own)
        }
        averaged.append(replace(row, mean=mean, cells={}, extra={}))
    return averaged
