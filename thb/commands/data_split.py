"""``thb data split``: train, validation and test without one person in two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thb.commands.options import FacePackOption, FormatOption, OutputFormat, QuietOption
from thb.commands.output import escape, write_json, write_line


def split(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Videos, in any folders below.")],
    ratios: Annotated[
        tuple[float, float, float],
        typer.Option("--ratios", help="Shares of train, validation and test."),
    ] = (0.8, 0.1, 0.1),
    face_pack: FacePackOption = "embedded",
    output: FormatOption = OutputFormat.TEXT,
    quiet: QuietOption = False,
) -> None:
    """Share a folder's videos out so that no person is in two splits.

    Nothing is moved: the plan is written to stdout. The same videos give the same plan. Exit
    code 1 says that some videos could not be placed.
    """
    from thb.preprocessing.settings import Preparation
    from thb.releases.identity_splits import split_folder
    from thb_dataset.records import Split

    plan = split_folder(
        folder,
        ratios=dict(zip(Split, ratios, strict=True)),
        preparation=Preparation(face_pack=face_pack, progress=not quiet),
    )
    if output is OutputFormat.JSON:
        write_json(plan.to_dict())
    else:
        for name, chosen in plan.assignments.items():
            write_line(f"{chosen}\t{escape(name)}")
        for name, reason in plan.unread.items():
            write_line(f"none\t{escape(name)}\t{escape(reason)}")
    raise typer.Exit(1 if plan.unread else 0)
