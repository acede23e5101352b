"""The rule of the evolving benchmark: which generators are worn out, and which should follow.

A generator is worn out if a majority of the verified detectors catch more than 99 % of its fakes
at 0.1 % false alarms. A test-only generator is a candidate if it is harder than every generator
that the protocol tests: the whole interval of its detectability at 1 % false alarms lies below the
lowest of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from metrics.talking_head_detection.roc import T01
from thb.boards.board import Catch, Estimate, GeneratorBoard, GeneratorRow, GeneratorTable
from thb.runtime.records import to_json
from thb.runtime.text import markdown_row, printable
from thb_dataset.errors import ProtocolError

BEYOND: Final = 0.99
"""The share of fakes beyond which a detector has nothing left to find."""
_FEWEST_REALS: Final = T01.denominator // T01.numerator


@dataclass(frozen=True, kw_only=True)
class WornOut:
    """A generator that a majority of detectors catch beyond 99 % at T0.1.

    Attributes:
        generator: The generator.
        n_beyond: The number of detectors that catch it so.
        n_detectors: The number of verified detectors.
        by_detector: The evidence: the shares of every verified detector.
    """

    generator: str
    n_beyond: int
    n_detectors: int
    by_detector: tuple[Catch, ...]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A test-only generator that is harder than every present one.

    Attributes:
        generator: The generator.
        caught: Its detectability at 1 % false alarms.
        hardest: The present generator that is hardest to detect.
        hardest_caught: The detectability of that one.
        by_detector: The evidence: the shares of every verified detector.
    """

    generator: str
    caught: Estimate
    hardest: str
    hardest_caught: Estimate
    by_detector: tuple[Catch, ...]


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """What the rule says of one protocol.

    Attributes:
        protocol: The protocol.
        n_detectors: The number of verified detectors.
        n_real: The number of real test videos.
        worn_out: The generators to retire.
        candidates: The generators to take in.
        closest: For each other generator that is tested, how many detectors catch it beyond 99 %.
        not_applied: Why a part of the rule cannot be applied, a sentence each.
    """

    protocol: str
    n_detectors: int = 0
    n_real: int = 0
    worn_out: tuple[WornOut, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    closest: dict[str, int] | None = None
    not_applied: tuple[str, ...] = ()

    @property
    def is_due(self) -> bool:
        """Whether there is something to do."""
        return bool(self.worn_out or self.candidates)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**to_json(self), "is_due": self.is_due}

    def to_text(self) -> str:
        """Return what to do and why, as lines for a terminal."""
        return "\n".join(printable(line) for line in self._list_lines())

    def to_markdown(self) -> str:
        """Return what to do and why, with the evidence of every detector in tables."""
        lines = [f"**{self.protocol.upper()}**", "", *self._list_lines()]
        every: list[WornOut | Candidate] = [*self.worn_out, *self.candidates]
        for named in every:
            lines += ["", f"{named.generator}:", "", markdown_row(["detector", "T1", "T0.1"])]
            lines.append(markdown_row(["---", "---:", "---:"]))
            lines += [
                markdown_row([own.name, f"{own.t1:.3f}", f"{own.t01:.3f}"])
                for own in named.by_detector
            ]
        return "\n".join([*lines, ""])

    def _list_lines(self) -> list[str]:
        lines = [
            f"retire {own.generator}: {own.n_beyond} of {own.n_detectors} detectors catch more"
            f" than {BEYOND:.0%} of its fakes at 0.1 % false alarms"
            for own in self.worn_out
        ]
        lines += [
            f"take in {own.generator}: {_write(own.caught)} of its fakes are caught at 1 % false"
            f" alarms, less than of {own.hardest} ({_write(own.hardest_caught)}), the hardest"
            " present one"
            for own in self.candidates
        ]
        lines += list(self.not_applied)
        if not lines:
            lines.append("nothing to do: no generator is worn out, and no candidate is harder")
        if self.closest:
            counts = ", ".join(f"{name} {count}" for name, count in self.closest.items())
            lines.append(
                f"caught beyond {BEYOND:.0%} at 0.1 % false alarms, by how many of"
                f" {self.n_detectors} detectors: {counts}"
            )
        return lines


