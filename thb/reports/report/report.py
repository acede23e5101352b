"""The report of runs: tables, figures, transitions, pictures, omissions and origin on one page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from thb.evaluation.cells import ScoreSettings
from thb.reports.evaluations import Evaluation, read_evaluations
from thb.reports.figures.choice import FigureChoice
from thb.reports.figures.drawing import Drawing, FigurePlan, plan_figures
from thb.reports.figures.style import render_figure
from thb.reports.report.attachments import find_attachments, write_gallery, write_looks
from thb.reports.report.omissions import write_omissions
from thb.reports.report.provenance import write_provenance
from thb.reports.report.section import Section, paragraph
from thb.reports.report.summary import write_summary
from thb.reports.report.transitions import write_transitions
from thb.reports.tables.building import build_tables
from thb.reports.tables.html import write_fragment
from thb.runtime.progress import progress_bar
from thb.runtime.text import plain, printable
from thb_dataset.files import write_whole
from thb_dataset.html_page import embed_picture, write_page

_STYLE: Final = """\
h2 { margin-top: 2.5rem; border-bottom: 1px solid #999 }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; padding: 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ccc; text-align: left;
vertical-align: top; overflow-wrap: normal }
#origin td { overflow-wrap: anywhere }
pre { white-space: pre-wrap; font-size: .75rem }
figure { margin: 1.5rem 0 }
.drawings { display: grid; gap: 0 2rem;
grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)) }
figure img { background: #fff }
.sheet img { display: block }
details { margin: .6rem 0 }
summary { cursor: pointer }
@media (prefers-color-scheme: dark) { th, td { border-color: #444 } }
@media print { nav { display: none } h2, img, tr { break-inside: avoid }
.drawings { grid-template-columns: 1fr 1fr } .drawings figure { break-inside: avoid }
.wide { overflow: visible } table { font-size: 7.5pt } }
"""


def report(
    runs: Iterable[str | Path],
    *,
    out: str | Path,
    names: Sequence[str] = (),
    settings: ScoreSettings | None = None,
    progress: bool = True,
) -> Path:
    """Write one HTML file that stands alone: what runs have measured, and where it comes from.

    Equal predictions give equal bytes. Nothing is scored again: every number follows from the
    predictions.

    Args:
        runs: Run folders, predictions and results, as
            :func:`thb.reports.evaluations.read_evaluations` takes them.
        out: The HTML file.
        names: What the detector of each run folder is called, in order; empty to keep the names
            that they have.
        settings: How numbers are computed from predictions; None for the defaults.
        progress: Show a bar on stderr while figures are drawn.

    Returns:
        The file.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ResultError: There is nothing to report, or a file is damaged.
        SettingsError: A path does not exist, or the names are not as many as the run folders.
        OSError: The file cannot be written.

    Examples:
        >>> thb.report(["runs/tall"], out="report.html")
        PosixPath('report.html')
    """
    import matplotlib  # noqa: F401 — missing, it is missed before anything is computed

    evaluations = read_evaluations(runs, names=names, settings=settings)
    path = Path(out).expanduser()
    with write_whole(path) as draft:
        draft.write_text(write_report(evaluations, progress=progress), encoding="utf-8")
    return path


def write_report(evaluations: Sequence[Evaluation], *, progress: bool = False) -> str:
    """Return the page.

    Args:
        evaluations: The detectors on their protocols.
        progress: Show a bar on stderr while figures are drawn.

    Raises:
        ResultError: A picture or a table in a run folder is damaged.
    """
    sections = list(_write_sections(evaluations, progress=progress))
    links = "\n".join(
        f'<li><a href="#{section.anchor}">{plain(section.title)}</a></li>' for section in sections
    )
    chapters = "\n".join(
        f'<section id="{section.anchor}">\n<h2>{plain(section.title)}</h2>\n{section.html}\n'
        "</section>"
        for section in sections
    )
    detectors = list(dict.fromkeys(own.result.title for own in evaluations))
    title = f"{', '.join(detectors)} on TalkingHeadBench"
    body = f"<h1>{plain(title)}</h1>\n<nav><ul>\n{links}\n</ul></nav>\n{chapters}"
    return write_page(printable(title), body, style=_STYLE)


def _write_sections(evaluations: Sequence[Evaluation], *, progress: bool) -> Iterator[Section]:
    yield Section(
        anchor="summary",
        title="What came out",
        html=write_summary([own.result for own in evaluations]),
    )
    yield Section(
        anchor="tables",
        title="Tables",
        html=write_fragment(build_tables(evaluations)),
    )
    plan = plan_figures(evaluations, FigureChoice(published=_can_compare(evaluations)))
    yield Section(anchor="figures", title="Figures", html=_write_figures(plan, progress=progress))
    yield Section(
        anchor="pictures",
        title="Where the detectors looked",
        html=_write_pictures(evaluations),
    )
    falls, uncompared = write_transitions(evaluations)
    yield Section(anchor="transitions", title="Found in P1, missed in P3", html=falls)
    left_out = [
        *uncompared,
        *(f"No figure {figure.kind}: {figure.reason}." for figure in plan.omitted),
    ]
    yield Section(
        anchor="omissions",
        title="What is left out, and why",
        html=write_omissions(evaluations, left_out),
    )
    yield Section(
        anchor="origin",
        title="Every setting and digest",
        html=write_provenance(evaluations),
    )


def _can_compare(evaluations: Sequence[Evaluation]) -> bool:
    """Return whether the paper's numbers are of the videos that the detectors were tested on."""
    releases = [own.result.release for own in evaluations]
    return not any(release.synthetic or release.differs for release in releases)


def _write_figures(plan: FigurePlan, *, progress: bool) -> str:
    written = []
    with progress_bar(
        total=len(plan.figures), description="drawing", unit="figure", shown=progress
    ) as bar:
        for draw in plan.figures:
            written.append(_write_drawing(draw()))
            bar.update()
    return f'<div class="drawings">{"".join(written)}</div>'


def _write_drawing(drawing: Drawing) -> str:
    svg = render_figure(drawing.figure, "svg")
    image = embed_picture(svg, "svg+xml", alt=printable(drawing.alt))
    return (
        f"<figure><h3>{plain(drawing.title)}</h3>{image}"
        f"<figcaption>{plain(drawing.caption)}</figcaption></figure>"
    )


def _write_pictures(evaluations: Sequence[Evaluation]) -> str:
    folders = [own.folder for own in evaluations if own.folder is not None]
    galleries, looks = find_attachments(folders)
    if not galleries and not looks:
        return paragraph(
            "There are no pictures: thb gallery draws the best hits and the worst errors into a run"
            " folder, and thb explain-split measures where a detector looks over a whole test set."
        )
    return "\n".join([*map(write_gallery, galleries), *map(write_looks, looks)])
