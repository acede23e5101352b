"""``thb board``: a results repo from its beginning to its boards."""

from __future__ import annotations

import typer

from thb.commands.board_check import check
from thb.commands.board_init import init
from thb.commands.board_rerun import rerun

app = typer.Typer(no_args_is_help=True, help="Make, check and rank a results repo.")
app.command()(init)
app.command()(check)
app.command()(rerun)


@app.callback()
def board() -> None:
    """Make the app a group; it does nothing by itself."""
