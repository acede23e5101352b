"""``thb report``: everything that runs have measured, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from thb.commands.options import (
    BOOTSTRAP,
    FORMAT,
    NO_FACE,
    BootstrapOption,
    FormatOption,
    NamesOption,
    NoFaceOption,
    OutputFormat,
    QuietOption,
)
from thb.commands.out_places import is_file_place
from thb.commands.output import write_json, write_line

PAGE: Final = "report.html"


def report(
    *,
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run folders that thb evaluate wrote, predictions.parquet, or results as JSON.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE|DIR", help="The page (.html) or its folder.")
    ] = Path(PAGE),
    name: NamesOption = None,
    no_face: NoFaceOption = NO_FACE,
    n_bootstrap: BootstrapOption = BOOTSTRAP,
    output: FormatOption = FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Write what runs have measured as one HTML page.

    The page stands alone: it can be sent by mail, printed, and read on a phone. All numbers follow
    from the predictions; neither videos nor a detector are needed. Galleries of thb gallery and
    tables of thb explain-split are taken in from the run folders.

    JSON: file, the page that was written.

    Examples:
        thb report runs/baseline
        thb report runs/* --out paper/report.html
    """
    page = out if is_file_place(out, ".html") else out / PAGE
    from thb.evaluation.cells import ScoreSettings
    from thb.reports.report.report import report as write_report

    settings = ScoreSettings(no_face=no_face, n_bootstrap=n_bootstrap)
    file = write_report(runs, out=page, names=name or [], settings=settings, progress=not quiet)
    if output is OutputFormat.JSON:
        write_json({"file": str(file)})
        return
    write_line(str(file))
