"""``thb verify-result``: recompute a result from its predictions and compare every value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from thb.commands.options import FORMAT, FormatOption, OutputFormat
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import EXIT_FINDING, say

if TYPE_CHECKING:
    from thb.evaluation.verification import Verification

DIFFERENCES_SHOWN: Final = 50


def verify_result(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="The file result-<protocol>.json.")
    ],
    predictions: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PREDICTIONS]...",
            help="Files predictions.parquet, or folders that are searched for them. (default: "
            "the folders of the folds beside the result)",
            show_default=False,
        ),
    ] = None,
    output: FormatOption = FORMAT,
) -> None:
    """Recompute a result and compare every value.

    The predictions give its numbers, intervals, hashes and records again. Exit code 1: a
    value is not what the predictions give; each one is named. Exit code 3: a file cannot be read.

    JSON: file, agrees, folds, differences (each with place, recorded and recomputed) and notes.

    Examples:
        thb verify-result runs/baseline/result-p3.json
        thb verify-result result-p1.json predictions.parquet --format json
    """
    from thb.evaluation.verification import verify_result as verify

    found = verify(result, predictions or ())
    if output is OutputFormat.JSON:
        write_json(found.to_dict())
    else:
        _write(found)
    if not found.agrees:
        raise typer.Exit(EXIT_FINDING)


def _write(found: Verification) -> None:
    for difference in found.differences[:DIFFERENCES_SHOWN]:
        write_line(escape(str(difference)))
    if len(found.differences) > DIFFERENCES_SHOWN:
        write_line(
            f"… and {len(found.differences) - DIFFERENCES_SHOWN} more (--format json names all)"
        )
    folds = ", ".join(found.folds)
    if found.agrees:
        write_line(f"{escape(found.file)} is what its predictions give ({folds})")
    else:
        count = len(found.differences)
        values = "1 value is" if count == 1 else f"{count} values are"
        write_line(f"{escape(found.file)}: {values} not what the predictions give ({folds})")
    for note in found.notes:
        say(f"note: {escape(note)}")
