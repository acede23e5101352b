"""Galleries and tables of explanations that lie in a run folder, for the report."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from thb.reports.report.section import folded, markdown
from thb.runtime.text import plain
from thb_dataset.errors import ResultError
from thb_dataset.html_page import embed_picture

if TYPE_CHECKING:
    from PIL import Image

_GALLERIES: Final = "gallery-*.png"
_LOOKS: Final = "explanations-*.md"
_WIDEST: Final = 1600
"""Pixels: a wider sheet is scaled down, so that the report can still be sent by mail."""
_QUALITY: Final = 85
_PAGE_SHAPE: Final = 1.3
"""Height over width of what fits a sheet of paper."""


def find_attachments(folders: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return the galleries and the tables of explanations in run folders, by name."""
    galleries: list[Path] = []
    looks: list[Path] = []
    for folder in dict.fromkeys(folders):
        galleries += sorted(folder.glob(_GALLERIES))
        looks += sorted(folder.glob(_LOOKS))
    return galleries, looks


def write_gallery(path: Path) -> str:
    """Return a gallery as HTML: its sheet, scaled down if it is large, in pieces for paper.

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
    name = f"{path.parent.name}/{path.name}"
    pieces = []
    for top, bottom in _find_pieces(picture):
        file = io.BytesIO()
        picture.crop((0, top, picture.width, bottom)).save(file, "JPEG", quality=_QUALITY)
        alt = f"videos picked by rule, {name}" if not top else ""
        pieces.append(embed_picture(file.getvalue(), "jpeg", alt=alt))
    caption = f"<figcaption>{plain(name)}</figcaption>"
    return f'<figure class="sheet">{"".join(pieces)}{caption}</figure>'


def _find_pieces(picture: Image.Image) -> list[tuple[int, int]]:
    """Return the tops and bottoms of pieces no higher than a page, cut where a row is empty."""
    import numpy as np

    pixels = np.asarray(picture)
    empty = np.flatnonzero((pixels == pixels[:, :1]).all(axis=(1, 2)))
    highest = round(_PAGE_SHAPE * picture.width)
    pieces, top = [], 0
    while top < picture.height:
        bottom = min(top + highest, picture.height)
        if bottom < picture.height:
            above = empty[(empty > top) & (empty <= bottom)]
            bottom = int(above[-1]) if above.size else bottom
        pieces.append((top, bottom))
        top = bottom
    return pieces


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
