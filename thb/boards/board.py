"""What a board says, as values: rows with estimates and intervals. ``to_json`` gives its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from thb.runs.provenance import Mark
from thb.runs.record import ReleaseRecord
from thb_dataset.protocols import PAPER_PROTOCOLS

FORMAT: Final = "thb-board/1"
PROTOCOLS: Final = tuple(protocol.value for protocol in PAPER_PROTOCOLS)

Tier = Literal["published", "recomputed", "re-run"]
Kind = Literal["ranked", "floor", "published", "unranked"]


@dataclass(frozen=True, kw_only=True)
class BoardSettings:
    """How a board is computed from predictions.

    Attributes:
        n_bootstrap: The number of resamples of drivers, portraits and real videos.
        seed: The seed from which each cluster's weights are drawn.
        least_coverage: The share of the fakes and of the real videos of each generator that a
            detector must have scored to be ranked.
    """

    n_bootstrap: int = 1000
    seed: int = 0
    least_coverage: float = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its 95 % bootstrap interval.

    Attributes:
        value: The number, within [0, 1].
        low: The lower end; None without an interval.
        high: The upper end; None without an interval.
        below_resolution: Whether there are fewer real videos than 1 / target, so that T1 or T0.1
            allows no false alarm.
    """

    value: float
    low: float | None = None
    high: float | None = None
    below_resolution: bool = False


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A place among others that the same resamples give.

    Attributes:
        rank: The place, from 1 on; equal numbers share it. None for a row that is not ranked.
        rank_low: The best place that the data leave possible.
        rank_high: The worst place that the data leave possible.
        group: One or more letters, ``a`` the best: whoever shares a letter cannot be separated.
    """

    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class DetectorRow(Ranked):
    """A detector on one protocol, or on all.

    Attributes:
        kind: ``ranked``; ``floor`` for what metadata alone reach; ``published`` for figures of a
            paper; ``unranked`` with a reason.
        name: What the detector is called.
        org: Who submitted it; empty for published figures.
        model: The name of its model repo.
        revision: The revision of its model.
        tier: ``published``, ``recomputed`` or ``re-run``.
        modality: What the detector looks at, as its submission says.
        marks: What sets its numbers apart.
        mean: The mean over the protocol's generators by metric: ``auc``, ``t1``, ``t01``,
            ``brier``.
        cells: The numbers by generator and metric.
        extra: The same for the test-only generators, a mean over the folds.
        link: The address of the detector; empty if none was given.
        folder: The folder of the submission in the results.
        reason: Why the row has no rank; None for a ranked one.
    """

    kind: Kind
    name: str
    org: str = ""
    model: str = ""
    revision: str = ""
    tier: Tier
    modality: str = ""
    marks: tuple[Mark, ...] = ()
    mean: Mapping[str, Estimate] = field(default_factory=dict)
    cells: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    extra: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    link: str = ""
    folder: str = ""
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Count:
    """The videos behind a generator's numbers: its fakes, and the real videos beside them."""

    fake: int
    real: int


@dataclass(frozen=True, kw_only=True)
class DetectorTable:
    """The detectors of one protocol, the best first.

    Attributes:
        title: What the table shows, in words.
        release: The release whose videos were scored; None if nobody submitted predictions.
        split_by: The reading of the release's splits.
        videos: The numbers of videos by generator.
        rows: The rows in the order of their mean T1.
        notes: Sentences that stand below the table.
    """

    title: str
    release: ReleaseRecord | None = None
    split_by: str = ""
    videos: Mapping[str, Count] = field(default_factory=dict)
    rows: tuple[DetectorRow, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Something in the results that no board uses.

    Attributes:
        path: Where it lies.
        reason: Why it is left out.
    """

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DetectorBoard:
    """The board of detectors: ``detectors.json``.

    Attributes:
        format: The version of the format.
        protocols: A table for each protocol.
        overall: The detectors that every protocol of the board ranks.
        left_out: What was not read, and why.
        notes: Sentences that hold for every table.
        settings: How the board was computed.
    """

    format: str = FORMAT
    protocols: Mapping[str, DetectorTable]
    overall: DetectorTable
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    settings: BoardSettings


@dataclass(frozen=True, kw_only=True)
class Catch:
    """The share of a generator's fakes that one detector catches.

    Attributes:
        name: What the detector is called.
        folder: The folder of its submission in the results.
        t1: The share at its 1 % threshold.
        t01: The share at its 0.1 % threshold.
    """

    name: str
    folder: str
    t1: float
    t01: float


@dataclass(frozen=True, kw_only=True)
class GeneratorRow(Ranked):
    """A generator under one protocol; rank 1 is the hardest to detect.

    Attributes:
        name: The generator.
        part: ``test``; ``extra`` for the test-only generators; ``proposed`` for one that its
            author proposes and no detector of the board has scored.
        videos: The numbers of videos; None for a proposed generator that does not say.
        mean: The share of its fakes caught, a mean over the verified detectors: ``t1``, ``t01``.
        floor: The shares that metadata alone catch, the best of the metadata-only rows; empty if
            there is none.
        by_detector: The shares of each verified detector, in the order of the detectors' board.
        link: The address of a proposed generator; empty if none was given.
        folder: The folder of a proposal in the results.
    """

    name: str
    part: Literal["test", "extra", "proposed"]
    videos: Count | None = None
    mean: Mapping[str, Estimate] = field(default_factory=dict)
    floor: Mapping[str, float] = field(default_factory=dict)
    by_detector: tuple[Catch, ...] = ()
    link: str = ""
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class GeneratorTable:
    """The generators of one protocol, the hardest first."""

    title: str
    release: ReleaseRecord | None = None
    split_by: str = ""
    n_detectors: int = 0
    rows: tuple[GeneratorRow, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GeneratorBoard:
    """The board of generators: ``generators.json``.

    Attributes:
        format: The version of the format.
        protocols: A table for each protocol.
        left_out: What was not read, and why.
        notes: Sentences that hold for every table.
        settings: How the board was computed.
    """

    format: str = FORMAT
    protocols: Mapping[str, GeneratorTable]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    settings: BoardSettings
