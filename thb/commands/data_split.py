"""``thb data split``: train, validation and test sets that share no person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from thb.commands.options import (
    FACE_PACK,
    FORMAT,
    MAX_PIXELS,
    MAX_SECONDS,
    FacePackOption,
    FormatOption,
    MaxPixelsOption,
    MaxSecondsOption,
    OutputFormat,
    QuietOption,
)
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import EXIT_FINDING, EXIT_OK

RATIOS: Final = (0.8, 0.1, 0.1)


def split(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of videos, searched with its subfolders.")
    ],
    ratios: Annotated[
        tuple[float, float, float],
        typer.Option("--ratios", help="Shares of train, validation and test."),
    ] = RATIOS,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    output: FormatOption = FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Split a folder of videos so that no person is in two splits.

    No file is moved: the plan goes to stdout, one line per video. The same videos always give the
    same plan. A video of several people stays with the videos of each of them. Exit code 1: some
    videos could not be placed.

    JSON: assignments (the split of each video), groups (the videos that belong together), wanted
    and achieved shares, threshold, unread (the reason for each video that was not placed), and
    ignored (the files that are no videos).

    Examples:
        thb data split VIDEOS
        thb data split VIDEOS --ratios 0.7 0.15 0.15 --format json
    """
    from thb.preprocessing.settings import Preparation
    from thb.releases.identity_splits import split_folder
    from thb_dataset.records import Split

    plan = split_folder(
        folder,
        ratios=dict(zip(Split, ratios, strict=True)),
        preparation=Preparation(
            face_pack=face_pack,
            max_pixels=max_pixels,
            max_seconds=max_seconds,
            progress=not quiet,
        ),
    )
    if output is OutputFormat.JSON:
        write_json(plan.to_dict())
    else:
        for name, chosen in plan.assignments.items():
            write_line(f"{chosen}\t{escape(name)}")
        for name, reason in plan.unread.items():
            write_line(f"none\t{escape(name)}\t{escape(reason)}")
        for name in plan.ignored:
            write_line(f"none\t{escape(name)}\tnot a video")
    raise typer.Exit(EXIT_FINDING if plan.unread else EXIT_OK)
