"""The numbers that a table shows: a cell for each fold and generator, a measure for each metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metrics.talking_head_detection.roc import Method
from thb.runs.record import ReleaseRecord

NoFacePolicy = Literal["exclude", "as_real", "as_fake"]

METRICS = ("auc", "t1", "t01", "brier")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number with its intervals.

    Attributes:
        value: The number, within [0, 1].
        low: Lower end of the 95 % interval: DeLong's for the AUC, exact binomial for T1 and T0.1,
            bootstrap for Brier and for means over generators.
        high: Upper end.
        bootstrap_low: Lower end of the bootstrap interval that resamples drivers and portraits.
        bootstrap_high: Upper end.
        below_resolution: For T1 and T0.1, fewer reals than 1 / target: no false alarm is allowed.
        threshold: For T1 and T0.1, scores from here on are called fake; None where nothing is.
    """

    value: float
    low: float | None = None
    high: float | None = None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    below_resolution: bool = False
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One generator's fakes against the Test reals.

    Attributes:
        fold: Name of the fold, for instance ``p3-hallo``.
        generator: Whose fakes.
        part: ``test``, or ``extra`` for the test-only generators.
        n_real: Scored real videos.
        n_fake: Scored fakes.
        unscored: How many of both are not in the numbers, by status.
        assumed: How many of both have no face and count with the score of the no-face policy.
        measures: By name ``auc``, ``t1``, ``t01``, ``brier``; empty where there is no answer.
        grade: The paper's word for the AUC.
        resampling: How the bootstrap drew: ``components`` or ``crossed``; None without one.
        problem: Why there are no measures.
    """

    fold: str
    generator: str
    part: str
    n_real: int
    n_fake: int
    unscored: Mapping[str, int] = field(default_factory=dict)
    assumed: int = 0
    measures: Mapping[str, Measure] = field(default_factory=dict)
    grade: str | None = None
    resampling: str | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """How numbers are made from predictions.

    Attributes:
        no_face: What a video without a face counts as. ``exclude`` leaves it out, ``as_real``
            and ``as_fake`` give it the score 0 or 1.
        method: How T1 and T0.1 are read off the curve.
        n_bootstrap: Resamples of drivers and portraits; 0 for none.
        seed: Seed of the resampling.
        confidence: Of the intervals.
    """

    no_face: NoFacePolicy = "exclude"
    method: Method = "conservative"
    n_bootstrap: int = 1000
    seed: int = 0
    confidence: float = 0.95


@dataclass(frozen=True, kw_only=True)
class ProtocolNumbers:
    """The numbers of a detector on one protocol.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``.
        split_by: Which reading of the release's splits (``release`` or ``driver``).
        release: Whose videos were scored.
        detector: Its ``model_type``.
        cells: One per fold and generator.
        mean: Plain mean over the cells of part ``test`` that have an answer, by metric.
        mean_over: The generators of those cells.
        settings: How the numbers were made.
    """

    protocol: str
    split_by: str
    release: ReleaseRecord
    detector: str
    cells: tuple[Cell, ...]
    mean: Mapping[str, Measure]
    mean_over: tuple[str, ...]
    settings: ScoreSettings
