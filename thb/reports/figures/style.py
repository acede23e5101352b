"""How every figure looks: colours for all eyes, an opaque page, and files that are equal again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from thb_dataset.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")

COLOURS: Final = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
    "#7F7F7F",
)
"""Okabe and Ito's colours, which people with any kind of colour blindness can tell apart."""
LINES: Final = ("-", "--", "-.", ":")
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES: Final = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")

_RULES: Final[dict[Any, Any]] = {
    "figure.facecolor": "white",  # opaque, so that it can be read on a dark page
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "font.size": 9,
    "axes.titlesize": 10,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "thb",  # else the ids inside an SVG differ from run to run
    "svg.fonttype": "none",  # letters stay letters: they can be searched and read aloud
}
DPI: Final = 200
_LETTERS_PER_INCH: Final = 15.5


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a function draw its figure in the style of all figures."""

    @wraps(draw)
    def draw_styled(*args: P.args, **options: P.kwargs) -> Figure:
        import matplotlib as mpl

        with mpl.rc_context(_RULES):
            return draw(*args, **options)

    return draw_styled


def make_figure(width: float = 6.4, height: float = 3.6) -> Figure:
    """Return an empty figure.

    Args:
        width: In inches.
        height: In inches.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def add_legend(figure: Figure, names: Sequence[str]) -> None:
    """Put a legend below a figure, in as many columns as fit its width.

    Args:
        figure: The figure, whose artists have labels.
        names: The labels.
    """
    letters = max(map(len, names), default=1) + 6  # the sample of the line takes some room
    columns = int(figure.get_figwidth() * _LETTERS_PER_INCH / letters)
    figure.legend(loc="outside lower center", ncols=max(1, min(columns, len(names))))


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and as SVG; the same figure gives the same bytes.

    Args:
        figure: The figure.
        folder: The folder; created if it does not exist.
        name: The file name without an ending.

    Returns:
        The two files.

    Raises:
        OSError: A file cannot be written.
    """
    import matplotlib as mpl

    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    with mpl.rc_context(_RULES):
        for path in paths:
            kind = path.suffix[1:]
            dated = {"Date": None} if kind == "svg" else {"Software": None}
            with write_whole(path) as draft:
                figure.savefig(draft, format=kind, dpi=DPI, metadata=dated)
    return paths


def style_of(place: int, *, published: bool = False) -> dict[str, str]:
    """Return the colour, line and marker of a series; published ones are dotted.

    Args:
        place: The place of the series, from 0 on.
        published: Whether the numbers are the paper's.
    """
    round_ = place // len(COLOURS)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": ":" if published else LINES[round_ % 3],
        "marker": MARKERS[place % len(MARKERS)],
    }
