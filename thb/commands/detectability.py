"""``thb detectability``: what detectors catch of a folder of new fakes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from thb.commands.options import (
    BATCH_SIZE,
    FORMAT,
    PRECISION,
    BatchSizeOption,
    FormatOption,
    OutputFormat,
    PrecisionOption,
    QuietOption,
    WorkersOption,
)
from thb.commands.output import write_json, write_line
from thb.runtime.console import quiet_transformers, say

OUT: Final = Path("detectability")


def detectability(  # noqa: PLR0913 — one parameter per option
    *,
    videos: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder with fakes of one generator.")
    ],
    detectors: Annotated[
        list[str],
        typer.Option(
            "--detector",
            metavar="DETECTOR",
            help="A run folder or an id of a model repo; repeat it for several.",
        ),
    ],
    reals: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Real videos to read the thresholds and the shortcuts off. (default: those of each"
            " detector's own evaluation, or the threshold that it comes with)",
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|ORG/NAME", help="A results repo whose board of generators to compare with."
        ),
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            "--result",
            metavar="FILE",
            help="A result-p3.json of these detectors, whose generators to compare with; repeat it"
            " for several. (default: what lies beside the weights)",
        ),
    ] = None,
    protocol: Annotated[
        Literal["p1", "p2", "p3"],
        typer.Option("--protocol", help="The protocol of that board, and of those results."),
    ] = "p3",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the report.")] = OUT,
    batch_size: BatchSizeOption = BATCH_SIZE,
    precision: PrecisionOption = PRECISION,
    workers: WorkersOption = None,
    output: FormatOption = FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Say how detectable a folder of new fakes is.

    It tells what share each detector catches at 1 % and 0.1 % false alarms, the place among the
    generators of a board and of the detector's own result, with the places that chance allows, the
    most and the least detectable videos with pictures of where the first detector looked, and which
    single features of the files tell fakes from real videos. Files named
    portrait--driver--generator.mp4 also give intervals over drivers and portraits.

    JSON: fakes, reals, findings, neighbours, features, most, least and notes.

    Examples:
        thb detectability my_videos --reals REALS --detector runs/x/p3-hallo
        thb detectability my_videos --detector ORG/MODEL --board ORG/RESULTS
    """
    quiet_transformers()
    from thb.boards.detectability import detectability as examine
    from thb.boards.detectability_page import list_lines
    from thb.prediction.inference import PredictSettings
    from thb.runtime.records import to_json

    found = examine(
        videos,
        detectors,
        reals=reals,
        board=board,
        results=results or (),
        protocol=protocol,
        out=out,
        settings=PredictSettings(
            batch_size=batch_size, precision=precision, workers=workers, progress=not quiet
        ),
    )
    if output is OutputFormat.JSON:
        write_json(to_json(found))
    else:
        for line in list_lines(found):
            write_line(line)
    say(f"report: {out / 'detectability.html'}")
