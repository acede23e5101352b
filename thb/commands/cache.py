"""``thb cache``: the face crops and identities kept on disk, and how to make room."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from thb.commands.options import FORMAT, FormatOption, OutputFormat
from thb.commands.output import write_json, write_line
from thb.runtime.console import say

if TYPE_CHECKING:
    from thb_dataset.clips.disk_store import StoreInfo

MAX_SIZE: Final = "50G"
_UNITS: Final = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

app = typer.Typer(no_args_is_help=True, help="Show or prune the face crops kept on disk.")


@app.callback()
def cache() -> None:
    """Make the app a group; it does nothing by itself."""


@app.command()
def info(output: FormatOption = FORMAT) -> None:
    """Show the folder, the number of entries and their size.

    JSON: folder, entries, bytes and max_bytes.

    Examples:
        thb cache info
        thb cache info --format json
    """
    from thb.runtime.cache import cache_info

    _write(cache_info(), output)


@app.command()
def prune(
    max_size: Annotated[
        str,
        typer.Option("--max-size", metavar="SIZE", help="Keep at most this much: 500M, 20G, 0."),
    ] = MAX_SIZE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Remove nothing, and say what would be left.")
    ] = False,
    output: FormatOption = FORMAT,
) -> None:
    """Remove the entries that were unused for longest until the rest fits.

    JSON: folder, entries, bytes and max_bytes, as they are afterwards; with --dry-run as they would
    be.

    Examples:
        thb cache prune --max-size 20G
        thb cache prune --max-size 0 --dry-run
    """
    from thb.runtime.cache import cache_info, prune_cache

    before = cache_info()
    after = prune_cache(parse_size(max_size), dry_run=dry_run)
    gone, room = before.entries - after.entries, (before.bytes - after.bytes) / 2**20
    _write(after, output)
    if dry_run:
        say(f"dry run: {gone} entries, {room:.1f} MiB, would be removed; nothing was")
    else:
        say(f"removed {gone} entries, {room:.1f} MiB")


def parse_size(text: str) -> int:
    """Read ``500M`` or ``20GiB`` as bytes; units are powers of 1024.

    Raises:
        typer.BadParameter: It is not a size.
    """
    match = re.fullmatch(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[kmgt]?)(i?b)?", text.strip().lower())
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is not a size; write 500M or 20G", param_hint="--max-size"
        )
    return int(float(match["number"]) * _UNITS[match["unit"]])


def _write(info: StoreInfo, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        write_json(info.to_dict())
    else:
        write_line(
            f"{info.folder}: {info.entries} entries, {info.bytes / 2**20:.1f} MiB"
            f" of at most {info.max_bytes / 2**30:.0f} GiB"
        )
