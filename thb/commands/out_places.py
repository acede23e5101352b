"""Where results go: a file whose ending the verb can write, or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import typer

from thb_dataset.files import VIDEO_SUFFIXES

_FILES: Final = VIDEO_SUFFIXES | {
    *(".bmp", ".csv", ".gif", ".html", ".jpeg", ".jpg", ".json", ".md", ".mp4", ".npz", ".parquet"),
    *(".pdf", ".png", ".svg", ".txt", ".webp", ".zip"),
}
"""Endings of files, after which nobody would call a folder."""


def is_file_place(out: Path, ending: str | None) -> bool:
    """Return whether a place is a file to write; otherwise it is a folder.

    Args:
        out: The place, as it was given.
        ending: The ending of the file that the verb writes; None if it writes folders only.

    Raises:
        typer.BadParameter: The place has the ending of a file that the verb cannot write.
    """
    given = out.suffix.lower()
    if out.is_dir() or given not in _FILES:
        return False
    if given == ending:
        return True
    instead = "name a folder" if ending is None else f"name a file ending in {ending}, or a folder"
    raise typer.BadParameter(
        f"{out} ends in {out.suffix}, which cannot be written; {instead}", param_hint="--out"
    )
