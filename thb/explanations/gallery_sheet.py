"""The sheet of a gallery: for each pick a row of plain crops, and below it the same with heat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from thb.explanations.heat import AGAINST, FOR, PaintedCrop
from thb.explanations.lettering import (
    INK,
    NOT_EVIDENCE,
    PAPER,
    SYNTHETIC,
    Colour,
    find_font,
    shorten_line,
    wrap_lines,
)
from thb.explanations.picks import KINDS, Pick

if TYPE_CHECKING:
    from detectors.explain import Target
    from thb.explanations.alarm import Alarm

CROPS: Final = 4
"""The most crops of a video."""

SIDE: Final = 150
GAP: Final = 6
MARGIN: Final = 16
COLUMNS: Final = 2
CELL: Final = (CROPS * (SIDE + GAP), 2 * SIDE + 62)
"""The width and height of a pick with its caption."""

EMPTY: Final = 66
"""The height of a row of picks that have no picture."""

WIDTH: Final = 2 * MARGIN + COLUMNS * CELL[0] + (COLUMNS - 1) * MARGIN
FAINT: Final[Colour] = (100, 100, 100)

Shown = tuple[Pick, Image.Image | None]
"""A pick and its crops; None where it has no picture."""


class GallerySheet:
    """A sheet to which folds are added, each below the one before.

    Args:
        target: The class that heat above zero speaks for.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._parts: list[Image.Image] = []

    def add_fold(
        self, fold: str, detector: str, alarms: Sequence[Alarm], shown: Sequence[Shown]
    ) -> None:
        """Add the picks of a fold, those of each generator together.

        Args:
            fold: The name of the fold.
            detector: The name of the detector, and the layer whose heat is shown.
            alarms: What the heat of each picture is measured against.
            shown: The picks of the fold, false alarms last.
        """
        self._parts.append(_draw_lines([f"{fold}: {detector}"], size=24))
        if alarms:
            # What holds for the least of the pictures holds for all.
            alarm = min(alarms, key=lambda alarm: alarm.is_zero)
            self._parts.append(_draw_key(alarm.name_colours(self._target)))
            self._parts.append(_draw_lines([alarm.explain_zero()], size=14, colour=FAINT))
        for generator in dict.fromkeys(pick.generator for pick, _ in shown):
            own = [(pick, crops) for pick, crops in shown if pick.generator == generator]
            heading = f"{fold}: fakes by {generator}" if generator else f"{fold}: real videos"
            self._parts.append(_draw_lines([heading], size=18))
            self._parts += [
                _draw_row(own[start : start + COLUMNS]) for start in range(0, len(own), COLUMNS)
            ]

    def draw(self, rules: Sequence[str], *, synthetic: bool) -> Image.Image:
        """Return the whole sheet.

        Args:
            rules: How the picks were made; they stand at the head of the sheet.
            synthetic: Warn that the release is synthetic.
        """
        texts = [*([SYNTHETIC] if synthetic else []), NOT_EVIDENCE, *rules]
        head = _draw_lines(texts, size=14, colour=FAINT)
        parts = [_draw_lines(["Where the detector looked"], size=28), head, *self._parts]
        sheet = Image.new("RGB", (WIDTH, sum(part.height for part in parts) + MARGIN), PAPER)
        y = 0
        for part in parts:
            sheet.paste(part, (0, y))
            y += part.height
        return sheet


def draw_crops(crops: Sequence[PaintedCrop]) -> Image.Image:
    """Draw up to ``CROPS`` crops of one video in a row, and below them the same with their heat."""
    picture = Image.new("RGB", (CELL[0], 2 * SIDE + GAP), PAPER)
    for column, crop in enumerate(crops):
        for row, pixels in enumerate((crop.plain, crop.painted)):
            shown = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            picture.paste(shown, (column * (SIDE + GAP), row * (SIDE + GAP)))
    return picture


def _draw_row(shown: Sequence[Shown]) -> Image.Image:
    height = CELL[1] if any(crops for _, crops in shown) else EMPTY
    row = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(row)
    for column, (pick, crops) in enumerate(shown):
        x = MARGIN + column * (CELL[0] + MARGIN)
        score = "" if pick.score is None else f", score {pick.score:.4f}: {pick.call}"
        _write(draw, (x, 0), f"{KINDS[pick.kind]}{score}", 15, INK)
        _write(draw, (x, 19), pick.video_id or pick.problem or "", 13, FAINT)
        if crops is not None:
            row.paste(crops, (x, 40))
        elif pick.video_id:
            _write(draw, (x, 40), f"no picture: {pick.problem}", 13, INK)
    return row


def _draw_key(colours: tuple[str, str]) -> Image.Image:
    """Draw what the two colours of heat mean."""
    part = Image.new("RGB", (WIDTH, 30), PAPER)
    draw = ImageDraw.Draw(part)
    font, x = find_font(14), MARGIN
    for colour, words in zip((FOR, AGAINST), colours, strict=True):
        draw.rectangle((x, 6, x + 14, 20), fill=colour)
        draw.text((x + 20, 4), words, fill=INK, font=font)
        x += 44 + int(draw.textlength(words, font=font))
    return part


def _draw_lines(texts: Sequence[str], *, size: int, colour: Colour = INK) -> Image.Image:
    """Draw texts one below the other, each wrapped to the width of the sheet."""
    font = find_font(size)
    lines = [line for text in texts for line in wrap_lines(text, WIDTH - 2 * MARGIN, font)]
    step = round(size * 1.35)
    part = Image.new("RGB", (WIDTH, step * len(lines) + size // 2), PAPER)
    draw = ImageDraw.Draw(part)
    for number, line in enumerate(lines):
        draw.text((MARGIN, size // 3 + number * step), line, fill=colour, font=font)
    return part


def _write(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, size: int, colour: Colour
) -> None:
    """Write a line that is no wider than a pick."""
    font = find_font(size)
    draw.text(corner, shorten_line(text, CELL[0] - GAP, font), fill=colour, font=font)
