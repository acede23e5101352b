"""Where new fakes would stand among known generators: on a board, or by a detector's own result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from metrics.talking_head_detection.binomial import binomial_interval
from thb.boards.alarm_thresholds import OwnResult
from thb.boards.detectability_record import Finding, Known, Neighbours
from thb.boards.reading import PublishedBoards
from thb.evaluation.cells import Cell

REPLICATES: Final = 1000
_PARTS: Final = ("portrait", "driver", "generator")


def compare_with_board(
    findings: Sequence[Finding], boards: PublishedBoards, protocol: str
) -> Neighbours | None:
    """Return the place among the generators of a board, whose numbers are means over detectors.

    Args:
        findings: What each detector at hand catches; the mean over them is compared.
        boards: The boards.
        protocol: The protocol of the board.

    Returns:
        The place; None if there is no threshold for 1 %, or no such board.
    """
    counted = [own for own in findings if "t1" in own.caught]
    table = boards.generators.protocols.get(protocol)
    if not counted or table is None:
        return None
    known = [
        Known(name=row.name, share=one.value, low=one.low, high=one.high)
        for row in table.rows
        if (one := row.mean.get("t1")) is not None
    ]
    return _find_place(_mean_hits(counted), known, protocol=protocol, source="the board")


def compare_with_result(finding: Finding, own: OwnResult) -> Neighbours | None:
    """Return the place among the generators of a detector's own result.

    The generators that are held out in turn are those of all folds; those that only tests have are
    taken from the fold of these weights.

    Args:
        finding: What the detector catches.
        own: Its result.

    Returns:
        The place; None if there is no threshold for 1 %, or the result has no numbers.
    """
    known = [
        Known(
            name=cell.generator if cell.part == "test" else f"{cell.generator} (test-only)",
            share=cell.measures["t1"].value,
            **_hull(cell),
        )
        for cell in own.result.cells
        if "t1" in cell.measures and (cell.part == "test" or cell.fold == own.fold)
    ]
    if "t1" not in finding.caught or not known:
        return None
    return _find_place(_mean_hits([finding]), known, protocol=own.result.protocol, source=own.file)


def _hull(cell: Cell) -> dict[str, float | None]:
    """Return the wider of a number's two intervals: the exact one is blind to shared drivers."""
    one = cell.measures["t1"]
    lows = [end for end in (one.low, one.bootstrap_low) if end is not None]
    highs = [end for end in (one.high, one.bootstrap_high) if end is not None]
    return {"low": min(lows, default=None), "high": max(highs, default=None)}


def _mean_hits(findings: Sequence[Finding]) -> dict[str, float]:
    """Return the share of detectors that catch each fake, of those that scored it."""
    votes: dict[str, list[bool]] = {}
    for own in findings:
        threshold = own.caught["t1"].threshold
        for name, score in own.scores.items():
            votes.setdefault(name, []).append(threshold is not None and score >= threshold)
    return {name: float(np.mean(row)) for name, row in votes.items()}


def _find_place(
    hits: Mapping[str, float], known: Sequence[Known], *, protocol: str, source: str
) -> Neighbours:
    values = np.array([*hits.values()])
    share = float(values.mean())
    exact = binomial_interval(round(float(values.sum())), values.size)
    drawn = bootstrap_share([*hits], values) or (exact.low, exact.high)
    low, high = min(exact.low, drawn[0]), max(exact.high, drawn[1])
    ordered = tuple(sorted(known, key=lambda one: (one.share, one.name)))
    spans = [
        (one.share if one.low is None else one.low, one.share if one.high is None else one.high)
        for one in ordered
    ]
    return Neighbours(
        protocol=protocol,
        source=source,
        share=share,
        low=low,
        high=high,
        place=1 + sum(one.share < share for one in ordered),
        place_low=1 + sum(end < low for _, end in spans),
        place_high=1 + sum(start < high for start, _ in spans),
        known=ordered,
    )


def bootstrap_share(
    names: Sequence[str], hits: np.ndarray, *, seed: int = 0
) -> tuple[float, float] | None:
    """Return the 95 % interval of a share over resampled drivers and portraits, drawn crosswise.

    Args:
        names: (N,) file names ``portrait--driver--generator.mp4``.
        hits: bool or float (N,), which of them are caught, or by what share of the detectors.
        seed: The seed of the resamples.

    Returns:
        The ends; None if the names do not tell drivers and portraits, or all videos share one.
    """
    parts = [Path(name).stem.split("--") for name in names]
    if any(len(part) != len(_PARTS) for part in parts):
        return None
    rng = np.random.default_rng(seed)
    weights = np.ones((REPLICATES, len(names)))
    for factor in (0, 1):
        keys, place = np.unique([part[factor] for part in parts], return_inverse=True)
        if len(keys) > 1:
            drawn = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), REPLICATES)
            weights *= drawn[:, place]
    totals = weights.sum(axis=1)
    if not np.ptp(weights):
        return None
    shares = (weights @ hits)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)
