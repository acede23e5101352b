"""Table 4 of the paper from a release: its videos by generator and split, beside the published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from thb.evaluation.terminal_tables import start_table
from thb.releases.opening import DEFAULT_RELEASE, scan_release_named
from thb.reports.tables.latex import escape_latex
from thb.runtime.csv_text import write_csv
from thb.runtime.text import markdown_row, print_fitting, print_text, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Drawing

    from thb_dataset.release.audit import CountRow

VALIDATION_NOTE: Final = (
    "The paper has no validation videos: it counts them as train or as test. The differences count "
    "them on the side that fits the paper better."
)
DIFFERENCE_NOTE: Final = "A difference is the count here minus the published one."
_HEADINGS: Final = {
    "name": "",
    "train": "train",
    "validation": "val",
    "test": "test",
    "total": "all",
    "published_train": "paper train",
    "published_test": "paper test",
    "published_total": "paper all",
    "validation_as": "val as",
    "train_difference": "diff. train",
    "test_difference": "diff. test",
    "total_difference": "diff. all",
    "removed": "removed",
}
_OF_THE_PAPER: Final = 5
"""Where the columns begin that a synthetic release has not."""


@dataclass(frozen=True, kw_only=True)
class VideoCount:
    """The videos of one generator, of one real dataset, or of all of a kind.

    Attributes:
        name: The generator, the real dataset, ``all fakes`` or ``all real videos``.
        train: The number of videos in the train block.
        validation: The number of videos in the val block.
        test: The number of videos in the test block.
        published_total: The number of videos in the paper; None if there is none to compare with.
        published_train: The train videos among them; None for real videos.
        published_test: The test videos among them; None for real videos.
        validation_as: On which side the validation videos fit the paper better, ``train`` or
            ``test``; ``both`` in a sum of such, None where there is nothing to compare.
        train_difference: Train videos here minus those of the paper.
        test_difference: Test videos here minus those of the paper.
        removed: The share of generated videos that the paper's curation removed.
        artifacts: The faults of the removed videos, by the paper.
    """

    name: str
    train: int
    validation: int
    test: int
    published_total: int | None = None
    published_train: int | None = None
    published_test: int | None = None
    validation_as: str | None = None
    train_difference: int | None = None
    test_difference: int | None = None
    removed: float | None = None
    artifacts: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """The number of all videos."""
        return self.train + self.validation + self.test

    @property
    def total_difference(self) -> int | None:
        """All videos here minus those of the paper."""
        return None if self.published_total is None else self.total - self.published_total

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            **asdict(self),
            "artifacts": list(self.artifacts),
            "total": self.total,
            "total_difference": self.total_difference,
        }


@dataclass(frozen=True, kw_only=True)
class ReleaseStatistics:
    """How many videos a release has, by generator and split.

    Attributes:
        release: The name of the release.
        revision: Its commit, or the digest of its listing.
        synthetic: Whether its videos are drawn; they are not compared with the paper then.
        counts: The generators and their sum, then the real datasets and theirs.
    """

    release: str
    revision: str | None
    synthetic: bool
    counts: tuple[VideoCount, ...]

    @property
    def title(self) -> str:
        """A heading that names the release."""
        kind = "SYNTHETIC release" if self.synthetic else "release"
        return f"Table 4: videos of the {kind} {printable(self.release)}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the columns mean."""
        return () if self.synthetic else (DIFFERENCE_NOTE, VALIDATION_NOTE)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "release": self.release,
            "revision": self.revision,
            "synthetic": self.synthetic,
            "counts": [count.to_dict() for count in self.counts],
            "notes": list(self.notes),
        }

    def to_markdown(self) -> str:
        """Return the table and its notes as Markdown."""
        head, *rows = self._list_rows()
        lines = [f"**{self.title}**", "", markdown_row(head)]
        lines.append(markdown_row(["---", *["---:"] * (len(head) - 1)]))
        lines += [markdown_row(row) for row in rows]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def to_latex(self) -> str:
        """Return the table as LaTeX, which needs booktabs and graphicx."""
        head, *rows = ([escape_latex(text) for text in row] for row in self._list_rows())
        body = [" & ".join(row) + r" \\" for row in rows]
        return "\n".join(
            [
                r"\begin{table*}",
                r"\centering",
                f"\\caption{{{escape_latex(f'{self.title}. ' + ' '.join(self.notes))}}}",
                r"\resizebox{\textwidth}{!}{%",
                f"\\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
                r"\toprule",
                " & ".join(head) + r" \\",
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}}",
                r"\end{table*}",
                "",
            ]
        )

    def to_csv(self) -> str:
        """Return one row for each generator and real dataset, with a header."""
        names = [name or "name" for name in _HEADINGS]
        rows = (
            {
                **count.to_dict(),
                "artifacts": "; ".join(count.artifacts),
                "release": self.release,
            }
            for count in self.counts
        )
        return write_csv([*names, "artifacts", "release"], rows)

    def print(self, console: Console) -> None:
        """Print the table, with fewer columns where they do not fit, and the notes."""
        print_text(self.title, console, style="bold")
        narrow = {"removed", "published_train", "published_test", "validation_as"}
        print_fitting([self._draw(frozenset()), self._draw(narrow)], console)
        for note in self.notes:
            print_text(note, console)

    def _list_rows(self, left_out: Iterable[str] = ()) -> list[list[str]]:
        names = [name for name in _HEADINGS if name not in left_out]
        if self.synthetic:
            names = [name for name in names if name in list(_HEADINGS)[:_OF_THE_PAPER]]
        rows = [[_show(name, getattr(count, name)) for name in names] for count in self.counts]
        return [[_HEADINGS[name] for name in names], *rows]

    def _draw(self, left_out: Iterable[str]) -> Drawing:
        (name, *headings), *rows = self._list_rows(left_out)
        drawing = start_table(name)
        for heading in headings:
            # A heading of two words has two lines, so that a count keeps its column narrow.
            drawing.add_column(heading.replace(" ", "\n"), justify="right", no_wrap=True)
        for count, row in zip(self.counts, rows, strict=True):
            drawing.add_row(*row, end_section=count.name.startswith("all "))
        return drawing


