"""How every figure looks: colours for all eyes, an opaque page, and files that are equal again."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from thb.runtime.text import printable
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
HATCHES: Final = ("", "///", "...", "xxx", "\\\\\\", "|||", "++", "---")

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
    "text.parse_math": False,  # a name may hold dollar signs, which would be read as mathematics
    "hatch.linewidth": 0.7,
}
DPI: Final = 200
INK: Final = "#333333"
_LETTERS_PER_INCH: Final = 15.5
_NOTE_SIZE: Final = 7.5
_NOTE_LETTERS_PER_INCH: Final = 17.0
_NOTE_LINE: Final = 0.14
"""The height of a line of notes in inches."""
_LEGEND_LINE: Final = 0.175
"""The height of a line of the legend in inches."""
_LONGEST_NAME: Final = 40


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


def show_name(text: str) -> str:
    """Return a name that others gave, as it can stand in a figure: one short, harmless line."""
    shown = printable(text)
    if len(shown) > _LONGEST_NAME:
        shown = f"{shown[: _LONGEST_NAME - 12]}…{shown[-11:]}"
    return f" {shown}" if shown.startswith("_") else shown  # matplotlib hides labels with a "_"


def show_generator(name: str) -> str:
    """Return the name of a generator in two lines, where it is long, for the ticks of an axis."""
    return show_name(name).replace("AniPortrait", "AniPortrait\n")


def add_legend(figure: Figure, names: Sequence[str]) -> None:
    """Put a legend below a figure, in as many columns as fit its width; the figure grows.

    Args:
        figure: The figure, whose artists have labels.
        names: The labels.
    """
    letters = max(map(len, names), default=1) + 8  # the sample of the line takes some room
    columns = int(figure.get_figwidth() * _LETTERS_PER_INCH / letters)
    rows = -(-len(names) // max(1, min(columns, len(names))))
    _add_foot(figure, _LEGEND_LINE * rows + 0.1)
    figure.legend(
        loc="lower center",
        ncols=-(-len(names) // rows),
        bbox_to_anchor=(figure.get_figwidth() / 2, 0),
        bbox_transform=figure.dpi_scale_trans,
        borderaxespad=0.2,
    )


def add_notes(figure: Figure, notes: Sequence[str]) -> None:
    """Write sentences below a figure, which grows by their height.

    Args:
        figure: The figure, finished in all else.
        notes: The sentences; each begins on a line of its own.
    """
    letters = int(figure.get_figwidth() * _NOTE_LETTERS_PER_INCH)
    lines = [line for note in notes for line in wrap(printable(note), letters)]
    if not lines:
        return
    height = _NOTE_LINE * len(lines) + 0.08
    _add_foot(figure, height)
    for legend in figure.legends:
        legend.set_bbox_to_anchor((figure.get_figwidth() / 2, height), figure.dpi_scale_trans)
    figure.text(
        0.08,
        height - 0.02,
        "\n".join(lines),
        transform=figure.dpi_scale_trans,
        va="top",
        fontsize=_NOTE_SIZE,
        color=INK,
        linespacing=1.25,
        parse_math=False,
    )


def _add_foot(figure: Figure, height: float) -> None:
    """Let a figure grow by a strip at its foot, in inches, into which no axes reach."""
    engine = figure.get_layout_engine()
    assert engine is not None  # noqa: S101 — make_figure gives every figure one
    _, bottom, _, share = engine.get()["rect"]
    old, new = figure.get_figheight(), figure.get_figheight() + height
    figure.set_figheight(new)
    rect = (0, (bottom * old + height) / new, 1, share * old / new)
    figure.set_layout_engine("constrained", rect=rect)


def render_figure(figure: Figure, kind: str, *, title: str = "", description: str = "") -> bytes:
    """Return a figure as the content of a file; the same figure gives the same bytes.

    Args:
        figure: The figure.
        kind: ``png`` or ``svg``.
        title: The title that the file holds; empty for none.
        description: The text that it holds for people who cannot see the figure.
    """
    import matplotlib as mpl

    words = {"Title": printable(title), "Description": printable(description)}
    held = {key: text for key, text in words.items() if text}
    dated = {"Date": None} if kind == "svg" else {"Software": None}
    file = io.BytesIO()
    with mpl.rc_context(_RULES):
        _settle(figure)
        figure.savefig(file, format=kind, dpi=DPI, metadata=dated | held)
    return file.getvalue()


def save_figure(
    figure: Figure, folder: Path, name: str, *, title: str = "", description: str = ""
) -> list[Path]:
    """Write a figure as PNG and as SVG; the same figure gives the same bytes.

    Args:
        figure: The figure.
        folder: The folder; created if it does not exist.
        name: The file name without an ending.
        title: The title that the files hold; empty for none.
        description: The text that they hold for people who cannot see the figure.

    Returns:
        The two files.

    Raises:
        OSError: A file cannot be written.
    """
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in paths:
        content = render_figure(figure, path.suffix[1:], title=title, description=description)
        with write_whole(path) as draft:
            draft.write_bytes(content)
    return paths


def _settle(figure: Figure) -> None:
    """Lay a figure out for good, its axes at rounded places.

    The solver behind the layout rounds differently from time to time, in the thirteenth digit; the
    ids inside an SVG are made from all digits.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = axes.get_position(original=True).bounds
        axes.set_position((round(left, 6), round(bottom, 6), round(width, 6), round(height, 6)))


def style_of(place: int, *, published: bool = False) -> dict[str, str]:
    """Return the colour, line and marker of a series; published ones are dotted.

    Args:
        place: The place of the series, from 0 on.
        published: Whether the numbers are the paper's, beside others that are not.
    """
    round_ = place // len(COLOURS)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": ":" if published else LINES[(place + round_) % 3],
        "marker": MARKERS[(place + round_) % len(MARKERS)],
    }


def fill_of(place: int) -> tuple[str, str]:
    """Return the colour and the hatch of the bars of a series; no two of 64 look alike.

    Args:
        place: The place of the series, from 0 on.
    """
    round_ = place // len(COLOURS)
    return COLOURS[place % len(COLOURS)], HATCHES[(place + round_) % len(HATCHES)]
