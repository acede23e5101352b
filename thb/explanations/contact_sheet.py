"""Contact sheets: the crops that a detector saw, and the same crops with heat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from thb.explanations.heat import AGAINST, FOR, PaintedCrop, Picture
from thb.explanations.lettering import (
    INK,
    NOT_EVIDENCE,
    PAPER,
    find_font,
    shorten_line,
    wrap_lines,
)

COLUMNS: Final = 6
CROP_SIDE: Final = 176
GAP: Final = 8
CAPTION: Final = 18
NARROWEST: Final = 4 * (CROP_SIDE + GAP)
SMALL: Final = 13
STEP: Final = 18
"""The height of a line of small print."""


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """The crops of one video with the heat of one layer.

    Attributes:
        facts: The name of the layer and what is known of its map.
        crops: The crops in the order of time, as many as there are in every other row.
    """

    facts: str
    crops: Sequence[PaintedCrop]


def draw_sheet(
    crops: Sequence[PaintedCrop],
    *,
    title: str,
    facts: Sequence[str],
    colours: tuple[str, str],
    zero: str,
) -> Image.Image:
    """Draw the contact sheet: a header, then the crops, each plain above and with heat below.

    Args:
        crops: The crops in the order of time, one or more.
        title: The first line of the header, such as the name of the video.
        facts: The lines below, such as the verdict, and the detector with its layer.
        colours: What heat above zero and heat below zero mean.
        zero: What no colour means.
    """
    columns = min(COLUMNS, len(crops))
    cell_height = 2 * CROP_SIDE + CAPTION + GAP
    width = max(GAP + columns * (CROP_SIDE + GAP), NARROWEST)
    notes = f"{zero} Numbers: the score of the clip alone. {NOT_EVIDENCE}"
    head = _draw_head(width, title, facts, colours, notes)
    sheet = _extend(head, -(-len(crops) // columns) * cell_height + GAP)
    draw = ImageDraw.Draw(sheet)
    for number, crop in enumerate(crops):
        row, column = divmod(number, columns)
        x, y = GAP + column * (CROP_SIDE + GAP), head.height + row * cell_height
        draw.text((x, y), crop.caption, fill=INK, font=find_font(SMALL))
        _paste(sheet, crop.plain, x, y + CAPTION)
        _paste(sheet, crop.painted, x, y + CAPTION + CROP_SIDE)
    return sheet


def draw_layers(
    rows: Sequence[LayerRow],
    *,
    title: str,
    facts: Sequence[str],
    colours: tuple[str, str],
    zero: str,
) -> Image.Image:
    """Draw a video as several layers show it: plain crops, then a row of heat for each layer.

    Args:
        rows: The rows, one or more, each with the same crops.
        title: The first line of the header.
        facts: The lines below.
        colours: What heat above zero and heat below zero mean.
        zero: What no colour means.
    """
    width = max(GAP + len(rows[0].crops) * (CROP_SIDE + GAP), NARROWEST)
    head = _draw_head(width, title, facts, colours, f"{zero} {NOT_EVIDENCE}")
    row_height = CROP_SIDE + CAPTION + GAP
    sheet = _extend(head, (1 + len(rows)) * row_height + GAP)
    draw, y = ImageDraw.Draw(sheet), head.height
    plain = [(crop.plain, crop.caption) for crop in rows[0].crops]
    for column, (picture, caption) in enumerate(plain):
        x = GAP + column * (CROP_SIDE + GAP)
        draw.text((x, y), caption, fill=INK, font=find_font(SMALL))
        _paste(sheet, picture, x, y + CAPTION)
    for row in rows:
        y += row_height
        facts_font = find_font(SMALL)
        line = shorten_line(row.facts, width - 2 * GAP, facts_font)
        draw.text((GAP, y), line, fill=INK, font=facts_font)
        for column, crop in enumerate(row.crops):
            _paste(sheet, crop.painted, GAP + column * (CROP_SIDE + GAP), y + CAPTION)
    return sheet


def _draw_head(
    width: int, title: str, facts: Sequence[str], colours: tuple[str, str], notes: str
) -> Image.Image:
    """Draw the title, the facts, what the colours mean, and notes in as many lines as needed."""
    small = find_font(SMALL)
    wrapped = wrap_lines(notes, width - 2 * GAP, small)
    height = 2 * GAP + 24 + 20 * len(facts) + STEP * (1 + len(wrapped))
    head = Image.new("RGB", (width, height), PAPER)
    draw, y = ImageDraw.Draw(head), GAP
    for line, size in ((title, 18), *((fact, 14) for fact in facts)):
        font = find_font(size)
        draw.text((GAP, y), shorten_line(line, width - 2 * GAP, font), fill=INK, font=font)
        y += 24 if size == 18 else 20
    x = GAP
    for colour, words in zip((FOR, AGAINST), colours, strict=True):
        draw.rectangle((x, y + 2, x + 14, y + 14), fill=colour)
        draw.text((x + 20, y), words, fill=INK, font=small)
        x += 40 + int(draw.textlength(words, font=small))
    for line in wrapped:
        y += STEP
        draw.text((GAP, y), line, fill=INK, font=small)
    return head


def _extend(head: Image.Image, height: int) -> Image.Image:
    sheet = Image.new("RGB", (head.width, head.height + height), PAPER)
    sheet.paste(head, (0, 0))
    return sheet


def _paste(sheet: Image.Image, picture: Picture, x: int, y: int) -> None:
    side = (CROP_SIDE, CROP_SIDE)
    shown = Image.fromarray(picture).resize(side, Image.Resampling.BICUBIC)
    sheet.paste(shown, (x, y))
