"""Every figure of runs, results or the paper alone, as PNG and SVG files with their words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thb.evaluation.cells import ScoreSettings
from thb.reports.evaluations import read_evaluations
from thb.reports.figures.choice import KINDS, FigureChoice
from thb.reports.figures.drawing import Omission, plan_figures
from thb.reports.figures.style import save_figure
from thb.runtime.progress import progress_bar
from thb_dataset.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class WrittenFigure:
    """A figure that was written.

    Attributes:
        figure: One of ``thb.reports.figures.choice.KINDS``.
        title: A heading.
        caption: What it shows and how to read it.
        alt: What there is to see, for people who cannot see it.
        notes: The sentences that stand in the figure itself.
        files: The PNG and the SVG.
    """

    figure: str
    title: str
    caption: str
    alt: str
    notes: tuple[str, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class WrittenFigures:
    """All figures that were written.

    Attributes:
        figures: The figures.
        omitted: The figures that could not be drawn, and why.
    """

    figures: tuple[WrittenFigure, ...]
    omitted: tuple[Omission, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        drawn = [
            {**asdict(own), "notes": list(own.notes), "files": list(map(str, own.files))}
            for own in self.figures
        ]
        left = [{"figure": own.kind, "reason": own.reason} for own in self.omitted]
        return {"figures": drawn, "left_out": left}


def figures(
    runs: Iterable[str | Path] = (),
    *,
    out: str | Path,
    choice: FigureChoice | None = None,
    names: Sequence[str] = (),
    settings: ScoreSettings | None = None,
    progress: bool = True,
) -> WrittenFigures:
    """Draw the paper's figures from predictions or results, and write them as PNG and SVG.

    Numbers are computed anew from predictions wherever there are any. Results without predictions
    give the figures that need no scores.

    Args:
        runs: Run folders, files ``predictions.parquet``, and results as JSON; none for the numbers
            that the paper prints alone.
        out: The folder; created if it does not exist.
        choice: Which figures; None for all that can be drawn.
        names: What the detector of each run folder is called, in order; empty to keep its name.
        settings: How numbers are computed from predictions; None for the defaults.
        progress: Show a bar on stderr.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ResultError: A run holds neither predictions nor results, or a file is damaged.
        SettingsError: A path does not exist, names do not fit, or there is no such figure.
        OSError: A file cannot be written.

    Examples:
        >>> from thb.reports.figures.choice import FigureChoice
        >>> drawn = thb.figures(["runs/tall"], out="figures", choice=FigureChoice(kinds=["fig2a"]))
        >>> [path.name for path in drawn.figures[0].files]
        ['fig2a.png', 'fig2a.svg']
    """
    import matplotlib  # noqa: F401 — missing, it is missed before anything is computed

    choice = choice or FigureChoice()
    unknown = sorted(set(choice.kinds) - set(KINDS))
    if unknown:
        raise SettingsError(f"no figure is called {', '.join(unknown)}: {', '.join(KINDS)} are")
    given = list(runs)
    evaluations = read_evaluations(given, names=names, settings=settings) if given else []
    plan = plan_figures(evaluations, choice)
    folder, written = Path(out).expanduser(), []
    with progress_bar(
        total=len(plan.figures), description="drawing", unit="figure", shown=progress
    ) as bar:
        for draw in plan.figures:
            drawn = draw()
            files = save_figure(
                drawn.figure, folder, drawn.name, title=drawn.title, description=drawn.alt
            )
            written.append(
                WrittenFigure(
                    figure=drawn.kind,
                    title=drawn.title,
                    caption=drawn.caption,
                    alt=drawn.alt,
                    notes=drawn.notes,
                    files=tuple(files),
                )
            )
            bar.update()
    return WrittenFigures(figures=tuple(written), omitted=plan.omitted)
