"""``thb board init``: the files of a new results repo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from thb.commands.options import FORMAT, RELEASE, FormatOption, OutputFormat
from thb.commands.output import escape, write_json, write_line

REPO: Final = "ORG/results"


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the new repo.")],
    repo: Annotated[
        str,
        typer.Option("--repo", metavar="ORG/NAME", help="The id that it will have on the Hub."),
    ] = REPO,
    release: Annotated[
        str,
        typer.Option(
            "--release",
            metavar="ORG/NAME",
            help="The release that its submissions are tested on, optionally with @REVISION.",
        ),
    ] = RELEASE,
    output: FormatOption = FORMAT,
) -> None:
    """Write the files of a new results repo.

    They are a README (how to submit, the tiers, the rules) and a workflow of two jobs, which
    checks pull requests. Upload the folder: hf upload ORG/NAME DIR . --repo-type dataset

    JSON: files, the paths that were written.

    Examples:
        thb board init my-results
        thb board init my-results --repo ORG/results --release ORG/NAME@COMMIT
    """
    from thb.boards.repository import init_board

    written = init_board(folder, repo=repo, release=release)
    if output is OutputFormat.JSON:
        write_json({"files": [str(path) for path in written]})
        return
    for path in written:
        write_line(escape(str(path)))
