"""The numbers that tables show: a cell per fold and generator, a measure per metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from metrics.talking_head_detection.roc import Method
from thb.runs.provenance import FakesRecord, Mark
from thb.runs.record import ReleaseRecord
from thb.runtime.text import printable
from thb_dataset.protocols import Protocol

NoFacePolicy = Literal["exclude", "as_real", "as_fake"]

METRICS = ("auc", "t1", "t01", "brier")
FAMILY = "family"
"""The part of a cell that holds the fakes of all generators that a fold of p3-family holds out."""
MEAN = "mean"
"""What the column of means over generators is called."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number with its intervals.

    Attributes:
        value: The number, within [0, 1].
        low: The lower end of the 95 % interval: DeLong's for the AUC, exact binomial for T1 and
            T0.1, bootstrap for Brier and for means over generators.
        high: The upper end of that interval.
        bootstrap_low: The lower end of the bootstrap interval over drivers and portraits.
        bootstrap_high: The upper end of the bootstrap interval.
        below_resolution: Whether there are fewer real videos than 1 / target, so that T1 or T0.1
            allows no false alarm.
        threshold: The lowest score that T1 or T0.1 calls fake; None if it calls no video fake.
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
    """The numbers of one generator's fakes against the real test videos.

    Attributes:
        fold: The name of the fold, for instance ``p3-hallo``.
        generator: The generator of the fakes; for the part ``family`` the family, such as
            ``hallo-family``.
        part: ``test``; ``family`` for the fakes of all generators that the fold holds out together;
            ``extra`` for the test-only generators.
        n_real: The number of real videos behind the numbers.
        n_fake: The number of fakes behind the numbers.
        unscored: The number of videos, fake and real, that have no score, by status.
        assumed: The number of videos, fake and real, that have no face and count with the score
            of the no-face policy.
        measures: The measures ``auc``, ``t1``, ``t01`` and ``brier``; empty if the AUC cannot
            be computed.
        grade: The paper's word for T1; None with fewer than 100 real or 100 fake videos.
        resampling: How the bootstrap resampled, ``components`` or ``crossed``; None without
            bootstrap.
        problem: Why there are no measures; None if there are.
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
    """How the numbers are computed from predictions.

    Attributes:
        no_face: How a video without a face counts. ``exclude`` leaves it out; ``as_real`` and
            ``as_fake`` give it the score 0 or 1.
        method: How T1 and T0.1 are read off the ROC curve.
        n_bootstrap: The number of resamples of drivers and portraits; 0 for no bootstrap.
        seed: The random seed of the resampling.
        confidence: The confidence level of the intervals.
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
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        split_by: The reading of the release's splits, ``release`` or ``driver``.
        release: The release whose videos were scored.
        detector: The ``model_type`` of the detector.
        name: What the detector is called; empty in results of older versions.
        cells: The numbers, one cell per fold and generator.
        mean: The plain mean over the cells of part ``test`` that have measures, by metric; empty
            for ``p3-family``, whose folds overlap.
        mean_over: The generators of those cells.
        settings: How the numbers were computed.
    """

    protocol: str
    split_by: str
    release: ReleaseRecord
    detector: str
    cells: tuple[Cell, ...]
    mean: Mapping[str, Measure]
    mean_over: tuple[str, ...]
    settings: ScoreSettings
    name: str = ""

    @property
    def title(self) -> str:
        """What the detector is called in tables."""
        return self.name or self.detector

    def narrow(self, fold: str) -> dict[str, Any]:
        """Return the fields, by name, whose values are those of one fold alone."""
        return {"cells": tuple(cell for cell in self.cells if cell.fold == fold)}

    @property
    def is_diagnostic(self) -> bool:
        """Whether the protocol stands beside those of the paper, never in place of one."""
        return self.protocol == Protocol.P3_FAMILY

    @property
    def place(self) -> str:
        """The protocol; for a fold of a diagnostic protocol alone, the name of the fold."""
        folds = {cell.fold for cell in self.cells}
        return printable(min(folds)) if self.is_diagnostic and len(folds) == 1 else self.protocol

    @property
    def whole(self) -> Mapping[str, Measure]:
        """The mean over generators; for a fold of a family alone, the numbers of the family."""
        family = self._find_family()
        return self.mean if family is None else family.measures

    @property
    def whole_name(self) -> str:
        """What :attr:`whole` is called as a column: ``mean``, or the family."""
        family = self._find_family()
        return MEAN if family is None else family.generator

    def _find_family(self) -> Cell | None:
        """Return the cell of the family that the only fold holds out; None if there is none."""
        families = [cell for cell in self.cells if cell.part == FAMILY]
        return families[0] if self.is_diagnostic and len(families) == 1 else None

    @property
    def marks(self) -> Mapping[str, tuple[Mark, ...]]:
        """What sets the numbers of a fold apart, by the names of the folds with such marks."""
        return {}

    @property
    def fakes(self) -> Mapping[str, FakesRecord]:
        """The folders of fakes that are of no release, by the generator of their column."""
        return {}
