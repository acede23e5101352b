"""The paper's own figures, as data: Tables 5 to 7, D.9, D.10 and 8 of TalkingHeadBench.

``results.csv`` and ``transitions.csv`` hold what the camera-ready paper and its supplement print.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from thb.evaluation.cells import METRICS
from thb_dataset.records import TRAINING_GENERATORS

MODEL_TYPES: Final[Mapping[str, str]] = {
    "caddm": "CADDM",
    "df_adapter": "DeepFake-Adapter",
    "lipfd": "LipFD",
    "tall": "TALL",
}
"""The paper's name of each detector that the toolkit has, by its name in the toolkit."""
_PREFIX: Final = "thb_"
"""What a ``model_type`` has in front of the detector's name."""


def name_in_paper(detector: str) -> str:
    """Return what the paper calls a detector; other names stay as they are.

    Args:
        detector: A name in the toolkit (``tall``), a ``model_type`` (``thb_tall``), or the paper's
            name of a detector.
    """
    return MODEL_TYPES.get(detector.removeprefix(_PREFIX), detector)


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedCell:
    """The numbers that the paper prints for one detector, protocol and generator.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``.
        detector: The paper's name of the detector.
        generator: The generator, spelled like the folders of the release.
        numbers: AUC, T1, T0.1 and Brier by name, with two decimals; the supplement has no Brier.
        source: Where the paper prints them.
    """

    protocol: str
    detector: str
    generator: str
    numbers: Mapping[str, float]
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTransition:
    """A row of the paper's Table 8: fakes found with confidence in P1 and missed in P3.

    Attributes:
        detector: The paper's name of the detector.
        generator: The generator.
        true_positives: The fakes that P1's detector found with P(fake) of 0.9 or more.
        false_negatives: Those of them that P3's detector missed.
    """

    detector: str
    generator: str
    true_positives: int
    false_negatives: int


@cache
def read_published() -> tuple[PublishedCell, ...]:
    """Return every cell of the paper's tables."""
    return tuple(
        PublishedCell(
            protocol=row["protocol"].lower(),
            detector=row["detector"],
            generator=row["generator"],
            numbers={name: float(row[name]) for name in METRICS if row[name]},
            source=row["source"],
        )
        for row in _read_rows("results.csv")
    )


@cache
def read_published_transitions() -> tuple[PublishedTransition, ...]:
    """Return the rows of the paper's Table 8."""
    return tuple(
        PublishedTransition(
            detector=row["detector"],
            generator=row["generator"],
            true_positives=int(row["p1_true_positives"]),
            false_negatives=int(row["p3_false_negatives"]),
        )
        for row in _read_rows("transitions.csv")
    )


def find_published(protocol: str, detector: str) -> dict[str, PublishedCell]:
    """Return a detector's cells of a protocol, by generator; empty if the paper has none.

    Args:
        protocol: ``p1``, ``p2`` or ``p3``.
        detector: A detector, as :func:`name_in_paper` takes it.
    """
    name = name_in_paper(detector)
    cells = (
        cell for cell in read_published() if (cell.protocol, cell.detector) == (protocol, name)
    )
    return {cell.generator: cell for cell in cells}


def average_published(protocol: str, detector: str, metric: str) -> float | None:
    """Return the mean of a published number over the six generators; None if one is missing.

    The paper prints no means. Its numbers have two decimals, so a mean is known to about 0.002.
    """
    cells = find_published(protocol, detector)
    try:
        values = [cells[name].numbers[metric] for name in TRAINING_GENERATORS]
    except KeyError:
        return None
    return sum(values) / len(values)


def _read_rows(name: str) -> Iterator[dict[str, str]]:
    text = resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())
