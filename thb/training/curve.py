"""The loss curve of a training as an SVG picture, which every browser shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from thb.training.validation import Epoch

WIDTH, HEIGHT, MARGIN = 640, 360, 48
SERIES: Final[tuple[tuple[str, str, Callable[[Epoch], float | None]], ...]] = (
    ("train loss", "#1f5fa8", lambda epoch: epoch.train_loss),
    ("validation loss", "#c2571a", lambda epoch: epoch.validation_loss),
    ("validation AUC", "#2e7d32", lambda epoch: epoch.validation_auc),
)


def write_curve(file: Path, history: Sequence[Epoch]) -> None:
    """Draw the losses and the AUC over the epochs.

    Args:
        file: The SVG file to write.
        history: The numbers of one or more epochs.

    Raises:
        OSError: The file cannot be written.
    """
    losses = [epoch.train_loss for epoch in history]
    losses += [epoch.validation_loss for epoch in history if epoch.validation_loss is not None]
    top = max(1.0, *losses)
    body = [_draw_axes(len(history), top)]
    for column, (name, colour, read) in enumerate(SERIES):
        points = [
            _place(epoch.epoch, value, len(history), top)
            for epoch in history
            if (value := read(epoch)) is not None
        ]
        if points:
            body.append(_draw_series(points, colour))
            body.append(_write(MARGIN + 140 * column, 20, name, colour=colour))
    text = "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
            ' font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            *body,
            "</svg>",
        ]
    )
    file.write_text(text + "\n", encoding="utf-8")


def _place(epoch: int, value: float, epochs: int, top: float) -> tuple[float, float]:
    """Return the point of a value: epochs run to the right, values from 0 up to ``top``."""
    right = (epoch - 1) / max(1, epochs - 1)
    x = MARGIN + right * (WIDTH - 2 * MARGIN)
    y = HEIGHT - MARGIN - value / top * (HEIGHT - 2 * MARGIN)
    return round(x, 1), round(y, 1)


def _draw_series(points: Sequence[tuple[float, float]], colour: str) -> str:
    line = " ".join(f"{x},{y}" for x, y in points)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in points)
    return f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'


def _draw_axes(epochs: int, top: float) -> str:
    low, right = HEIGHT - MARGIN, WIDTH - MARGIN
    parts = [
        f'<path d="M{MARGIN},{MARGIN} V{low} H{right}" fill="none" stroke="black"/>',
        _write(MARGIN, low + 18, "1"),
        _write(right - 10, low + 18, str(epochs)),
        _write(WIDTH // 2 - 20, low + 34, "epoch"),
    ]
    for share in (0.0, 0.5, 1.0):
        _, y = _place(1, share * top, epochs, top)
        parts.append(_write(6, round(y) + 4, f"{share * top:.3g}"))
        parts.append(f'<path d="M{MARGIN},{y} H{right}" stroke="#ddd"/>')
    return "\n".join(parts)


def _write(x: int, y: int, text: str, *, colour: str = "black") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}">{text}</text>'
