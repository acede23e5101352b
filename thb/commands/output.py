"""Data on stdout, from the main process only: JSON, lines or tables."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from thb.commands.options import ResultFormat
from thb.runtime.console import say
from thb.runtime.progress import is_main_process
from thb.runtime.records import replace_not_finite
from thb.runtime.text import escape as escape  # noqa: PLC0414 — the commands know it from here

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from thb.evaluation.result import Result
    from thb.prediction.calls import Grounds

CALL_KEYS: Final = ("verdict", "verdict_sentence", "caveat", "threshold")
"""What :meth:`thb.prediction.calls.Call.to_dict` gives; null for a video without a score."""

WIDEST = 400
"""Columns of a table that is not written to a terminal, unless ``COLUMNS`` is set."""


def write_line(text: str) -> None:
    """Write a line, or several.

    Raises:
        SystemExit: The reader (a pager, ``head``) has gone, which is not an error: code 0.
    """
    if not is_main_process():
        return
    try:
        print(text, flush=True)  # noqa: T201 — stdout is for data
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def write_json(value: Mapping[str, Any]) -> None:
    """Write one JSON document.

    JSON has no NaN and no infinity. A number that is not finite is written as null, and the key
    ``not_finite`` says where it stands and what it was.
    """
    faults: dict[str, str] = {}
    value = replace_not_finite(value, faults)
    if faults:
        value = {**value, "not_finite": faults}
    # JSON has no \xe9, with which stdout spells a letter that its encoding lacks; \u00e9 it has.
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    write_line(json.dumps(value, indent=2, ensure_ascii=ascii_only, allow_nan=False))


def write_table(table: Table) -> None:
    """Write a table, folded to ``COLUMNS`` or the terminal; in a pipe it is as wide as it needs.

    On a terminal too narrow for its words it is wider than that: no number is cut off.
    """

    def draw(console: Console) -> None:
        options = console.options.update(max_width=WIDEST)
        console.width = max(console.width, console.measure(table, options=options).minimum)
        console.print(table)

    write_drawing(draw)


def write_drawing(draw: Callable[[Console], None]) -> None:
    """Write what a result draws on a console."""
    console = _console()
    with console.capture() as captured:
        draw(console)
    write_line(captured.get().rstrip("\n"))


def _console() -> Console:
    from rich.console import Console

    chosen = os.environ.get("COLUMNS", "")
    if sys.stdout.isatty() or chosen.isdigit():
        return Console(width=int(chosen) if chosen.isdigit() else None)
    return Console(width=WIDEST)


def say_grounds(grounds: Grounds) -> None:
    """Say on stderr why a detector gives no verdict, and what must stand beside all of them."""
    if grounds.fault is not None and not grounds.untrained:
        say(f"note: no verdict: {grounds.fault}")
    if grounds.banner is not None:
        say(f"warning: {grounds.banner}")


def write_results(results: Sequence[Result], output: ResultFormat) -> None:
    """Write results as the paper's tables, one per protocol, or as JSON or CSV."""
    if output is ResultFormat.JSON:
        write_json({"results": [result.to_dict() for result in results]})
        return
    if output is ResultFormat.CSV:
        from thb.evaluation.csv_table import csv_table

        write_line(csv_table(results).removesuffix("\n"))
        return
    from thb.evaluation.tables import markdown_table, notes
    from thb.evaluation.terminal_tables import print_results

    if output is ResultFormat.MARKDOWN:
        write_line("\n\n".join([markdown_table(results), *notes(results)]))
        return
    write_drawing(lambda console: print_results(results, console))
