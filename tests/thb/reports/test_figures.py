"""The figures: they hold what they were given, can be read anywhere, and are equal when redrawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from tests.support.made_results import make_cell, make_measure, make_result
from thb.reports.figures.bars import draw_generators, draw_protocols
from thb.reports.figures.curves import LEAST_FPR, draw_roc, draw_tpr_curves
from thb.reports.figures.radar import draw_radar
from thb.reports.figures.scores import draw_histograms, draw_reliability, draw_transport
from thb.reports.figures.style import save_figure
from thb.reports.rows import Row, list_published_detectors, make_published_row, make_row
from thb.reports.scored import ScoredPair

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def make_pair(generator: str, *, separation: float = 2.0) -> ScoredPair:
    rng = np.random.default_rng(len(generator))
    labels = np.repeat([0, 1], [50, 30])
    logits = rng.normal(separation * (labels - 0.5))
    return ScoredPair(
        protocol="p3",
        fold=f"p3-{generator.lower()}",
        generator=generator,
        labels=labels,
        scores=1 / (1 + np.exp(-logits)),
        sources=("FaceForensics++",) * 20 + ("CelebV-HQ",) * 30 + (generator,) * 30,
    )


PAIRS = [make_pair("Hallo"), make_pair("LivePortrait", separation=5)]
THRESHOLDS = {pair.fold: 0.9 for pair in PAIRS}


def published_rows() -> list[Row]:
    found = [
        make_published_row(protocol, name)
        for protocol in ("p1", "p2", "p3")
        for name in list_published_detectors()
    ]
    return [row for row in found if row is not None]


def draw_all() -> dict[str, Figure]:
    rows = [make_row(make_result(protocol="p3")), *published_rows()]
    last = [row for row in rows if row.protocol == "p3"]
    return {
        "protocols": draw_protocols(rows),
        "generators": draw_generators(last),
        "radar": draw_radar(last),
        "tpr": draw_tpr_curves({"baseline P3": PAIRS}),
        "roc": draw_roc(PAIRS, title="baseline on P3"),
        "histograms": draw_histograms(PAIRS, title="baseline on P3", thresholds=THRESHOLDS),
        "reliability": draw_reliability(PAIRS, title="baseline on P3"),
        "transport": draw_transport(PAIRS, THRESHOLDS, title="baseline on P3"),
    }


def test_every_figure_is_opaque_and_equal_when_it_is_drawn_again(tmp_path: Path) -> None:
    for name, figure in draw_all().items():
        save_figure(figure, tmp_path / "first", name)
    for name, figure in draw_all().items():
        png, svg = save_figure(figure, tmp_path / "again", name)
        for path in (png, svg):
            assert path.read_bytes() == (tmp_path / "first" / path.name).read_bytes(), path.name
        corner = Image.open(png).convert("RGBA").getpixel((0, 0))
        assert corner == (255, 255, 255, 255), "a dark page does not shine through"
        assert "<text" in svg.read_text("utf-8"), "letters stay letters"


def test_bars_are_the_numbers_and_intervals_of_the_rows() -> None:
    cells = (make_cell("Hallo", measures={"t1": make_measure(0.4, low=0.3, high=0.55)}),)
    ours = make_row(make_result(protocol="p3", cells=cells), "mine")
    paper = make_published_row("p3", "tall")
    assert paper is not None
    (axes,) = draw_generators([ours, paper]).axes
    heights = {
        container.get_label(): [bar.get_height() for bar in container]
        for container in axes.containers
        if hasattr(container, "patches")
    }
    assert heights["mine"] == [0.4]
    assert heights["TALL (paper)"] == [1.0, 1.0, 0.99, 0.84, 0.48, 0.93]
    (bars,) = (lines for lines in axes.collections if isinstance(lines, LineCollection))
    assert np.asarray(bars.get_segments()[0])[:, 1].tolist() == pytest.approx([0.3, 0.55])


def test_the_curve_is_the_tpr_at_each_rate_and_marks_what_the_reals_resolve() -> None:
    (axes,) = draw_tpr_curves({"one": PAIRS[:1]}).axes
    curve = axes.lines[0]
    rates, shares = np.asarray(curve.get_xdata()), np.asarray(curve.get_ydata())
    reals = PAIRS[0].scores[PAIRS[0].labels == 0]
    fakes = PAIRS[0].scores[PAIRS[0].labels == 1]
    assert rates[0] == pytest.approx(LEAST_FPR)
    assert shares[0] == (fakes > reals.max()).mean(), "no false alarm is allowed there"
    assert shares[-1] == 1
    assert np.asarray(axes.lines[1].get_xdata())[0] == 1 / 50
    assert "fewer than 1 of 50" in axes.texts[0].get_text()


def test_transport_counts_each_real_video_once_a_fold() -> None:
    twice = [PAIRS[0], make_pair("Hallo2")]
    same_fold = [
        ScoredPair(
            protocol="p1",
            fold="p1",
            generator=pair.generator,
            labels=pair.labels,
            scores=pair.scores,
            sources=pair.sources,
        )
        for pair in twice
    ]
    upper, lower = draw_transport(same_fold, {"p1": 0.5}, title="x").axes
    assert [label.get_text().partition(" (")[2] for label in upper.get_yticklabels()] == [
        f"{int((twice[0].scores[20:50] >= 0.5).sum())} of 30)",
        f"{int((twice[0].scores[:20] >= 0.5).sum())} of 20)",
    ]
    assert len(lower.get_yticklabels()) == 2
