"""Tables: the paper's figures, the differences, and what is graded and bold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.scored_detectors import OTHER, PUBLISHED, make_p1, make_p3
from thb.evaluation.cells import MEAN
from thb.evaluation.tables import NOT_COMPARABLE
from thb.reports.evaluations import Evaluation
from thb.reports.published import read_published
from thb.reports.tables.building import build_tables
from thb.reports.tables.table import Line, Table, TableSet
from thb.runs.record import ReleaseRecord
from thb_dataset.errors import ResultError
from thb_dataset.records import TRAINING_GENERATORS

SIX = {str(name) for name in TRAINING_GENERATORS}


def find_table(built: TableSet, label: str) -> Table:
    (table,) = [table for table in built.tables if table.label == label]
    return table


def find_line(table: Table, name: str) -> Line:
    (line,) = [line for line in table.lines if line.name == name]
    return line


def read_differences(line: Line, metric: str) -> dict[str, float | None]:
    return {column: entries[metric].difference for column, entries in line.entries.items()}


@pytest.mark.parametrize(
    ("label", "detector", "t1"),
    [
        ("Table 5", "TALL", 0.988),
        ("Table 6", "TALL", 0.930),
        ("Table 7", "TALL", 0.873),
        ("Table 7", "DeepFake-Adapter", 0.908),
    ],
)
def test_the_means_of_the_paper_are_computed_from_its_figures(
    label: str, detector: str, t1: float
) -> None:
    table = find_table(build_tables([], published=True), label)
    entry = find_line(table, f"{detector} (paper)").entries[MEAN]["t1"]
    assert float(entry.number.value) == t1
    assert len(table.lines) == 7
    means = [line.entries[MEAN]["t1"].measure.value for line in table.lines]
    assert means == sorted(means, reverse=True)


def test_every_figure_of_the_paper_stands_in_its_table() -> None:
    built = build_tables([], published=True)
    shown = {
        (table.protocol, line.detector, column, metric): entry.number.value
        for table in built.tables
        for line in table.lines
        for column, entries in line.entries.items()
        if column != MEAN
        for metric, entry in entries.items()
    }
    printed = {
        (cell.protocol, cell.detector, cell.generator, metric): f"{value:.2f}"
        for cell in read_published()
        for metric, value in cell.numbers.items()
    }
    assert shown == printed


def test_a_detector_of_the_paper_stands_beside_its_figures() -> None:
    own = make_p1("mine", model_type="thb_tall", strength=0.9)
    line = find_line(find_table(build_tables([own]), "Table 5"), "mine")
    hallo = line.entries["Hallo"]["t1"]
    assert (hallo.measure.value, hallo.published, hallo.difference) == (0.9, 0.99, -0.09)
    assert (hallo.published_text, hallo.difference_text) == ("0.99", "−0.09")
    mean = line.entries[MEAN]["t1"]
    assert mean.published_text == "0.988"
    assert mean.difference == pytest.approx(0.9 - 0.988333, abs=1e-6)
    assert make_p1("other").result.detector == "thb_baseline"
    table = find_table(build_tables([make_p1("other")]), "Table 5")
    assert not table.compared


RELEASES: dict[str, tuple[ReleaseRecord, str]] = {
    "other": (OTHER, "release"),
    "synthetic": (ReleaseRecord(name="mini", revision="abc", synthetic=True), "release"),
    "unknown": (ReleaseRecord(name="old", revision="abc"), "release"),
    "by driver": (PUBLISHED, "driver"),
}


@pytest.mark.parametrize("case", RELEASES)
def test_there_is_a_difference_only_on_the_published_release(case: str) -> None:
    release, split_by = RELEASES[case]
    own = make_p1("mine", model_type="thb_tall", release=release)
    own = replace(own, result=replace(own.result, split_by=split_by))
    built = build_tables([own])
    line = find_line(find_table(built, "Table 5"), "mine")
    assert set(read_differences(line, "t1").values()) == {None}
    assert line.entries["Hallo"]["t1"].published == 0.99
    if case != "synthetic":
        assert any(NOT_COMPARABLE in note for note in built.notes)
    else:
        assert any("SYNTHETIC" in note for note in built.notes)


def test_a_mean_over_some_generators_is_not_compared_with_a_mean_over_six() -> None:
    own = make_p1("mine", model_type="thb_tall", generators=["Hallo", "LivePortrait"])
    line = find_line(find_table(build_tables([own]), "Table 5"), "mine")
    differences = read_differences(line, "t1")
    assert differences.pop(MEAN) is None
    assert None not in differences.values()


def test_no_published_figures_where_none_are_wanted() -> None:
    built = build_tables([make_p3("mine", model_type="thb_tall")], published=False)
    assert not any(table.compared for table in built.tables)
    assert not any(line.printed for table in built.tables for line in table.lines)


def test_the_best_is_bold_only_beyond_noise() -> None:
    detectors = [
        make_p1("best", strength=0.95, seed=1),
        make_p1("second", strength=0.7, seed=2),
        make_p1("worst", strength=0.5, seed=3),
    ]
    built = build_tables(detectors)
    table = find_table(built, "Table 5")
    line = find_line(table, "best")
    assert {name for name in table.columns if line.entries[name]["t1"].best} == {*SIX, MEAN}
    for line in table.lines:
        for entries in line.entries.values():
            assert not any(entry.best for name, entry in entries.items() if name != "t1")
            assert line.name == "best" or not entries["t1"].best
    assert {contest.second for contest in built.contests} == {"second"}

    close = [make_p1("best", strength=0.9, seed=1), make_p1("second", strength=0.89, seed=2)]
    built = build_tables(close)
    assert len(built.contests) == 7
    assert not any(
        entry.best
        for line in find_table(built, "Table 5").lines
        for entries in line.entries.values()
        for entry in entries.values()
    )
    assert any("Nothing is bold: no T1" in note for note in built.notes)


def test_the_comparisons_of_a_table_are_adjusted_for_their_number() -> None:
    built = build_tables(
        [make_p1("best", strength=0.9, seed=1), make_p1("second", strength=0.8, seed=2)]
    )
    plain = sorted(contest.p_value for contest in built.contests)
    expected, worst = [], 0.0
    for place, value in enumerate(plain):
        worst = max(worst, min(1.0, value * (len(plain) - place)))
        expected.append(worst)
    assert sorted(contest.adjusted for contest in built.contests) == pytest.approx(expected)
    assert expected != plain


def forget_predictions(own: Evaluation) -> Evaluation:
    return Evaluation(result=own.result)


def leave_few(own: Evaluation) -> Evaluation:
    return make_p1(own.result.name, strength=own.result.mean["t1"].value, n=60)


def take_few_resamples(own: Evaluation) -> Evaluation:
    settings = replace(own.result.settings, n_bootstrap=200)
    return replace(own, result=replace(own.result, settings=settings))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (forget_predictions, "without predictions"),
        (leave_few, "fewer than 100"),
        (take_few_resamples, "too few resamples"),
    ],
)
def test_a_note_says_why_nothing_could_be_compared(
    change: Callable[[Evaluation], Evaluation], reason: str
) -> None:
    strong, weak = make_p1("strong", strength=1.0, seed=1), make_p1("weak", strength=0.5, seed=2)
    built = build_tables([change(strong), change(weak)])
    assert built.contests == ()
    (note,) = [note for note in built.notes if reason in note and "bold" in note]
    assert note.startswith("Nothing is bold in Table 5:")


def test_grades_follow_t1_and_need_a_hundred_videos() -> None:
    own = make_p1("mine", strength=0.96)
    line = find_line(find_table(build_tables([own]), "Table 5"), "mine")
    assert line.entries["Hallo"]["auc"].measure.value < 0.99
    assert line.grade("Hallo") == line.grade(MEAN) == "good"
    assert line.entries["Hallo"]["auc"].grade is None
    few = find_table(build_tables([make_p1("few", strength=0.96, n=90)]), "Table 5")
    assert not few.graded


def test_test_only_generators_have_a_line_a_fold_in_p3() -> None:
    built = build_tables([make_p3("mine", model_type="thb_tall", n=20)], published=None)
    (table,) = [table for table in built.tables if table.part == "extra"]
    assert table.columns == ("MAGI-1", "Hallo3")
    ours = [line for line in table.lines if not line.printed]
    assert [line.fold for line in ours] == sorted(f"p3-{name.lower()}" for name in SIX)
    (paper,) = [line for line in table.lines if line.printed]
    assert (paper.detector, paper.entries["MAGI-1"]["t1"].measure.value) == ("TALL", 1.0)
    assert {line.entries["MAGI-1"]["t1"].published for line in ours} == {None}
    p1 = build_tables([make_p1("mine", model_type="thb_tall", generators=["Hallo", "MAGI-1"])])
    (table,) = [table for table in p1.tables if table.part == "extra"]
    assert table.lines[0].entries["MAGI-1"]["t1"].published == 1.0


def test_only_detectors_on_the_same_videos_share_a_table() -> None:
    built = build_tables([make_p1("here"), make_p1("there", release=OTHER)])
    assert sorted([line.name for line in table.lines] for table in built.tables) == [
        ["here"],
        ["there"],
    ]


def test_detectors_of_one_name_are_told_apart() -> None:
    built = build_tables([make_p1("same", strength=0.9), make_p1("same", strength=0.8)])
    assert [line.name for line in built.tables[0].lines] == ["same", "same #2"]


def test_a_protocol_can_be_chosen_and_must_be_there() -> None:
    own = make_p1("mine", n=10)
    assert {table.protocol for table in build_tables([own], protocol="p1").tables} == {"p1"}
    with pytest.raises(ResultError, match="results of p1, but none of p2"):
        build_tables([own], protocol="p2")
    with pytest.raises(ResultError, match="no results"):
        build_tables([])
    both = build_tables([own], protocol="p2", published=True)
    assert [table.label for table in both.tables] == ["Table 6"]
