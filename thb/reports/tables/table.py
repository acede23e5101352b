"""A table as a value: what every format shows, before any format is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from thb.evaluation.cells import METRICS, Measure
from thb.evaluation.tables import Number, show
from thb_dataset.protocols import Protocol

GRADED: Final = "t1"
"""The metric that grades and bold numbers follow, as the paper's colours do."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One number of a table, with what stands beside it.

    Attributes:
        measure: The number and its intervals, rounded to 6 decimals.
        decimals: The decimals that are shown; the paper's figures have fewer.
        published: The paper's figure; None if it has none.
        published_decimals: The decimals of the paper's figure.
        difference: The number minus the paper's figure; None where the two cannot be compared.
        grade: The paper's word for a T1; None for other numbers and for few videos.
        best: Whether it is the highest of its column beyond noise.
    """

    measure: Measure
    decimals: int = 3
    published: float | None = None
    published_decimals: int = 2
    difference: float | None = None
    grade: str | None = None
    best: bool = False

    @property
    def number(self) -> Number:
        """The number and its interval, as every table shows them."""
        return show(self.measure, decimals=self.decimals)

    @property
    def published_text(self) -> str:
        """The paper's figure; empty if there is none."""
        return "" if self.published is None else f"{self.published:.{self.published_decimals}f}"

    @property
    def difference_text(self) -> str:
        """The difference from the paper's figure with its sign; empty if there is none."""
        if self.difference is None:
            return ""
        text = f"{abs(self.difference):.{self.published_decimals}f}"
        if not float(text):
            return f"±{text}"
        return f"{'−' if self.difference < 0 else '+'}{text}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "value": self.measure.value,
            "low": self.measure.low,
            "high": self.measure.high,
            "below_resolution": self.measure.below_resolution,
            "published": self.published,
            "difference": self.difference,
            "grade": self.grade,
            "best": self.best,
        }


@dataclass(frozen=True, kw_only=True)
class Videos:
    """The videos behind the numbers of a detector in one column.

    Attributes:
        fold: The name of the fold; empty for a mean over folds and for the paper's figures.
        n_fake: The number of fakes; None if it is not known.
        n_real: The number of real videos; None if it is not known.
        problem: Why there are no numbers; None if there are.
    """

    fold: str = ""
    n_fake: int | None = None
    n_real: int | None = None
    problem: str | None = None

    @property
    def text(self) -> str:
        """How many fakes and real videos there are; empty if it is not known."""
        if self.n_fake is None or self.n_real is None:
            return ""
        return f"{self.n_fake} fake, {self.n_real} real"


@dataclass(frozen=True, kw_only=True)
class Line:
    """The numbers of one detector, in a table of test-only generators those of one fold.

    Attributes:
        detector: The name that is shown.
        kind: The ``model_type``; empty for the paper's figures.
        symbols: The symbols of the marks that stand beside the name.
        fold: The fold; empty in tables with a fold for each column.
        printed: Whether the paper printed the numbers.
        entries: The numbers by column and metric; a column without numbers is missing.
        videos: The videos behind them by column.
    """

    detector: str
    kind: str = ""
    symbols: str = ""
    fold: str = ""
    printed: bool = False
    entries: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    videos: Mapping[str, Videos] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name with the symbols of its marks, and whether the paper printed the numbers."""
        name = f"{self.detector} (paper)" if self.printed else self.detector
        return f"{name} {self.symbols}".rstrip()

    def find(self, column: str, metric: str) -> Entry | None:
        """Return the number of a column; None if there is none."""
        return self.entries.get(column, {}).get(metric)

    def grade(self, column: str) -> str | None:
        """Return the grade of a column; None if it has none."""
        entry = self.find(column, GRADED)
        return entry.grade if entry else None


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of the paper, with other detectors.

    Attributes:
        label: What the paper calls it, for instance ``Table 5``; ``Diagnostic`` for a fold of
            ``p3-family``, which the paper does not have.
        title: A heading that names the protocol and the release.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        part: ``test``, or ``extra`` for the test-only generators.
        split_by: The reading of the release's splits.
        release: The names of the releases; empty for a table of the paper's figures alone.
        columns: The generators, and at the end of tables of part ``test`` the ``mean``, or the
            family that the fold holds out.
        counts: How many videos a column compares, in words, by column.
        lines: The detectors, the best first, the paper's below them.
    """

    label: str
    title: str
    protocol: str
    part: str
    split_by: str
    release: str
    columns: tuple[str, ...]
    counts: Mapping[str, str]
    lines: tuple[Line, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that at least one line has."""
        return tuple(
            name
            for name in METRICS
            if any(line.find(column, name) for line in self.lines for column in self.columns)
        )

    @property
    def of_paper(self) -> bool:
        """Whether the paper has such a table."""
        return self.protocol != Protocol.P3_FAMILY

    @property
    def graded(self) -> bool:
        """Whether any number has a grade."""
        return any(line.grade(column) for line in self.lines for column in self.columns)

    @property
    def folded(self) -> bool:
        """Whether each line is of one fold."""
        return any(line.fold for line in self.lines)

    @property
    def compared(self) -> bool:
        """Whether any number has a figure of the paper beside it."""
        return any(
            entry.published is not None
            for line in self.lines
            for entries in line.entries.values()
            for entry in entries.values()
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        names = ("label", "title", "protocol", "part", "split_by", "release")
        return {
            **{name: getattr(self, name) for name in names},
            "columns": [{"name": name, "videos": self.counts.get(name)} for name in self.columns],
            "lines": [self._line_to_dict(line) for line in self.lines],
        }

    def _line_to_dict(self, line: Line) -> dict[str, Any]:
        names = ("detector", "kind", "symbols", "fold", "printed")
        cells = []
        for column in self.columns:
            videos = line.videos.get(column)
            if videos is None and column not in line.entries:
                continue
            videos = videos or Videos()
            cells.append(
                {
                    "column": column,
                    "fold": videos.fold,
                    "n_fake": videos.n_fake,
                    "n_real": videos.n_real,
                    "problem": videos.problem,
                    **{
                        metric: entry.to_dict()
                        for metric, entry in line.entries.get(column, {}).items()
                    },
                }
            )
        return {**{name: getattr(line, name) for name in names}, "cells": cells}


@dataclass(frozen=True, kw_only=True)
class Contest:
    """The comparison of the two highest T1 of a column.

    Attributes:
        table: The label of the table.
        release: The name of the release.
        column: The column.
        first: The detector with the highest T1.
        second: The next one.
        difference: The difference of the two T1 on the videos that both scored.
        p_value: The two-sided p-value of a paired bootstrap over drivers and portraits.
        adjusted: The p-value after Holm's adjustment over the comparisons of the table.
    """

    table: str
    release: str
    column: str
    first: str
    second: str
    difference: float
    p_value: float
    adjusted: float


@dataclass(frozen=True, kw_only=True)
class TableSet:
    """Tables that are shown together, with the notes below them.

    Attributes:
        tables: The tables, in the order of the paper.
        contests: The comparisons behind the bold numbers.
        notes: Sentences on methods, marks and whatever is left out.
    """

    tables: tuple[Table, ...]
    contests: tuple[Contest, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "tables": [table.to_dict() for table in self.tables],
            "contests": [dict(vars(contest)) for contest in self.contests],
            "notes": list(self.notes),
        }
