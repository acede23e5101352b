"""``thb cache``: what the toolkit keeps on disk, and how to make room."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from thb.commands.options import FormatOption, OutputFormat
from thb.commands.output import write_json, write_line

if TYPE_CHECKING:
    from thb_dataset.clips.disk_store import StoreInfo

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

app = typer.Typer(no_args_is_help=True, help="Crops and identities kept on disk.")


@app.callback()
def cache() -> None:
    """Crops and identities kept on disk."""


@app.command()
def info(output: FormatOption = OutputFormat.TEXT) -> None:
    """Say where the store is and what it holds."""
    from thb.runtime.cache import clip_store_folder
    from thb_dataset.clips.disk_store import DiskStore

    _write(DiskStore(clip_store_folder()).info(), output)


@app.command()
def prune(
    max_size: Annotated[
        str,
        typer.Option("--max-size", metavar="SIZE", help="Keep at most this much: 500M, 20G, 0."),
    ] = "50G",
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Remove what was unused for longest until the store fits."""
    from thb.runtime.cache import clip_store_folder
    from thb_dataset.clips.disk_store import DiskStore

    _write(DiskStore(clip_store_folder()).prune(parse_size(max_size)), output)


def parse_size(text: str) -> int:
    """Read ``500M`` or ``20GiB`` as bytes; units are powers of 1024.

    Raises:
        typer.BadParameter: It is no size.
    """
    match = re.fullmatch(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[kmgt]?)(i?b)?", text.strip().lower())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no size; write 500M or 20G", param_hint="--max-size")
    return int(float(match["number"]) * _UNITS[match["unit"]])


def _write(info: StoreInfo, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        write_json(info.to_dict())
    else:
        write_line(
            f"{info.folder}: {info.entries} entries, {info.bytes / 2**20:.1f} MiB"
            f" of at most {info.max_bytes / 2**30:.0f} GiB"
        )