def count_release(
    release: str | Path = DEFAULT_RELEASE, *, split_list: str = "default"
) -> ReleaseStatistics:
    """Count the videos of a release by generator and split, beside the published counts.

    Args:
        release: A folder, a Hub id, or ``"mini"``.
        split_list: The list of real videos to read: ``"default"`` or ``"official_ff++"``.

    Raises:
        ReleaseError: The release cannot be read.

    Examples:
        >>> counted = thb.count_release("release")
        >>> hallo = counted.counts[0]
        >>> counted.synthetic, hallo.name, hallo.train, hallo.validation, hallo.test
        (True, 'Hallo', 1, 1, 1)
    """
    from thb_dataset.records import Generator
    from thb_dataset.release.audit import count_videos

    scanned = scan_release_named(release, split_list=split_list)
    rows = count_videos(scanned.videos, split_list=scanned.split_list, synthetic=scanned.synthetic)
    generators = {str(name) for name in Generator}
    fakes = [_read_row(row, scanned.synthetic) for row in rows if row.name in generators]
    reals = [_read_row(row, scanned.synthetic) for row in rows if row.name not in generators]
    return ReleaseStatistics(
        release=scanned.name,
        revision=scanned.revision,
        synthetic=scanned.synthetic,
        counts=(*fakes, _sum("all fakes", fakes), *reals, _sum("all real videos", reals)),
    )


def _read_row(row: CountRow, synthetic: bool) -> VideoCount:
    from thb_dataset.release.published_counts import PUBLISHED_FAKES

    published = None
    if not synthetic:
        published = next((own for name, own in PUBLISHED_FAKES.items() if name == row.name), None)
    count = VideoCount(
        name=row.name,
        train=row.train,
        validation=row.validation,
        test=row.test,
        published_total=row.published_total,
        published_train=row.published_train,
        published_test=row.published_test,
        removed=published.removed if published else None,
        artifacts=published.artifacts if published else (),
    )
    return _compare(count)


def _compare(count: VideoCount) -> VideoCount:
    """Return a count with its differences from the paper, which has no validation videos."""
    if count.published_train is None or count.published_test is None:
        return count
    train, test = count.train - count.published_train, count.test - count.published_test
    if not count.validation:
        return replace(count, train_difference=train, test_difference=test)
    sides = {
        "train": (train + count.validation, test),
        "test": (train, test + count.validation),
    }
    side = min(sides, key=lambda name: sum(map(abs, sides[name])))
    return replace(
        count, validation_as=side, train_difference=sides[side][0], test_difference=sides[side][1]
    )


def _sum(name: str, counts: Sequence[VideoCount]) -> VideoCount:
    def add(read: Callable[[VideoCount], int | None]) -> int | None:
        values = [read(count) for count in counts]
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    sides = {count.validation_as for count in counts} - {None}
    return VideoCount(
        name=name,
        validation_as=sides.pop() if len(sides) == 1 else ("both" if sides else None),
        train_difference=add(lambda count: count.train_difference),
        test_difference=add(lambda count: count.test_difference),
        train=sum(count.train for count in counts),
        validation=sum(count.validation for count in counts),
        test=sum(count.test for count in counts),
        published_total=add(lambda count: count.published_total),
        published_train=add(lambda count: count.published_train),
        published_test=add(lambda count: count.published_test),
    )


def _show(name: str, value: Any) -> str:  # noqa: ANN401 — any cell of the table
    """Return a cell: a dash if there is nothing, a sign before a difference."""
    if value is None:
        return "–"
    if name == "removed":
        return f"{100 * value:.0f} %" if round(100 * value, 1) % 1 == 0 else f"{100 * value:.1f} %"
    if name.endswith("_difference"):
        return "0" if value == 0 else f"{value:+d}".replace("-", "−")
    return str(value)
