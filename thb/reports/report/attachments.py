"""Galleries and tables of explanations that lie in a run folder, for the report."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from thb.reports.report.section import folded, markdown, plain
from thb_dataset.errors import ResultError
from thb_dataset.html_page import embed_picture

_GALLERIES: Final = "gallery-*.png"
_LOOKS: Final = "explanations-*.md"
_WIDEST: Final = 1600
"""Pixels: a wider sheet is scaled down, so that the report can still be sent by mail."""
_QUALITY: Final = 85


def find_attachments(folders: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return the galleries and the tables of explanations in run folders, by name."""
    galleries: list[Path] = []
    looks: list[Path] = []
    for folder in dict.fromkeys(folders):
        galleries += sorted(folder.glob(_GALLERIES))
        looks += sorted(folder.glob(_LOOKS))
    return galleries, looks


def write_gallery(path: Path) -> str:
    """Return a gallery as HTML: the sheet, scaled down if it is large.

    Raises:
        ResultError: The file is not a picture.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as sheet:
            picture = sheet.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ResultError(f"{path} is not a gallery that thb gallery drew: {error}") from error
    if picture.width > _WIDEST:
        picture.thumbnail((_WIDEST, picture.height))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    name = f"{path.parent.name}/{path.name}"
    image = embed_picture(file.getvalue(), "jpeg", alt=f"videos picked by rule, {name}")
    return f"<figure>{image}<figcaption>{plain(name)}</figcaption></figure>"


def write_looks(path: Path) -> str:
    """Return a table of where a detector looked, as the Markdown that thb explain-split wrote.

    Raises:
        ResultError: The file is not text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ResultError(f"{path} is not a table that thb explain-split wrote: {error}") from error
    return folded(f"{path.parent.name}/{path.name}", markdown(text))
