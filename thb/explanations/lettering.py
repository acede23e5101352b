"""Lettering on the sheets: text that fits into a given width."""

from __future__ import annotations

from typing import Final

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]

INK: Final[Colour] = (30, 30, 30)
PAPER: Final[Colour] = (255, 255, 255)


def find_font(size: int) -> Font:
    """Return Pillow's own font at a size in pixels."""
    return ImageFont.load_default(size=size)


def shorten_line(text: str, width: int, font: Font) -> str:
    """Return a text without its middle, as far as it must go to fit into a width in pixels."""
    shown, kept = text, len(text)
    while kept > 8 and font.getlength(shown) > width:
        kept -= 2
        shown = f"{text[: kept // 2]}…{text[-(kept // 2) :]}"
    return shown


def wrap_lines(text: str, width: int, font: Font) -> list[str]:
    """Break a text between words into lines that fit into a width in pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
