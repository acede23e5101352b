"""The board of generators: how much of its fakes the verified detectors catch; less is harder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from thb.boards.board import (
    PROTOCOLS,
    BoardSettings,
    Catch,
    GeneratorBoard,
    GeneratorRow,
    GeneratorTable,
    LeftOut,
)
from thb.boards.collection import Entry, Proposal
from thb.boards.measuring import Measured, estimate, find_span
from thb.boards.ranking import rank
from thb.evaluation.tables import SHIFTS

_NOTES: Final = (
    "Detectability is the share of a generator's fakes that a detector catches at its own"
    " thresholds, those at which 1 % (T1) or 0.1 % (T0.1) of the fold's real test videos are false"
    " alarms; the mean over the verified detectors. Less is harder.",
    "Verified are the ranked detectors whose numbers are recomputed or re-run; what sees metadata"
    " only is not among them, and stands beside as the floor.",
    "Brackets hold 95 % intervals over drivers, portraits and real videos, for these detectors."
    " Generators that share a letter cannot be separated. Intervals are too narrow where there are"
    " a dozen drivers and portraits or fewer.",
    "A proposed generator has no rank until its fakes are in the release and detectors score them.",
)


def is_verified(entry: Entry) -> bool:
    """Return whether a ranked submission says how hard a generator is: not one of the floor."""
    return not entry.is_floor


def make_generator_board(
    measured: Mapping[str, Measured],
    proposals: Sequence[Proposal],
    left_out: Sequence[LeftOut],
    settings: BoardSettings,
) -> GeneratorBoard:
    """Return the board of generators.

    Args:
        measured: The detectors that scored a protocol's videos, by protocol.
        proposals: The generators that their authors propose.
        left_out: What could not be read.
        settings: How the detectors were measured.
    """
    return GeneratorBoard(
        protocols={
            protocol: _make_table(protocol, measured.get(protocol), proposals)
            for protocol in PROTOCOLS
        },
        left_out=tuple(left_out),
        notes=_NOTES,
        settings=settings,
    )


def _make_table(
    protocol: str, measured: Measured | None, proposals: Sequence[Proposal]
) -> GeneratorTable:
    title = f"{protocol.upper()}: {SHIFTS[protocol]}"
    proposed = [
        GeneratorRow(name=own.name, part="proposed", link=own.link, folder=own.folder)
        for own in proposals
    ]
    verified = (
        []
        if measured is None
        else [at for at, entry in enumerate(measured.entries) if is_verified(entry)]
    )
    if measured is None or not verified:
        nobody = "No verified detector has scored this protocol yet."
        return GeneratorTable(title=title, rows=tuple(proposed), notes=(nobody,))
    order = sorted(
        verified,
        key=lambda at: (-measured.find_mean(at)["t1"].value, measured.entries[at].folder),
    )
    rows = _rank_generators(measured, order)
    reference = measured.reference
    notes = []
    if any(one.below_resolution for row in rows for one in row.mean.values()):
        notes.append("† fewer real videos than 1/target: the share without a single false alarm.")
    return GeneratorTable(
        title=title,
        release=reference.release,
        split_by=reference.split_by,
        n_detectors=len(verified),
        rows=(*rows, *proposed),
        notes=tuple(notes),
    )


def _rank_generators(measured: Measured, order: Sequence[int]) -> list[GeneratorRow]:
    parts = list(measured.caught)
    numbers = {
        part: estimate(
            own.astype(np.float64),
            measured.resolutions,
            trials=measured.reference.counts[part[1]].fake,
        )
        for part, own in measured.caught.items()
    }
    parts = [part for part in parts if {"t1", "t01"} <= numbers[part].keys()]
    if not parts:
        return []
    counts = measured.reference.counts
    ranks = rank(
        [(-numbers[part]["t1"].value, -numbers[part]["t01"].value) for part in parts],
        -np.stack([measured.caught[part][0, 1:] for part in parts]),
        least=[1 / counts[name].fake for _, name in parts],
        spans=[(-high, -low) for low, high in (find_span(numbers[part]["t1"]) for part in parts)],
    )
    floors = [
        own for own, entry in zip(measured.cells, measured.entries, strict=True) if entry.is_floor
    ]
    rows = [
        GeneratorRow(
            rank=place.rank,
            rank_low=place.rank_low,
            rank_high=place.rank_high,
            group=place.group,
            name=part[1],
            part="test" if part[0] == "test" else "extra",
            videos=counts[part[1]],
            mean=numbers[part],
            floor={
                name: max(own[part][name].value for own in floors)
                for name in ("t1", "t01")
                if floors and all(name in own.get(part, {}) for own in floors)
            },
            by_detector=tuple(
                Catch(
                    name=measured.entries[at].name,
                    folder=measured.entries[at].folder,
                    t1=measured.cells[at][part]["t1"].value,
                    t01=measured.cells[at][part]["t01"].value,
                )
                for at in order
                if "t01" in measured.cells[at].get(part, {})
            ),
        )
        for part, place in zip(parts, ranks, strict=True)
    ]
    return sorted(rows, key=lambda row: (row.rank or 0, row.name))
