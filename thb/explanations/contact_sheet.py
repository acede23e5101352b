"""The contact sheet of a video: the crops that a detector saw, and the same crops with heat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from thb.explanations.heat import AGAINST, FOR, PaintedCrop
from thb.explanations.lettering import INK, PAPER, find_font, shorten_line

if TYPE_CHECKING:
    from detectors.explain import Target

COLUMNS: Final = 6
CROP_SIDE: Final = 176
GAP: Final = 8
HEADER: Final = 76
CAPTION: Final = 18


def draw_sheet(
    crops: Sequence[PaintedCrop], *, title: str, facts: str, target: Target
) -> Image.Image:
    """Draw the contact sheet: a header, then the crops, each plain above and with heat below.

    Args:
        crops: The crops in the order of time, one or more.
        title: The first line of the header, such as the name of the video.
        facts: The second line, such as the detector and the score.
        target: The class that heat above zero speaks for.
    """
    columns = min(COLUMNS, len(crops))
    rows = -(-len(crops) // columns)
    cell_width, cell_height = CROP_SIDE + GAP, 2 * CROP_SIDE + CAPTION + GAP
    width = max(GAP + columns * cell_width, 4 * cell_width)
    sheet = Image.new("RGB", (width, HEADER + rows * cell_height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for line, y, size in ((title, GAP, 18), (facts, GAP + 24, 14)):
        font = find_font(size)
        draw.text((GAP, y), shorten_line(line, width - 2 * GAP, font), fill=INK, font=font)
    _draw_key(draw, target)
    for number, crop in enumerate(crops):
        row, column = divmod(number, columns)
        x, y = GAP + column * cell_width, HEADER + row * cell_height
        draw.text((x, y), crop.caption, fill=INK, font=find_font(13))
        for below, picture in enumerate((crop.plain, crop.painted)):
            side = (CROP_SIDE, CROP_SIDE)
            shown = Image.fromarray(picture).resize(side, Image.Resampling.BICUBIC)
            sheet.paste(shown, (x, y + CAPTION + below * CROP_SIDE))
    return sheet


def _draw_key(draw: ImageDraw.ImageDraw, target: Target) -> None:
    """Draw the third line of the header: what the colours and the numbers mean."""
    other = "real" if target == "fake" else "fake"
    font, x = find_font(13), GAP
    for colour, words in ((FOR, f"speaks for {target}"), (AGAINST, f"for {other}")):
        draw.rectangle((x, GAP + 48, x + 14, GAP + 60), fill=colour)
        draw.text((x + 20, GAP + 46), words, fill=INK, font=font)
        x += 40 + int(draw.textlength(words, font=font))
    draw.text((x, GAP + 46), "numbers: the clip's logit, above 0 is fake", fill=INK, font=font)
