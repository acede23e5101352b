"""What is found of the fakes of a new generator, as values; ``detectability.json`` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from thb.robustness.features import FeatureArea

FORMAT: Final = "thb-detectability/2"
RATES: Final = {"t1": "1 %", "t01": "0.1 %"}
"""The rates of false alarms, by metric, in words."""


@dataclass(frozen=True, kw_only=True)
class Caught:
    """The share of the fakes that a detector catches at one threshold.

    The intervals are those of the fakes; the threshold is taken as it is.

    Attributes:
        threshold: The score from which a video is called fake; None if none is.
        source: Where the threshold comes from, in words.
        hits: The number of fakes that reach it.
        fakes: The number of fakes with a score.
        share: hits / fakes.
        low: The lower end of the exact 95 % interval, as if the videos were independent.
        high: Its upper end.
        cluster_low: The lower end of the bootstrap interval over drivers and portraits; None where
            the names of the files do not tell them.
        cluster_high: Its upper end.
        below_resolution: Whether there are too few real videos for one false alarm.
    """

    threshold: float | None
    source: str
    hits: int
    fakes: int
    share: float
    low: float
    high: float
    cluster_low: float | None = None
    cluster_high: float | None = None
    below_resolution: bool = False


@dataclass(frozen=True, kw_only=True)
class Known:
    """A generator that the fakes are compared with.

    Attributes:
        name: The generator.
        share: The share of its fakes that is caught at 1 %.
        low: The lower end of the 95 % interval; None without one.
        high: Its upper end.
    """

    name: str
    share: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Where the fakes would stand among known generators.

    Attributes:
        protocol: The protocol on which the known ones were measured.
        source: Where their numbers come from, in words.
        share: The share of the fakes that is caught at 1 %; the mean over the detectors at hand.
        low: The lower end of its 95 % interval.
        high: Its upper end.
        place: The rank among the known generators; 1 is the hardest to detect.
        place_low: The best place that the intervals leave possible.
        place_high: The worst one.
        known: The known generators, the hardest first.
    """

    protocol: str
    source: str
    share: float
    low: float
    high: float
    place: int
    place_low: int
    place_high: int
    known: tuple[Known, ...]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One detector on the fakes.

    Attributes:
        detector: Its reference.
        caught: The shares by metric, ``t1`` and ``t01``; without a threshold one is absent.
        unscored: How many fakes have no score, by the reason.
        scores: P(fake) of each fake that has one, by file name.
        neighbours: The place among the generators of the detector's own result; None without one.
    """

    detector: str
    caught: Mapping[str, Caught] = field(default_factory=dict)
    unscored: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    neighbours: Neighbours | None = None


@dataclass(frozen=True, kw_only=True)
class Detectability:
    """How detectable the fakes of a generator are.

    Attributes:
        format: The version of the format.
        fakes: The number of video files.
        reals: The number of real video files; None if none were given.
        findings: What each detector catches.
        neighbours: The place on a board, which other detectors measured; None without a board.
        features: How well single features of the files tell the fakes from the real videos.
        most: The most detectable fakes, by the mean of their ranks among the detectors.
        least: The least detectable ones, the least first.
        notes: Sentences that belong to the numbers.

    Examples:
        >>> found = thb.detectability("videos", ["runs/baseline/p3-hallo"])
        >>> found.fakes, [finding.detector for finding in found.findings]
        (4, ['baseline/p3-hallo'])
    """

    format: str = FORMAT
    fakes: int
    reals: int | None = None
    findings: tuple[Finding, ...]
    neighbours: Neighbours | None = None
    features: tuple[FeatureArea, ...] = ()
    most: tuple[str, ...] = ()
    least: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
