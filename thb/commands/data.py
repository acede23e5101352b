"""``thb data``: look at a release before anything is built on it."""

from __future__ import annotations

import typer

from thb.commands.data_split import split
from thb.commands.data_statistics import statistics
from thb.commands.data_verify import verify

app = typer.Typer(no_args_is_help=True, help="Look at a release.")
app.command()(verify)
app.command()(split)
app.command()(statistics)


@app.callback()
def data() -> None:
    """Make the app a group; it does nothing by itself."""
