"""``thb figures``: the paper's figures from predictions, from results, or from the paper alone."""

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
    ProtocolChoice,
    QuietOption,
)
from thb.commands.out_places import is_file_place
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import say

FIGURES: Final = (
    "fig2a",
    "fig2b",
    "fig2c",
    "fig3",
    "roc",
    "histograms",
    "reliability",
    "transport",
)
ALL: Final = "all"


def figures(  # noqa: PLR0913 — one parameter per option
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            help="Run folders, files predictions.parquet or result-*.json; none for the paper's "
            "numbers alone.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the figures.")],
    figure: Annotated[
        list[str] | None,
        typer.Option(
            "--figure",
            metavar="NAME,…",
            help=f"Only these: {', '.join(FIGURES)}. (default: all)",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        ProtocolChoice,
        typer.Option("--protocol", help="The protocol to show; all: every one there is."),
    ] = "all",
    published: Annotated[
        bool,
        typer.Option(
            "--published/--no-published", help="Show the numbers that the paper prints, too."
        ),
    ] = True,
    published_only: Annotated[
        bool, typer.Option("--published-only", help="Show only the numbers that the paper prints.")
    ] = False,
    name: NamesOption = None,
    no_face: NoFaceOption = NO_FACE,
    n_bootstrap: BootstrapOption = BOOTSTRAP,
    output: FormatOption = FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Draw the paper's figures, as PNG and SVG.

    T1 by protocol (fig2a) and by generator (fig2c), TPR by false-alarm rate (fig2b), radars (fig3),
    and for each detector and protocol its ROC, scores, reliability and thresholds. Predictions give
    all of them; results give fig2a, fig2c and fig3. Figures of a synthetic or another release say
    so. Each fold of the diagnostic p3-family has figures of its own, without the paper's numbers.

    JSON: figures, each with figure, title, caption, alt, notes and files; left_out, each with
    figure and reason.

    Examples:
        thb figures runs/baseline runs/tall --out figures
        thb figures --published-only --figure fig2a,fig3 --out figures
    """
    if published_only and runs:
        raise typer.BadParameter("name no RUN with it", param_hint="--published-only")
    if not runs and not published:
        raise typer.BadParameter("without a RUN nothing is left", param_hint="--no-published")
    kinds = _choose_figures(figure or [ALL])
    is_file_place(out, None)
    from thb.evaluation.cells import ScoreSettings
    from thb.reports.figures.choice import PROTOCOLS, FigureChoice
    from thb.reports.figures.writing import figures as write_figures

    written = write_figures(
        runs or [],
        out=out,
        choice=FigureChoice(
            kinds=kinds,
            protocols=PROTOCOLS if protocol == ALL else [protocol],
            published=published,
        ),
        names=name or [],
        settings=ScoreSettings(no_face=no_face, n_bootstrap=n_bootstrap),
        progress=not quiet,
    )
    if output is OutputFormat.JSON:
        write_json(written.to_dict())
        return
    for drawn in written.figures:
        write_line(escape(f"{drawn.title}: {', '.join(map(str, drawn.files))}"))
    for left in written.omitted:
        say(escape(f"left out: {left.kind}: {left.reason}"))


def _choose_figures(given: list[str]) -> list[str]:
    """Return the figures to draw.

    Raises:
        typer.BadParameter: There is no such figure.
    """
    names = [name.strip().lower() for text in given for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in (*FIGURES, ALL)]
    if unknown or not names:
        raise typer.BadParameter(
            f"{', '.join(unknown) or 'nothing'} is none of {', '.join(FIGURES)}, {ALL}",
            param_hint="--figure",
        )
    return list(FIGURES) if ALL in names else names