def _write(own: Estimate) -> str:
    if own.low is None or own.high is None:
        return f"{own.value:.3f}"
    return f"{own.value:.3f} [{own.low:.3f}–{own.high:.3f}]"


def retire_generators(
    results: str | Path,
    *,
    protocol: str = "p3",
    least_detectors: int = 3,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Retirement:
    """Say which generators are worn out and which candidates are harder than the present ones.

    Args:
        results: A folder with ``results/``, or a dataset repo of results on the Hub.
        protocol: The protocol whose detectors decide: ``p1``, ``p2`` or ``p3``.
        least_detectors: With fewer verified detectors, the rule is not applied.
        n_bootstrap: The number of resamples behind the intervals.
        seed: Their seed.

    Raises:
        ResultError: There is no folder of results.
        ProtocolError: There is no such protocol.
        SettingsError: A setting is impossible.
        ReleaseError: There is no such repo on the Hub.

    Examples:
        >>> found = thb.retire_generators("results", n_bootstrap=20)
        >>> found.worn_out, found.not_applied  # 40 real videos are too few for T0.1
        ((), ('...',))
    """
    from thb.boards.building import build_boards

    boards = build_boards(results, n_bootstrap=n_bootstrap, seed=seed)
    return apply_rule(boards.generators, protocol, least_detectors=least_detectors)


def apply_rule(board: GeneratorBoard, protocol: str, *, least_detectors: int = 3) -> Retirement:
    """Apply the rule to a board of generators.

    Args:
        board: The board.
        protocol: The protocol whose detectors decide.
        least_detectors: With fewer verified detectors, the rule is not applied.

    Raises:
        ProtocolError: There is no such protocol.
    """
    if protocol not in board.protocols:
        raise ProtocolError(
            f"there is no protocol {protocol!r}: choose one of {', '.join(board.protocols)}"
        )
    table = board.protocols[protocol]
    present = [row for row in table.rows if row.part == "test"]
    n_real = min((row.videos.real for row in present if row.videos), default=0)
    found = Retirement(protocol=protocol, n_detectors=table.n_detectors, n_real=n_real)
    if table.n_detectors < least_detectors or not present:
        reason = (
            f"the rule cannot be applied: {table.n_detectors} verified detectors have scored"
            f" {protocol.upper()}, and it needs {least_detectors}"
        )
        return replace(found, not_applied=(reason,))
    found = replace(found, candidates=tuple(_find_candidates(table, present)))
    if n_real < _FEWEST_REALS:
        reason = (
            f"retirement cannot be decided: 0.1 % of {n_real} real videos is less than one, so"
            f" T0.1 is below its resolution; it needs {_FEWEST_REALS:,} real videos"
        )
        return replace(found, not_applied=(reason,))
    beyond = {row.name: sum(own.t01 > BEYOND for own in row.by_detector) for row in present}
    worn_out = [
        WornOut(
            generator=row.name,
            n_beyond=beyond[row.name],
            n_detectors=len(row.by_detector),
            by_detector=row.by_detector,
        )
        for row in present
        if 2 * beyond[row.name] > len(row.by_detector)
    ]
    named = {own.generator for own in worn_out}
    return replace(
        found,
        worn_out=tuple(worn_out),
        closest={name: count for name, count in beyond.items() if name not in named},
    )


def _find_candidates(table: GeneratorTable, present: Sequence[GeneratorRow]) -> list[Candidate]:
    hardest = min(present, key=lambda row: (row.mean["t1"].value, row.name))
    bound = hardest.mean["t1"]
    return [
        Candidate(
            generator=row.name,
            caught=row.mean["t1"],
            hardest=hardest.name,
            hardest_caught=bound,
            by_detector=row.by_detector,
        )
        for row in table.rows
        if row.part == "extra"
        and row.mean["t1"].high is not None
        and row.mean["t1"].high < bound.value
    ]
