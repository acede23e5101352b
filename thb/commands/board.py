"""``thb board``: the boards of a results repo."""

from __future__ import annotations

import typer

from thb.commands.board_build import build
from thb.commands.board_retire import retire

app = typer.Typer(no_args_is_help=True, help="Rank submissions of detectors and generators.")
app.command()(build)
app.command()(retire)


@app.callback()
def board() -> None:
    """Make the app a group; it does nothing by itself."""
