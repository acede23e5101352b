"""The paper's tables from runs, and every format in which they can be had."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from thb.evaluation.cells import NoFacePolicy, ScoreSettings
from thb.reports.evaluations import read_evaluations
from thb.reports.tables.building import build_tables
from thb.reports.tables.html import write_fragment, write_page
from thb.reports.tables.latex import write_latex
from thb.reports.tables.markdown import write_markdown
from thb.reports.tables.table import TableSet
from thb.reports.tables.terminal import print_tables
from thb.reports.tables.tidy import write_csv
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class PaperTables(TableSet):
    """Tables 5 to 7 and those of the test-only generators, ready to be written.

    Results of the diagnostic ``p3-family`` have a table for each fold after them, without any
    figure of the paper.

    Every format shows the same numbers: they are rounded once, when the tables are built.

    Examples:
        >>> tables = thb.tables(["runs/tall"], n_bootstrap=20)
        >>> [path.name for path in tables.save("tables")]
        ['tables.md', 'tables.tex', 'tables.csv', 'tables.html', 'tables.json']
    """

    def to_markdown(self) -> str:
        """Return tables and notes as Markdown."""
        return write_markdown(self)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def to_latex(self) -> str:
        r"""Return the tables as LaTeX for ``\input``, with the paper's grades as colours."""
        return write_latex(self)

    def to_csv(self) -> str:
        """Return one row for each detector, protocol, fold, generator and metric."""
        return write_csv(self)

    def to_html(self) -> str:
        """Return a page that stands alone."""
        return write_page(self)

    def to_html_fragment(self) -> str:
        """Return a ``<section>`` for another page, with a style of its own."""
        return write_fragment(self)

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def print(self, console: Console) -> None:
        """Print the tables on a console, folded to its width."""
        print_tables(self, console)

    def save(self, folder: str | Path) -> list[Path]:
        """Write the tables in every format and return the files: ``tables.md`` and so on.

        Args:
            folder: The folder; it is created if it does not exist.

        Raises:
            OSError: A file cannot be written.
        """
        files = []
        for ending, write in _WRITERS.items():
            path = Path(folder) / f"tables.{ending}"
            with write_whole(path) as draft:
                draft.write_text(write(self), encoding="utf-8")
            files.append(path)
        return files


_WRITERS: Final[Mapping[str, Callable[[PaperTables], str]]] = {
    "md": PaperTables.to_markdown,
    "tex": PaperTables.to_latex,
    "csv": PaperTables.to_csv,
    "html": PaperTables.to_html,
    "json": PaperTables.to_json,
}


def tables(
    runs: Iterable[str | Path],
    *,
    protocol: str = "all",
    published: bool | None = None,
    names: Sequence[str] = (),
    no_face: NoFacePolicy = "exclude",
    n_bootstrap: int = 1000,
) -> PaperTables:
    """Make the paper's tables from predictions or results, beside the figures that it prints.

    Args:
        runs: Run folders, files ``predictions.parquet``, and results as JSON; none for the paper's
            tables alone.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``; ``all`` for every one that there is.
        published: Whether all detectors of the paper stand in rows of their own, too. None sets
            the paper's figures beside the detectors that it has, and False leaves them out.
        names: What the detector of each run folder with predictions is called, in order; empty to
            keep the names that they have.
        no_face: How a video without a face counts, where numbers are computed from predictions.
        n_bootstrap: The number of resamples of drivers and portraits; with few nothing is bold.

    Raises:
        ResultError: There is nothing to show, or a file is damaged.
        SettingsError: A path does not exist, or the names do not fit.

    Examples:
        >>> tables = thb.tables(["runs/tall"], protocol="p1", n_bootstrap=20)
        >>> tables.to_csv().splitlines()[0]
        'table,detector,kind,source,protocol,...'
    """
    evaluations = read_evaluations(
        runs,
        names=names,
        settings=ScoreSettings(no_face=no_face, n_bootstrap=n_bootstrap),
    )
    return make_paper_tables(build_tables(evaluations, protocol=protocol, published=published))


def make_paper_tables(built: TableSet) -> PaperTables:
    """Return built tables with every format in which they can be had."""
    return PaperTables(tables=built.tables, contests=built.contests, notes=built.notes)
