"""All figures of a run: every point is a number of the result, and the words say what it is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.patches import Polygon, Rectangle

from tests.support.scored_folds import GENERATORS, write_run
from thb.evaluation.cells import ScoreSettings
from thb.prediction.predictions import Prediction, read_predictions
from thb.reports.evaluations import Evaluation, read_evaluations
from thb.reports.figures.choice import KINDS, FigureChoice
from thb.reports.figures.drawing import Drawing, draw_figures
from thb.reports.figures.style import save_figure
from thb.reports.figures.words import CAPTIONS
from thb.reports.published import average_published
from thb.runs.provenance import FROM_SCRATCH, ScoredDetector
from thb.runs.record import ReleaseRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FAST = ScoreSettings(n_bootstrap=0)


def read(*runs: Path, names: Sequence[str] = ()) -> list[Evaluation]:
    return read_evaluations(runs, settings=FAST, names=names)


def draw(evaluations: Sequence[Evaluation], *kinds: str, published: bool = False) -> list[Drawing]:
    choice = FigureChoice(kinds=kinds or KINDS, published=published)
    return list(draw_figures(evaluations, choice)[0])


def list_texts(figure: Figure) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def read_legend(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def read_points(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def read_heights(axes: Axes, label: str) -> list[float]:
    (bars,) = (each for each in axes.containers if each.get_label() == label)
    return [bar.get_height() for bar in bars if isinstance(bar, Rectangle)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "mine")


def read_rows(run: Path, fold: str) -> list[Prediction]:
    return list(read_predictions(run / fold / "predictions.parquet"))


def split_scores(rows: Sequence[Prediction], generator: str) -> tuple[list[float], list[float]]:
    """Return the scores of the fakes of a generator, and of the real videos."""
    fakes = [row.score or 0.0 for row in rows if row.generator == generator]
    return fakes, [row.score or 0.0 for row in rows if row.label == 0]


def test_every_kind_is_drawn_once_for_each_protocol(run: Path) -> None:
    drawn, omitted = draw_figures(read(run))
    names = [own.name for own in drawn]
    assert names == [
        "fig2a",
        *(f"{kind}-{protocol}" for kind in ("fig2b", "fig2c", "fig3") for protocol in ("p1", "p3")),
        *(f"{kind}-{protocol}-mine" for kind in KINDS[4:] for protocol in ("p1", "p3")),
    ]
    assert omitted == ()
    for own in drawn:
        assert own.title
        assert own.alt
        assert own.caption.endswith(".")


def test_the_means_and_cells_are_those_of_the_result(run: Path) -> None:
    evaluations = read(run)
    (means,) = draw(evaluations, "fig2a")
    heights = read_heights(means.figure.axes[0], "mine")
    assert heights == [own.result.mean["t1"].value for own in evaluations]
    for own, drawing in zip(evaluations, draw(evaluations, "fig2c"), strict=True):
        cells = {cell.generator: cell.measures["t1"].value for cell in own.result.cells}
        axes = drawing.figure.axes[0]
        shown = [tick.get_text().replace("\n", "") for tick in axes.get_xticklabels()]
        assert dict(zip(shown, read_heights(axes, "mine"), strict=True)) == cells


def test_a_radar_has_a_point_for_each_generator_and_closes(run: Path) -> None:
    evaluations = read(run)
    for own, drawing in zip(evaluations, draw(evaluations, "fig3"), strict=True):
        cells = {cell.generator: cell.measures for cell in own.result.cells}
        for axes, metric in zip(drawing.figure.axes, ("t1", "t01"), strict=True):
            shown = [tick.get_text().replace("\n", "") for tick in axes.get_xticklabels()]
            values = np.asarray(axes.lines[0].get_ydata()).tolist()
            assert values[:-1] == [cells[name][metric].value for name in shown]
            assert values[-1] == values[0]


def test_the_mean_curve_is_the_share_above_the_reals_that_a_rate_allows(run: Path) -> None:
    _, drawing = draw(read(run), "fig2b")
    line = drawing.figure.axes[0].lines[0]
    rates, shares = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    for place in range(0, len(rates) - 1, 40):
        expected = []
        for name in GENERATORS:
            fakes, reals = split_scores(read_rows(run, f"p3-{name.lower()}"), name)
            allowed = int(rates[place] * len(reals) + 1e-9)
            limit = sorted(reals, reverse=True)[allowed]
            expected.append(sum(score > limit for score in fakes) / len(fakes))
        assert shares[place] == pytest.approx(np.mean(expected))


def test_a_roc_curve_goes_through_every_pair_of_rates(run: Path) -> None:
    drawing, _ = draw(read(run), "roc")
    rows = read_rows(run, "p1")
    lines = [line for line in drawing.figure.axes[0].lines if "AUC" in str(line.get_label())]
    assert len(lines) == len(GENERATORS)
    for line in lines:
        fakes, reals = split_scores(rows, str(line.get_label()).partition(" (")[0])
        wins = sum((fake > real) + (fake == real) / 2 for fake in fakes for real in reals)
        assert str(line.get_label()).endswith(f"(AUC {wins / len(fakes) / len(reals):.3f})")
        points = set(read_points(line))
        for limit in {*fakes, *reals}:
            fpr = sum(score >= limit for score in reals) / len(reals)
            tpr = sum(score >= limit for score in fakes) / len(fakes)
            assert fpr == 0 or (fpr, tpr) in points


def test_histograms_hold_the_share_of_videos_in_each_bin(run: Path) -> None:
    drawing, _ = draw(read(run), "histograms")
    rows = read_rows(run, "p1")
    for axes in drawing.figure.axes:
        fakes, reals = split_scores(rows, axes.get_title().partition("\n")[0])
        bars = [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)]
        counts = [sum(min(int(score * 20), 19) == place for score in reals) for place in range(20)]
        assert bars == pytest.approx([count / len(reals) for count in counts])
        (outline,) = (each for each in axes.patches if isinstance(each, Polygon))
        tops = {round(float(y) * len(fakes), 6) for _, y in np.asarray(outline.get_xy())}
        counts = [sum(min(int(score * 20), 19) == place for score in fakes) for place in range(20)]
        assert tops == {0.0, *map(float, counts)}
        assert np.asarray(axes.lines[0].get_xdata()).tolist() == [0.55, 0.55]


def test_reliability_weighs_both_classes_equally(run: Path) -> None:
    drawing, _ = draw(read(run), "reliability")
    rows = read_rows(run, "p1")
    fakes = [row.score or 0.0 for row in rows if row.label == 1]
    reals = [row.score or 0.0 for row in rows if row.label == 0]
    expected, distance = [], 0.0
    for place in range(10):
        own = [[score for score in each if int(score * 10) == place] for each in (fakes, reals)]
        weight = len(own[0]) / len(fakes) + len(own[1]) / len(reals)
        if weight:
            share = len(own[0]) / len(fakes) / weight
            mean = (sum(own[0]) / len(fakes) + sum(own[1]) / len(reals)) / weight
            expected.append((mean, share))
            distance += weight / 2 * abs(mean - share)
    (_, line) = drawing.figure.axes[0].lines
    drawn = read_points(line)
    assert drawn == [pytest.approx(point) for point in expected]
    assert f"(calibration error {distance:.3f})" in str(line.get_label())


def test_thresholds_of_validation_are_carried_to_each_fold_and_dataset(run: Path) -> None:
    _, drawing = draw(read(run), "transport")
    upper, lower = drawing.figure.axes
    expected = []
    for source in ("CelebV-HQ", "FaceForensics++"):
        for name in GENERATORS:
            rows = read_rows(run, f"p3-{name.lower()}")
            own = [row.score or 0.0 for row in rows if row.real_dataset == source]
            expected.append(sum(score >= 0.55 for score in own) / len(own))
    shown = [bar.get_width() for bar in upper.patches if isinstance(bar, Rectangle)]
    assert sorted(shown) == pytest.approx(sorted(expected))
    assert len(lower.patches) == len(GENERATORS)
    assert "40 real validation videos" in list_texts(drawing.figure)


def test_a_threshold_of_other_weights_is_not_used(run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    for file in other.rglob("thresholds.json"):
        file.write_text(file.read_text("utf-8").replace("5" * 64, "6" * 64), "utf-8")
    drawn, omitted = draw_figures(read(other), FigureChoice(kinds=["transport"]))
    assert drawn == ()
    assert "thb calibrate" in omitted[0].reason


@pytest.mark.parametrize(
    ("release", "name", "sentence"),
    [
        (ReleaseRecord(name="m", synthetic=True), "mine (SYNTHETIC)", "SYNTHETIC"),
        (ReleaseRecord(name="m", counts_agree=False), "mine (other release)", "not comparable"),
        (ReleaseRecord(name="m", counts_agree=True), "mine", ""),
    ],
)
def test_a_figure_says_what_cannot_be_compared(
    release: ReleaseRecord, name: str, sentence: str, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "mine", protocols=["p1"], release=release)
    for drawing in draw(read(run), published=True):
        shown = list_texts(drawing.figure)
        assert sentence in shown
        assert ("SYNTHETIC" in shown) == (sentence == "SYNTHETIC")
        if drawing.kind.startswith("fig"):
            assert name in read_legend(drawing.figure)


def test_marks_follow_the_name(tmp_path: Path) -> None:
    detector = ScoredDetector(model_type="thb_tall", weights_sha256="5" * 64, from_scratch=True)
    run = write_run(tmp_path / "mine", protocols=["p1"], detector=detector)
    (drawing,) = draw(read(run), "fig2a", published=True)
    assert f"mine {FROM_SCRATCH.symbol}" in read_legend(drawing.figure)
    assert "begins with a pretrained" in list_texts(drawing.figure)


def test_a_mean_over_some_generators_says_so(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "p3-hallo", tmp_path / "few" / "p3-hallo")
    (drawing,) = draw(read(tmp_path / "few"), "fig2a")
    assert "the mean is over 1 of the 6 generators" in list_texts(drawing.figure)
    _, omitted = draw_figures(read(tmp_path / "few"), FigureChoice(kinds=["fig3"], published=False))
    assert "says nothing with one of them" in omitted[0].reason


def test_results_alone_give_the_figures_that_need_no_scores(run: Path, tmp_path: Path) -> None:
    for own in read(run):
        own.result.save(tmp_path / "sent" / f"result-{own.result.protocol}.json")
    drawn, omitted = draw_figures(
        read_evaluations([tmp_path / "sent"]), FigureChoice(published=False)
    )
    assert {own.kind for own in drawn} == {"fig2a", "fig2c", "fig3"}
    assert {own.kind for own in omitted} == {"fig2b", *KINDS[4:]}
    assert all("only its numbers are at hand" in own.reason for own in omitted)


def test_the_paper_alone_is_drawn_from_its_tables() -> None:
    drawn, omitted = draw_figures([])
    assert {own.kind for own in drawn} == {"fig2a", "fig2b", "fig2c", "fig3"}
    assert {own.kind for own in omitted} == set(KINDS[4:])
    means = [average_published(protocol, "TALL", "t1") for protocol in ("p1", "p2", "p3")]
    assert read_heights(drawn[0].figure.axes[0], "TALL (paper)") == means
    (points,) = (
        line for line in drawn[3].figure.axes[0].lines if line.get_label() == "TALL (paper)"
    )
    assert drawn[3].name == "fig2b-p3"
    assert np.asarray(points.get_ydata()).tolist() == [
        average_published("p3", "TALL", metric) for metric in ("t01", "t1")
    ]
    assert not any(own.notes for own in drawn)
    assert not any("dashed" in own.caption or "Thin" in own.caption for own in drawn)


def test_captions_speak_of_what_is_there(run: Path) -> None:
    captions = {own.name: own.caption for own in draw(read(run), published=True)}
    assert set(CAPTIONS) == set(KINDS)
    assert "Left of the dashed line" in captions["fig2b-p1"]
    assert "A detector of the paper is two points" in captions["fig2b-p1"]
    assert "95 % intervals" in captions["fig2c-p3"]
    assert "threshold that validation gave" in captions["histograms-p1-mine"]


def test_two_detectors_of_one_name_are_both_there(run: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        for own in read(run):
            own.result.save(tmp_path / str(number) / f"result-{own.result.protocol}.json")
    drawn = draw(read_evaluations([tmp_path / "1", tmp_path / "2"]), "fig2c")
    assert read_legend(drawn[0].figure) == ["mine", "mine (2)"]


@pytest.mark.parametrize("name", ["$\\frac{1}{0}$", "_hidden", "\x1b[31mred", "../../x", "x" * 200])
def test_any_name_can_be_drawn_and_written(name: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", protocols=["p1"])
    for drawing in draw(read(run, names=[name]), "fig2a", "roc", "transport"):
        for path in save_figure(drawing.figure, tmp_path / "out", drawing.name, title=name):
            assert path.parent == tmp_path / "out"
            assert b"\x1b" not in path.read_bytes() or path.suffix == ".png"
        assert read_legend(drawing.figure)[0].strip()
