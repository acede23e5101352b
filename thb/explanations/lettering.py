"""Lettering on sheets and overlays: text that fits into a given width, and their legends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]

INK: Final[Colour] = (30, 30, 30)
PAPER: Final[Colour] = (255, 255, 255)

NOT_EVIDENCE: Final = "A hint at where the detector looked, not evidence."
SYNTHETIC: Final = "SYNTHETIC release: this says nothing about any real generator."
_DARK: Final[Colour] = (24, 24, 24)
_LIGHT: Final[Colour] = (235, 235, 235)
_SQUARE: Final = 10


@dataclass(frozen=True, kw_only=True)
class Legend:
    """What the colours of a picture mean, and what else must be known beside it.

    Attributes:
        colours: Each colour with its meaning.
        lines: Texts, each of which begins on a line of its own.
    """

    colours: Sequence[tuple[Colour, str]]
    lines: Sequence[str]

    def draw(self, width: int) -> npt.NDArray[np.uint8]:
        """Return the legend as a dark strip of a width: uint8 (H, width, 3), RGB."""
        size = 11 if width < 400 else 13
        font, step = find_font(size), round(size * 1.4)
        taken = sum(3 * _SQUARE + font.getlength(words) for _, words in self.colours)
        together = taken <= width - _SQUARE
        keys = [self.colours] if together else [[each] for each in self.colours]
        lines = [
            part for line in self.lines for part in wrap_lines(line, width - 2 * _SQUARE, font)
        ]
        height = step * (len(keys) + len(lines)) + _SQUARE
        strip = Image.new("RGB", (width, height), _DARK)
        draw, y = ImageDraw.Draw(strip), _SQUARE // 2
        for row in keys:
            x = _SQUARE
            for colour, words in row:
                draw.rectangle((x, y + 3, x + _SQUARE, y + 3 + _SQUARE), fill=colour)
                shown = shorten_line(words, width - x - 3 * _SQUARE, font)
                draw.text((x + 1.5 * _SQUARE, y), shown, fill=_LIGHT, font=font)
                x += int(3 * _SQUARE + font.getlength(words))
            y += step
        for line in lines:
            draw.text((_SQUARE, y), line, fill=_LIGHT, font=font)
            y += step
        return np.array(strip)


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
