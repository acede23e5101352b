"""Two detectors on the same videos: how far apart they are, and whether the videos can tell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from metrics.talking_head_detection.roc import GRADED_FROM
from thb.evaluation.tables import RESOLUTION_NOTE, TITLES
from thb.reports.tables.contests import SIGNIFICANT
from thb.runtime.text import markdown_row, printable

if TYPE_CHECKING:
    import pandas as pd

_FEW: Final = "‡"
_COLUMNS: Final = ("", "generator", "fake, real", "difference", "p", "p, Holm", "p, DeLong", "")
_NOTES: Final = (
    "Brackets hold the 95 % interval of the difference, and p its two-sided p-value: both detectors"
    " are measured on the same resamples of drivers and portraits. Holm's p allows for the number"
    " of rows of a metric. DeLong's p takes every video to be independent.",
    f"{_FEW} fewer than {GRADED_FROM} fakes or real videos: intervals and p-values are rough, and"
    " there is no verdict.",
)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far two detectors are apart in one number, over the videos that both scored.

    Attributes:
        metric: ``auc``, ``t1`` or ``t01``.
        generator: The generator of the fakes; ``mean`` for the mean over the generators.
        n_fake: The number of fakes.
        n_real: The number of real videos.
        first: The first detector's number.
        second: The second detector's number.
        difference: The first number minus the second.
        low: The lower end of the 95 % interval of the difference, by the paired bootstrap over
            drivers and portraits; None if there is too little to resample.
        high: The upper end of that interval.
        p_value: The two-sided p-value of "both are equal", by the same resamples.
        adjusted: The p-value after Holm's adjustment for the number of rows of this metric.
        delong_p_value: DeLong's p-value of the AUC, which takes every video to be independent;
            None for other metrics and for the mean.
        few: Whether there are fewer than 100 fakes or real videos.
        below_resolution: Whether there are fewer real videos than 1 / target, so that a single one
            decides T1 or T0.1.
    """

    metric: str
    generator: str
    n_fake: int
    n_real: int
    first: float
    second: float
    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    adjusted: float | None = None
    delong_p_value: float | None = None
    few: bool = False
    below_resolution: bool = False

    @property
    def better(self) -> str | None:
        """``first`` or ``second`` if that one is better beyond noise; None if nobody can say."""
        unsure = self.few or self.below_resolution
        if unsure or self.adjusted is None or self.adjusted >= SIGNIFICANT:
            return None
        return "first" if self.difference > 0 else "second"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two detectors on one protocol.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``.
        first: What the first detector is called.
        second: What the second one is called.
        differences: A row for each metric and generator, and one for each metric's mean.

    Examples:
        >>> found = thb.compare("runs/tall", "runs/tall", protocol="p1", n_bootstrap=20)
        >>> float(found.to_pandas()["difference"].abs().max())
        0.0
    """

    protocol: str
    first: str
    second: str
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        rows = [{**asdict(row), "better": row.better} for row in self.differences]
        return {**asdict(self), "differences": rows}

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each metric and generator."""
        import pandas as pd

        return pd.DataFrame(self.to_dict()["differences"])

    def to_markdown(self) -> str:
        """Return the table in Markdown, and what its marks mean."""
        first, second = printable(self.first), printable(self.second)
        columns = [*_COLUMNS[:3], self.first, self.second, *_COLUMNS[3:]]
        lines = [
            f"**{self.protocol.upper()}: {first} minus {second}**",
            "",
            markdown_row(columns),
            markdown_row(["---"] * 3 + ["---:"] * 6 + ["---"]),
            *(markdown_row(self._write_row(row)) for row in self.differences),
            "",
            *_NOTES,
            RESOLUTION_NOTE,
            "",
        ]
        return "\n".join(lines)

    def _write_row(self, row: Difference) -> list[str]:
        name = {"first": self.first, "second": self.second}.get(row.better or "")
        mark = "†" if row.below_resolution else ""
        interval = ""
        if row.low is not None and row.high is not None:
            interval = f" [{row.low:+.2f}, {row.high:+.2f}]"
        return [
            TITLES[row.metric],
            row.generator,
            f"{row.n_fake}, {row.n_real}{_FEW if row.few else ''}",
            f"{row.first:.3f}{mark}",
            f"{row.second:.3f}{mark}",
            f"{row.difference:+.3f}{interval}",
            *map(_write_p, (row.p_value, row.adjusted, row.delong_p_value)),
            f"{name} is better" if name else "cannot tell",
        ]

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _write_p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
