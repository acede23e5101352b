"""The sheet of a gallery: for each pick a row of crops as seen, and one with their heat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from thb.explanations.gallery import KINDS, Pick
from thb.explanations.heat import AGAINST, FOR, paint_heat

if TYPE_CHECKING:
    from detectors.explain import Target
    from thb.explanations.explanation import Explanation

CROPS: Final = 4
"""Crops of a video at most, evenly over those that were seen."""

SIDE: Final = 150
GAP: Final = 6
MARGIN: Final = 16
COLUMNS: Final = 2
CELL: Final = (CROPS * (SIDE + GAP), 2 * SIDE + 62)
"""Width and height of a pick with its caption."""

EMPTY: Final = 66
"""Height of a row of picks that have no picture."""

WIDTH: Final = 2 * MARGIN + COLUMNS * CELL[0] + (COLUMNS - 1) * MARGIN
INK, FAINT, PAPER = (30, 30, 30), (100, 100, 100), (255, 255, 255)

Shown = tuple[Pick, Image.Image | None]


class GallerySheet:
    """A sheet that folds are added to, one below the other.

    Args:
        target: The class whose reasons are shown.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._parts: list[Image.Image] = []

    def add_fold(self, fold: str, detector: str, shown: Sequence[Shown]) -> None:
        """Add the picks of a fold, those of a generator together, false alarms last."""
        self._parts.append(_draw_lines([f"{detector}, {fold}"], size=24))
        for generator in dict.fromkeys(pick.generator for pick, _ in shown):
            own = [one for one in shown if one[0].generator == generator]
            heading = f"{fold}: fakes by {generator}" if generator else f"{fold}: real videos"
            self._parts.append(_draw_lines([heading], size=18))
            self._parts += [
                _draw_row(own[start : start + COLUMNS]) for start in range(0, len(own), COLUMNS)
            ]

    def draw(self, rules: Sequence[str], *, synthetic: bool) -> Image.Image:
        """Return the whole sheet, the rules at its head."""
        warned = ["SYNTHETIC release: this says nothing about any real generator."]
        head = _draw_lines([*(warned if synthetic else []), *rules], size=14, colour=FAINT)
        parts = [_draw_lines(["Where the detector looked"], size=28), head, _draw_key(self._target)]
        parts += self._parts
        sheet = Image.new("RGB", (WIDTH, sum(part.height for part in parts) + MARGIN), PAPER)
        y = 0
        for part in parts:
            sheet.paste(part, (0, y))
            y += part.height
        return sheet


def draw_crops(explanation: Explanation) -> Image.Image:
    """Draw crops of one video in a row, and below them the same with their heat."""
    clips, frames = explanation.heat.shape[:2]
    total = clips * frames
    chosen = np.unique(np.linspace(0, total - 1, min(CROPS, total)).round().astype(int))
    picture = Image.new("RGB", (CELL[0], 2 * SIDE + GAP), PAPER)
    for column, place in enumerate(chosen.tolist()):
        at = divmod(place, frames)
        plain = explanation.frames[at]
        hot = paint_heat(plain, explanation.heat_on_crop(*at), explanation.scale)
        for row, crop in enumerate((plain, hot)):
            shown = Image.fromarray(crop).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            picture.paste(shown, (column * (SIDE + GAP), row * (SIDE + GAP)))
    return picture


def _draw_row(shown: Sequence[Shown]) -> Image.Image:
    height = CELL[1] if any(picture for _, picture in shown) else EMPTY
    row = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(row)
    for column, (pick, picture) in enumerate(shown):
        x = MARGIN + column * (CELL[0] + MARGIN)
        score = "" if pick.score is None else f", P(fake) {pick.score:.4f}, {pick.call}"
        _write(draw, (x, 0), f"{KINDS[pick.kind]}{score}", 15, INK)
        _write(draw, (x, 19), pick.video_id or pick.problem or "", 13, FAINT)
        if picture is not None:
            row.paste(picture, (x, 40))
        elif pick.video_id:
            _write(draw, (x, 40), f"no picture: {pick.problem}", 13, INK)
    return row


def _draw_key(target: Target) -> Image.Image:
    part = Image.new("RGB", (WIDTH, 30), PAPER)
    draw = ImageDraw.Draw(part)
    x = MARGIN
    other = "real" if target == "fake" else "fake"
    for colour, words in ((FOR, f"speaks for {target}"), (AGAINST, f"speaks for {other}")):
        draw.rectangle((x, 6, x + 14, 20), fill=colour)
        draw.text((x + 20, 4), words, fill=INK, font=ImageFont.load_default(size=14))
        x += 44 + int(draw.textlength(words, font=ImageFont.load_default(size=14)))
    return part


def _draw_lines(
    texts: Sequence[str], *, size: int, colour: tuple[int, int, int] = INK
) -> Image.Image:
    """Draw texts below each other, each broken into as many lines as it needs."""
    font = ImageFont.load_default(size=size)
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    lines = [line for text in texts for line in _break(measure, text, WIDTH - 2 * MARGIN, font)]
    step = round(size * 1.35)
    part = Image.new("RGB", (WIDTH, step * len(lines) + size // 2), PAPER)
    draw = ImageDraw.Draw(part)
    for number, line in enumerate(lines):
        draw.text((MARGIN, size // 3 + number * step), line, fill=colour, font=font)
    return part


def _break(
    draw: ImageDraw.ImageDraw,
    text: str,
    width: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and draw.textlength(longer, font=font) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _write(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    size: int,
    colour: tuple[int, int, int],
) -> None:
    """Write a line no wider than a pick, cut in its middle where it must be."""
    font = ImageFont.load_default(size=size)
    shown, kept = text, len(text)
    while kept > 8 and draw.textlength(shown, font=font) > CELL[0] - GAP:
        kept -= 2
        shown = f"{text[: kept // 2]}…{text[-(kept // 2) :]}"
    draw.text(corner, shown, fill=colour, font=font)
