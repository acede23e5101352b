"""``thb tables``: the paper's tables from runs, beside the figures that it prints."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from thb.commands.options import (
    BOOTSTRAP,
    NO_FACE,
    BootstrapOption,
    NamesOption,
    NoFaceOption,
    ProtocolChoice,
)
from thb.commands.output import write_drawing, write_json, write_line

PROTOCOL: Final = "all"


class PaperFormat(StrEnum):
    """How the paper's tables are written to stdout."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    HTML = "html"
    JSON = "json"


def tables(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            help="Run folders, files predictions.parquet, or results as JSON.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        ProtocolChoice, typer.Option("--protocol", help="The protocol to show; all: every one.")
    ] = PROTOCOL,
    published: Annotated[
        bool | None,
        typer.Option(
            "--published/--no-published",
            help="Show all seven detectors of the paper in rows of their own, or none of its "
            "figures. (default: its figures beside the detectors that it has)",
            show_default=False,
        ),
    ] = None,
    name: NamesOption = None,
    no_face: NoFaceOption = NO_FACE,
    n_bootstrap: BootstrapOption = BOOTSTRAP,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Also write the tables there, a file for each format."
        ),
    ] = None,
    output: Annotated[
        PaperFormat, typer.Option("--format", help="Format of stdout.")
    ] = PaperFormat.TEXT,
) -> None:
    """Print the paper's tables for your detectors.

    Tables 5, 6 and 7 are P1, P2 and P3; the test-only generators have tables of their own. The
    paper's figures stand beside the numbers. These are computed anew from predictions; results
    without predictions are taken as they are, and nothing is bold then. Grades and bold numbers
    follow T1. Without RUN, --published prints the paper's tables alone. Runs with results of the
    diagnostic p3-family have a table for each of its folds after them, without the paper's figures.

    JSON: tables (columns, lines and their cells, with interval, published figure, difference,
    grade and best), contests (the comparisons behind bold numbers), and notes.

    Examples:
        thb tables runs/* --protocol p3 --format latex
        thb tables runs/baseline runs/tall --published --out paper
    """
    from thb.commands.out_places import is_file_place
    from thb.reports.tables.paper_tables import tables as make_tables

    if out is not None:
        is_file_place(out, None)
    made = make_tables(
        runs or [],
        protocol=protocol,
        published=published,
        names=name or [],
        no_face=no_face,
        n_bootstrap=n_bootstrap,
    )
    if out is not None:
        made.save(out)
    writers = {
        PaperFormat.MARKDOWN: made.to_markdown,
        PaperFormat.LATEX: made.to_latex,
        PaperFormat.CSV: made.to_csv,
        PaperFormat.HTML: made.to_html,
    }
    if output is PaperFormat.TEXT:
        write_drawing(made.print)
    elif output is PaperFormat.JSON:
        write_json(made.to_dict())
    else:
        write_line(writers[output]().rstrip("\n"))
