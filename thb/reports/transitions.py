"""Transitions: fakes that are found with confidence in one protocol and missed in another.

The paper's Table 8 counts true positives of P1 with P(fake) of 0.9 or more that become false
negatives in P3: the videos are the same, so what changed is what the detector was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from thb.prediction.predictions import Prediction, Predictions
from thb.runs.provenance import FoldScoringRecord
from thb.runtime.records import to_json
from thb_dataset.errors import ResultError
from thb_dataset.records import Family

CONFIDENT = 0.9
"""The P(fake) from which the paper calls a true positive confident."""
MISSED_BELOW = 0.5
"""The P(fake) below which the paper counts a fake as missed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """One fake that was found with confidence before and is missed after.

    Attributes:
        video_id: The video.
        generator: Its generator.
        before: P(fake) in the first protocol.
        after: P(fake) in the second protocol.
        fold: The fold of the second protocol.
    """

    video_id: str
    generator: str
    before: float
    after: float
    fold: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratorTransitions:
    """A row of the table.

    Attributes:
        generator: The generator.
        compared: Its fakes that have a score in both protocols.
        true_positives: Those that the first protocol's detector found with confidence.
        false_negatives: Those of them that the second protocol's detector missed.
        confident_from: The P(fake) from which the first detector is confident.
        missed_below: The P(fake) below which the second detector misses a fake.
        highest_before: The highest P(fake) of these fakes in the first protocol.
        lowest_after: The lowest P(fake) that the confident true positives have in the second
            protocol; None if there are none.
    """

    generator: str
    compared: int
    true_positives: int
    false_negatives: int
    confident_from: float
    missed_below: float
    highest_before: float
    lowest_after: float | None

    @property
    def drop(self) -> float | None:
        """The share of the confident true positives that are missed; None if there are none."""
        return self.false_negatives / self.true_positives if self.true_positives else None


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """The transitions of one detector from one protocol to another.

    Attributes:
        detector: The ``model_type`` of the detector.
        before: The first protocol.
        after: The second protocol.
        quantile: The quantile of the first detector's scores of fakes that "confident" stands for;
            None if it stands for a fixed P(fake).
        rows: One row for each generator.
        videos: The fakes that are missed, the steepest fall first.
    """

    detector: str
    before: str
    after: str
    quantile: float | None
    rows: tuple[GeneratorTransitions, ...]
    videos: tuple[Transition, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        record: dict[str, Any] = to_json(self)
        for row, line in zip(record["rows"], self.rows, strict=True):
            row["drop"] = line.drop
        return record


def find_transitions(
    before: Iterable[Predictions],
    after: Iterable[Predictions],
    *,
    confident_from: float = CONFIDENT,
    quantile: float | None = None,
    missed_below: float | Mapping[str, float] = MISSED_BELOW,
) -> Transitions:
    """Count the fakes that are found with confidence in one protocol and missed in another.

    A fake is compared if both protocols scored it as a test video. Where a protocol has a fold for
    each generator, a fake is taken from the fold that tests its generator; where folds of families
    overlap, from that of the smallest family.

    Args:
        before: The predictions of every fold of the first protocol, for instance P1's only one.
        after: The predictions of every fold of the second protocol, by the same detector.
        confident_from: The P(fake) from which a true positive is confident.
        quantile: Let "confident" mean this quantile of the first detector's scores of fakes
            instead, within [0, 1): detectors whose probabilities are calibrated otherwise have few
            scores above 0.9.
        missed_below: The P(fake) below which a fake is missed, or one for each fold of ``after``,
            such as the folds' own thresholds.

    Raises:
        ResultError: There are no predictions, they do not name their protocol, differ in detector,
            or share no test fake, or a fold has no threshold.
    """
    if quantile is not None and not 0 <= quantile < 1:
        raise ResultError(f"a quantile is within [0, 1), not {quantile}")
    first, second = _join(before), _join(after)
    pairs = _pair_fakes(first, second)
    if quantile is not None:
        confident_from = _find_quantile([pair.before for pair in pairs], quantile)
    if isinstance(missed_below, Mapping):
        without = sorted({pair.fold for pair in pairs} - set(missed_below))
        if without:
            raise ResultError(f"{', '.join(without)}: there is no threshold; run thb calibrate")
    limits = {
        pair.fold: missed_below[pair.fold] if isinstance(missed_below, Mapping) else missed_below
        for pair in pairs
    }
    lost = [
        pair for pair in pairs if pair.before >= confident_from and pair.after < limits[pair.fold]
    ]
    return Transitions(
        detector=first.detector,
        before=first.protocol,
        after=second.protocol,
        quantile=quantile,
        rows=tuple(
            _count(generator, pairs, lost, confident_from, limits)
            for generator in sorted({pair.generator for pair in pairs})
        ),
        videos=tuple(sorted(lost, key=lambda pair: (pair.after - pair.before, pair.video_id))),
    )


def _pair_fakes(first: _Protocol, second: _Protocol) -> list[Transition]:
    """Return the fakes that both protocols have scored, with both scores."""
    if first.detector != second.detector:
        raise ResultError(
            f"the transitions of one detector are counted, not from {first.detector} to "
            f"{second.detector}"
        )
    shared = sorted(set(first.fakes) & set(second.fakes))
    if not shared:
        raise ResultError(
            f"{first.protocol} and {second.protocol} share no test fake that both have scored"
        )
    return [
        Transition(
            video_id=name,
            generator=str(first.rows[name].generator),
            before=first.fakes[name][0],
            after=second.fakes[name][0],
            fold=second.fakes[name][1],
        )
        for name in shared
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Protocol:
    """The scored test fakes of a protocol: P(fake) and fold, by video."""

    protocol: str
    detector: str
    rows: Mapping[str, Prediction]
    fakes: Mapping[str, tuple[float, str]]


def sort_folds(folds: Iterable[Predictions]) -> list[Predictions]:
    """Return the folds of a protocol so that of several with one fake the last is its own.

    Only the folds of families overlap: those of small families come last.

    Args:
        folds: The predictions of each fold.

    Raises:
        ResultError: Predictions do not name their fold.
    """
    given = list(folds)
    sizes = {family.value: len(family.generators) for family in Family}

    def measure(predictions: Predictions) -> int:
        if not isinstance(predictions.run, FoldScoringRecord):
            raise ResultError("the predictions do not name their protocol and fold")
        return -sizes.get(predictions.run.family or "", 1)

    return sorted(given, key=measure)


def _join(folds: Iterable[Predictions]) -> _Protocol:
    runs: list[FoldScoringRecord] = []
    rows: dict[str, Prediction] = {}
    fakes: dict[str, tuple[float, str]] = {}
    for predictions in sort_folds(folds):
        run = predictions.run
        assert isinstance(run, FoldScoringRecord)  # noqa: S101 — sort_folds keeps no other
        runs.append(run)
        for row in predictions.rows:
            if row.label == 1 and row.split == "test" and row.score is not None:
                rows[row.video_id] = row
                fakes[row.video_id] = (row.score, run.fold)
    names = {(run.protocol, run.detector.model_type) for run in runs}
    if len(names) != 1:
        found = ", ".join(sorted(f"{detector} {protocol}" for protocol, detector in names))
        raise ResultError(f"one protocol of one detector is compared, not {found or 'none'}")
    protocol, detector = names.pop()
    return _Protocol(protocol=protocol, detector=detector, rows=rows, fakes=fakes)


def _find_quantile(scores: list[float], quantile: float) -> float:
    """Return the score that the share ``quantile`` of all scores lies below."""
    ordered = sorted(scores)
    return ordered[min(len(ordered) - 1, math.floor(quantile * len(ordered)))]


def _count(
    generator: str,
    pairs: list[Transition],
    lost: list[Transition],
    confident_from: float,
    limits: Mapping[str, float],
) -> GeneratorTransitions:
    own = [pair for pair in pairs if pair.generator == generator]
    confident = [pair for pair in own if pair.before >= confident_from]
    return GeneratorTransitions(
        generator=generator,
        compared=len(own),
        true_positives=len(confident),
        false_negatives=sum(pair.generator == generator for pair in lost),
        confident_from=confident_from,
        missed_below=limits[own[0].fold],
        highest_before=max(pair.before for pair in own),
        lowest_after=min((pair.after for pair in confident), default=None),
    )
