"""The rows of tables and figures: one detector on one protocol, ours or a published one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from thb.evaluation.cells import FAMILY, METRICS, Measure, ProtocolNumbers
from thb.reports.published import (
    average_published,
    find_published,
    name_in_paper,
    read_published,
)
from thb_dataset.records import Generator


@dataclass(frozen=True, kw_only=True)
class Row:
    """The numbers of one detector on one protocol.

    Attributes:
        detector: The name that is shown.
        protocol: ``p1``, ``p2`` or ``p3``; for a diagnostic protocol the fold, whose cells also
            hold the family as a whole.
        published: Whether the paper printed the numbers; they have no intervals.
        cells: The measures by generator and metric, for the generators that the protocol tests.
        extra: The same for the test-only generators, by fold and generator.
        mean: The mean over the generators, by metric.
    """

    detector: str
    protocol: str
    published: bool = False
    cells: Mapping[str, Mapping[str, Measure]] = field(default_factory=dict)
    extra: Mapping[tuple[str, str], Mapping[str, Measure]] = field(default_factory=dict)
    mean: Mapping[str, Measure] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The detector's name, and whether the numbers are the paper's."""
        return f"{self.detector} (paper)" if self.published else self.detector


def make_row(result: ProtocolNumbers, name: str | None = None) -> Row:
    """Return the row of a result.

    Args:
        result: The numbers of a detector on a protocol.
        name: The name to show; None for what the detector is called in tables.
    """
    return Row(
        detector=name or result.title,
        protocol=result.place,
        cells={
            cell.generator: cell.measures for cell in result.cells if cell.part in ("test", FAMILY)
        },
        extra={
            (cell.fold, cell.generator): cell.measures
            for cell in result.cells
            if cell.part == "extra"
        },
        mean=result.mean,
    )


def make_published_row(protocol: str, detector: str) -> Row | None:
    """Return the row that the paper prints for a detector; None if there is none.

    Args:
        protocol: ``p1``, ``p2`` or ``p3``.
        detector: A ``model_type``, or the paper's name of a detector.
    """
    found = find_published(protocol, detector)
    if not found:
        return None
    measured = {
        name: {metric: Measure(value=value) for metric, value in cell.numbers.items()}
        for name, cell in found.items()
    }
    means = {metric: average_published(protocol, detector, metric) for metric in METRICS}
    return Row(
        detector=name_in_paper(detector),
        protocol=protocol,
        published=True,
        cells={name: cell for name, cell in measured.items() if name != Generator.MAGI_1},
        extra={
            (protocol, name): cell for name, cell in measured.items() if name == Generator.MAGI_1
        },
        mean={metric: Measure(value=mean) for metric, mean in means.items() if mean is not None},
    )


def list_published_detectors() -> list[str]:
    """Return the paper's names of its detectors, in the order of its tables."""
    return list(dict.fromkeys(cell.detector for cell in read_published()))
