"""Tables, figures and the report with the diagnostic p3-family: beside P3, never in its place."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.scored_folds import write_run
from thb.evaluation.cells import ScoreSettings
from thb.reports.evaluations import Evaluation, read_evaluations
from thb.reports.figures.choice import FigureChoice
from thb.reports.figures.drawing import plan_figures
from thb.reports.report.report import write_report
from thb.reports.run_transitions import transitions
from thb.reports.tables.building import build_tables
from thb.reports.tables.paper_tables import PaperTables, make_paper_tables
from thb_dataset.errors import ResultError
from thb_dataset.records import Family

PLACES = [f"p3-family-{slug}" for slug in ("aniportrait", "hallo", "sd_vae", "warping")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families") / "tall"
    return write_run(folder, protocols=("p1", "p3", "p3-family"))


@pytest.fixture(scope="module")
def evaluations(run: Path) -> list[Evaluation]:
    return read_evaluations([run], settings=ScoreSettings(n_bootstrap=0))


@pytest.fixture(scope="module")
def tables(evaluations: list[Evaluation]) -> PaperTables:
    return make_paper_tables(build_tables(evaluations, published=True))


def test_the_tables_of_the_paper_are_the_same_with_and_without_it(
    evaluations: list[Evaluation], tables: PaperTables
) -> None:
    paper = [own for own in evaluations if not own.result.is_diagnostic]
    without = build_tables(paper, published=True)
    shown = [table.to_dict() for table in tables.tables if table.protocol != "p3-family"]
    assert shown == [table.to_dict() for table in without.tables]
    assert [table.label for table in without.tables] == [table["label"] for table in shown]


def test_every_fold_has_a_table_after_them_without_any_figure_of_the_paper(
    tables: PaperTables,
) -> None:
    own = [table for table in tables.tables if table.protocol == "p3-family"]
    assert list(tables.tables[-len(own) :]) == own
    assert [table.title.partition(" ")[0].lower() for table in own] == PLACES
    for table, slug in zip(own, PLACES, strict=True):
        (family,) = (each for each in Family if slug.endswith(each.slug))
        assert table.columns[-1] == family.value
        assert set(table.columns[:-1]) == set(map(str, family.generators))
        assert (table.label, table.compared) == ("Diagnostic", False)
        assert not any(line.printed for line in table.lines)


def test_every_cell_reaches_every_format(
    evaluations: list[Evaluation], tables: PaperTables
) -> None:
    (result,) = (own.result for own in evaluations if own.result.is_diagnostic)
    rows = [
        row
        for row in csv.DictReader(io.StringIO(tables.to_csv()))
        if (row["protocol"], row["metric"]) == ("p3-family", "auc")
    ]
    found = {(row["fold"], row["generator"]): float(row["value"]) for row in rows}
    expected = {
        (cell.fold, cell.generator): round(cell.measures["auc"].value, 6) for cell in result.cells
    }
    assert found == expected
    assert len(rows) == len(expected), "nothing stands twice"
    for text in (tables.to_markdown(), tables.to_html(), tables.to_latex()):
        for family in Family:
            assert family.value in text
    assert "a diagnostic." in tables.to_latex()
    assert json.loads(tables.to_json())


def test_it_can_be_asked_for_alone_and_the_paper_has_none(evaluations: list[Evaluation]) -> None:
    alone = build_tables(evaluations, protocol="p3-family", published=True)
    assert {table.protocol for table in alone.tables} == {"p3-family"}
    with pytest.raises(ResultError, match="no results of p3-family, and the paper has none"):
        build_tables([], protocol="p3-family", published=True)


def test_two_detectors_are_ranked_by_their_family(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", protocols=("p3-family",))
    both = read_evaluations([run, other], settings=ScoreSettings(n_bootstrap=0))
    built = build_tables(both, protocol="p3-family")
    assert [len(table.lines) for table in built.tables] == [2, 2, 2, 2]


def test_figures_hold_one_fold_each_and_those_of_the_paper_none(
    evaluations: list[Evaluation],
) -> None:
    choice = FigureChoice(kinds=["fig2a", "fig2b", "fig2c", "fig3", "roc", "transport"])
    plan = plan_figures(evaluations, choice)
    names = [draw().name for draw in plan.figures]
    assert len(names) == len(set(names))
    families = sorted(name for name in names if "family" in name)
    assert families == sorted(
        f"{kind}-{place}{ending}"
        for place in PLACES
        for kind, ending in (("fig2c", ""), ("roc", "-tall"), ("transport", "-tall"))
    )
    paper = plan_figures([own for own in evaluations if not own.result.is_diagnostic], choice)
    assert [name for name in names if "family" not in name] == [
        draw().name for draw in paper.figures
    ]
    assert {each.kind for each in plan.omitted} == {"fig2a", "fig2b", "fig3"}
    only = plan_figures(evaluations, FigureChoice(kinds=["fig2a"], protocols=["p3-family"]))
    assert not only.figures


def test_a_figure_of_a_fold_shows_its_members_and_no_published_detector(
    evaluations: list[Evaluation],
) -> None:
    choice = FigureChoice(kinds=["fig2c"], protocols=["p3-family"])
    drawn = {
        own.name: own for draw in plan_figures(evaluations, choice).figures for own in [draw()]
    }
    assert set(drawn) == {f"fig2c-{place}" for place in PLACES}
    told = drawn["fig2c-p3-family-hallo"].alt
    assert all(name in told for name in ("Hallo ", "Hallo2 ", "hallo-family "))
    assert "paper" not in told


def test_the_report_shows_it_beside_the_protocols_and_says_what_it_is(
    evaluations: list[Evaluation],
) -> None:
    page = write_report(evaluations)
    for place in PLACES:
        assert place.upper() in page
    assert "2 together" in page
    assert "4 together" in page
    assert "P3-FAMILY is a diagnostic beside P3" in page
    one = [own for own in evaluations if own.result.is_diagnostic]
    assert "has no mean over generators" in write_report(one)


def test_transitions_take_a_fake_from_its_smallest_family(run: Path) -> None:
    found = transitions(run, after="p3-family", confident=0.0, missed_below=1.0).transitions
    folds = {row.generator: row for row in found.rows}
    assert len(folds) == 6
    for video in found.videos:
        (family,) = (each for each in Family if video.fold == f"p3-family-{each.slug}")
        assert len(family.generators) == 2
        assert video.generator in map(str, family.generators)
