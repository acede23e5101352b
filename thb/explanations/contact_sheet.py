"""One picture of what a detector saw of a video: the crops, and the same with their heat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from thb.explanations.heat import AGAINST, FOR, paint_heat

if TYPE_CHECKING:
    from thb.explanations.explanation import Explanation

CROPS: Final = 12
"""Crops on a sheet at most, evenly over those that were seen."""

COLUMNS: Final = 6
CROP_SIDE: Final = 176
GAP: Final = 8
HEADER: Final = 76
CAPTION: Final = 18
INK, PAPER = (30, 30, 30), (255, 255, 255)


def draw_sheet(explanation: Explanation) -> Image.Image:
    """Draw the contact sheet: a header, then pairs of rows, plain above and with heat below."""
    clips, frames = explanation.heat.shape[:2]
    chosen = np.unique(np.linspace(0, clips * frames - 1, min(CROPS, clips * frames)).round())
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    cell_width, cell_height = CROP_SIDE + GAP, 2 * CROP_SIDE + CAPTION + GAP
    width = max(GAP + columns * cell_width, 4 * cell_width)
    sheet = Image.new("RGB", (width, HEADER + rows * cell_height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    _write_header(draw, explanation, width)
    for number, place in enumerate(chosen.astype(int)):
        row, column = divmod(number, columns)
        corner = (GAP + column * cell_width, HEADER + row * cell_height)
        _draw_pair(sheet, draw, explanation, divmod(int(place), frames), corner)
    return sheet


def _draw_pair(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    explanation: Explanation,
    at: tuple[int, int],
    corner: tuple[int, int],
) -> None:
    x, y = corner
    plain = explanation.frames[at]
    hot = paint_heat(plain, explanation.heat_on_crop(*at), explanation.scale)
    logit = explanation.clip_logits[at[0]]
    caption = f"{explanation.seconds[at]:.2f} s   clip {at[0] + 1}: {logit:+.2f}"
    draw.text((x, y), caption, fill=INK, font=_font(13))
    for number, picture in enumerate((plain, hot)):
        shown = Image.fromarray(picture).resize((CROP_SIDE, CROP_SIDE), Image.Resampling.BICUBIC)
        sheet.paste(shown, (x, y + CAPTION + number * CROP_SIDE))


def _write_header(draw: ImageDraw.ImageDraw, explanation: Explanation, width: int) -> None:
    other = "real" if explanation.target == "fake" else "fake"
    name = _shorten(draw, explanation.path.name, width - 2 * GAP, 18)
    draw.text((GAP, GAP), name, fill=INK, font=_font(18))
    facts = f"{explanation.detector}: P(fake) {explanation.score:.3f}"
    draw.text((GAP, GAP + 24), _shorten(draw, facts, width - 2 * GAP, 14), fill=INK, font=_font(14))
    x = GAP
    for colour, words in ((FOR, f"speaks for {explanation.target}"), (AGAINST, f"for {other}")):
        draw.rectangle((x, GAP + 48, x + 14, GAP + 60), fill=colour)
        draw.text((x + 20, GAP + 46), words, fill=INK, font=_font(13))
        x += 40 + int(draw.textlength(words, font=_font(13)))
    draw.text((x, GAP + 46), "numbers: the clip's logit, above 0 is fake", fill=INK, font=_font(13))


def _shorten(draw: ImageDraw.ImageDraw, text: str, width: int, size: int) -> str:
    """Cut a text in the middle until it fits."""
    shown, kept = text, len(text)
    while kept > 8 and draw.textlength(shown, font=_font(size)) > width:
        kept -= 2
        shown = f"{text[: kept // 2]}…{text[-(kept // 2) :]}"
    return shown


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
