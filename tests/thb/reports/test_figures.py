"""The figures: they hold what they were given, can be read anywhere, and are equal when redrawn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from PIL import Image

from tests.support.made_results import make_cell, make_measure, make_result
from thb.evaluation.pairs import Pair, pair_up
from thb.prediction.predictions import Prediction, Status
from thb.reports.figures.bars import draw_generators, draw_protocols
from thb.reports.figures.curves import LEAST_FPR, draw_roc, draw_tpr_curves
from thb.reports.figures.radar import draw_radar
from thb.reports.figures.scores import draw_histograms, draw_reliability
from thb.reports.figures.style import fill_of, save_figure, style_of
from thb.reports.figures.transport import draw_transport
from thb.reports.rows import Row, list_published_detectors, make_published_row, make_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def make_pair(generator: str, *, fold: str | None = None, separation: float = 2.0) -> Pair:
    rng = np.random.default_rng(len(generator))
    names = ["FaceForensics++"] * 20 + ["CelebV-HQ"] * 30 + [generator] * 30
    rows = [
        Prediction(
            video_id=f"{name}/{number:02d}",
            label=int(name == generator),
            generator=generator if name == generator else None,
            real_dataset=None if name == generator else name,
            split="test",
            status=Status.OK,
            score=1 / (1 + math.exp(-rng.normal(separation * ((name == generator) - 0.5)))),
        )
        for number, name in enumerate(names)
    ]
    (pair,) = pair_up(fold or f"p3-{generator.lower()}", rows, "exclude")
    return pair


PAIRS = [make_pair("Hallo"), make_pair("LivePortrait", separation=5)]
THRESHOLDS = {pair.cell.fold: 0.9 for pair in PAIRS}


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


def test_no_two_series_look_alike() -> None:
    assert len({fill_of(place) for place in range(64)}) == 64
    looks = {(style_of(place)["color"], style_of(place)["marker"]) for place in range(64)}
    assert len(looks) == 64


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
    assert axes.lines[1].get_label() == "1 of 50 real videos"


def read_widths(axes: Axes) -> list[float]:
    return [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]


def test_transport_counts_each_real_video_once_a_fold() -> None:
    pairs = [make_pair(generator, fold="p1") for generator in ("Hallo", "Hallo2")]
    upper, lower = draw_transport(pairs, {"p1": 0.5}, title="x").axes
    sources = np.array(pairs[0].sources)
    alarms = {name: pairs[0].scores[sources == name] >= 0.5 for name in sorted(set(sources))}
    assert [text.get_text() for text in upper.texts] == [
        f"{alarms['CelebV-HQ'].sum()} of 30",
        f"{alarms['FaceForensics++'].sum()} of 20",
    ]
    assert read_widths(upper) == [
        alarms["CelebV-HQ"].mean(),
        alarms["FaceForensics++"].mean(),
    ]
    assert [label.get_text() for label in lower.get_yticklabels()] == ["Hallo", "Hallo2"]
    assert read_widths(lower) == [(pair.scores[pair.labels == 1] >= 0.5).mean() for pair in pairs]
