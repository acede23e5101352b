"""``thb board check``: everything that is wrong with the submissions of a results repo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thb.commands.options import MARKDOWN_FORMAT, MarkdownFormat, MarkdownFormatOption
from thb.commands.output import write_json, write_line
from thb.runtime.console import EXIT_FINDING, say


def check(
    *,
    tree: Annotated[
        Path, typer.Argument(metavar="DIR", help="The tree of a pull request, or a whole repo.")
    ],
    base: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The tree that it is to be merged into: only what is new is checked, and nothing "
            "else may change. (default: check every submission)",
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|ORG/NAME",
            help="The release that was tested, to compare the rows with its folds; its videos are "
            "not needed. (default: none)",
        ),
    ] = None,
    other_release: Annotated[
        bool,
        typer.Option(
            "--other-release", help="Accept scores on a release that is not the published one."
        ),
    ] = False,
    output: MarkdownFormatOption = MARKDOWN_FORMAT,
) -> None:
    """Check the submissions of a results repo.

    Every number is computed anew, and every finding is named, in Markdown that is safe to post
    as a comment. Nothing that was submitted is run. Exit code 1: something is wrong.

    JSON: passed, checked (folders), unchanged (a count), findings (each with kind, place and
    message) and notes.

    Examples:
        thb board check my-results
        thb board check tree --base main --release ORG/NAME --format json
    """
    from thb.boards.checking import check_submissions

    found = check_submissions(tree, base=base, release=release, other_release=other_release)
    if output is MarkdownFormat.JSON:
        write_json(found.to_dict())
    else:
        write_line(found.to_markdown().rstrip("\n"))
    if not found.passed:
        say(found.summary)
        raise typer.Exit(EXIT_FINDING)
