"""Tables: complete, in the order of the paper, with notes on everything left out."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.support.made_results import make_cell, make_measure, make_result
from tests.support.records import make_scoring_record
from thb.evaluation.cells import METRICS, ScoreSettings
from thb.evaluation.result import Result
from thb.evaluation.tables import (
    INTERVAL_NOTE,
    NOT_COMPARABLE,
    ORDER_NOTE,
    RESOLUTION_NOTE,
    list_caveats,
    markdown_table,
    notes,
    rank,
)
from thb.evaluation.terminal_tables import print_results
from thb.runs.provenance import ScoredDetector
from thb.runs.record import ReleaseRecord


def render(results: list[Result], width: int = 120) -> str:
    stream = io.StringIO()
    print_results(results, Console(file=stream, width=width))
    return stream.getvalue()


def read_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[value.strip() for value in line.strip("|").split("|")] for line in lines]


def test_the_paper_table_has_a_column_a_generator_and_four_rows_a_detector() -> None:
    header, _, *rows = read_rows(markdown_table([make_result(), make_result(detector="tall")]))
    assert header == ["detector", "", "AniPortraitAudio", "Hallo", "LivePortrait", "mean"]
    assert [row[0] for row in rows] == ["baseline", "", "", "", "tall", "", "", ""]
    assert [row[1] for row in rows[:4]] == ["AUC ↑", "T1 ↑", "T0.1 ↑", "Brier ↓"]
    assert rows[0][2] == "0.800 [.40–.90]"
    assert rows[0][-1] == "0.750 [.38–.88]"


def test_markdown_has_the_numbers_of_a_wide_terminal() -> None:
    result = make_result(name="mine")
    _, _, *rows = read_rows(markdown_table([result]))
    text = render([result], 200)
    for row in rows:
        for cell in row[2:]:
            number, interval = cell.split(" ")
            assert number in text
            assert interval in text
    assert "0.80 " not in text


def test_detectors_have_names_and_stand_in_the_order_of_t1_then_auc() -> None:
    def make(name: str, t1: float, auc: float) -> Result:
        mean = {"t1": make_measure(t1), "auc": make_measure(auc)}
        return make_result(name=name, mean=mean)

    given = [make("worst", 0.1, 0.9), make("second", 0.5, 0.6), make("best", 0.5, 0.7)]
    given.append(make_result(name="unmeasured", mean={}))
    order = ["best", "second", "worst", "unmeasured"]
    assert [result.title for result in rank(given)] == order
    for text in (render(given, 200), render(given, 60), markdown_table(given)):
        places = [text.index(name) for name in order]
        assert places == sorted(places)
    assert ORDER_NOTE in notes(given)
    assert render(given, 200).count("best") == 1
    assert "baseline" in render(given, 200), "what kind of detector it is"


def test_a_release_with_other_counts_is_not_comparable_wherever_its_numbers_stand() -> None:
    own = make_result(release=ReleaseRecord(name="toy", revision="abc", counts_agree=False))
    note = notes([own])[-1]
    assert note.startswith("toy does not hold the videos of the published release")
    for text in (render([own]), own.to_markdown()):
        assert text.count(NOT_COMPARABLE) == 2
        assert note in text
    assert note in own.to_dict()["notes"]
    assert own.to_dict()["release"]["counts_agree"] is False
    for agree in (None, True):
        same = make_result(release=ReleaseRecord(name="toy", counts_agree=agree))
        assert NOT_COMPARABLE not in render([same]) + same.to_markdown()


def test_columns_say_how_many_videos_they_compare() -> None:
    other = make_result(detector="tall", cells=(make_cell("Hallo", n_fake=4),))
    assert "Hallo 4–6 fake, 20 real" in markdown_table([make_result(), other])
    assert "4–6 fake" in render([make_result(), other])


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", ["x", "a-detector-with-quite-a-long-name-of-its-own"])
def test_no_number_is_cut_off_however_narrow_the_console(width: int, name: str) -> None:
    values = {"Hallo": 0.111, "AniPortraitAudio": 0.222, "AniPortraitVideo": 0.333}
    values |= {"Hallo2": 0.444, "EmoPortrait": 0.555, "LivePortrait": 0.666}
    cells = tuple(
        make_cell(generator, measures={metric: make_measure(value) for metric in METRICS})
        for generator, value in values.items()
    )
    text = render([make_result(cells=cells, detector=name)], width)
    assert all(text.count(f"{value:.3f}") == 4 for value in values.values())
    assert text.count("0.750") == text.count("[.38–.88]") == 4
    assert "…" not in text
    assert name in text


@pytest.mark.parametrize("width", [76, 80, 100])
def test_a_narrow_terminal_has_a_line_a_generator(width: int) -> None:
    names = ["Hallo", "Hallo2", "AniPortraitAudio", "AniPortraitVideo", "LivePortrait"]
    cells = [make_cell(name, n_fake=117, n_real=280) for name in [*names, "EmoPortrait"]]
    cells += [make_cell(name, part="extra", n_fake=66, n_real=280) for name in ("MAGI-1", "Hallo3")]
    result = make_result(name="baseline-of-mine", cells=tuple(cells))
    tables = render([result], width).partition(INTERVAL_NOTE)[0].splitlines()
    assert max(map(len, tables)) <= width
    rows = [line.split() for line in tables if line.count("0.800") == 4]
    assert [row[0] for row in rows][:6] == [
        *("AniPortraitAudio", "AniPortraitVideo", "Hallo", "Hallo2", "EmoPortrait"),
        "LivePortrait",
    ]
    assert all(row[1:] == ["0.800"] * 4 for row in rows)
    shown = " ".join("\n".join(tables).split())
    assert "MAGI-1 0.800 0.800 0.800 0.800" in shown
    assert sum("117 fake, 280 real" in line for line in tables) == 6


def test_six_generators_fit_a_terminal_of_120_columns() -> None:
    names = ["Hallo", "Hallo2", "AniPortraitAudio", "AniPortraitVideo", "LivePortrait"]
    cells = tuple(make_cell(name) for name in [*names, "EmoPortrait"])
    table = [line for line in render([make_result(cells=cells)]).splitlines() if "[." in line]
    assert len(table) == 4
    assert max(map(len, table)) <= 120


def test_test_only_generators_stand_apart_with_a_row_a_fold() -> None:
    cells = [make_cell("Hallo", fold="p3-hallo"), make_cell("Hallo2", fold="p3-hallo2")]
    cells += [make_cell("MAGI-1", fold=cell.fold, part="extra", n_fake=3) for cell in cells]
    text = render([make_result(protocol="p3", cells=tuple(cells))])
    before, after = text.split("P3, test-only generators")
    assert "MAGI-1" not in before
    assert "MAGI-1" in after
    assert after.count("baseline") == 2
    assert "3 fake" in after
    assert "MAGI-1" not in markdown_table([make_result(cells=tuple(cells))])


def test_protocols_have_a_table_each() -> None:
    text = render([make_result(protocol="p3"), make_result()])
    assert text.index("P1 (new identities) on toy") < text.index("P3 (new identities, new")


def test_targets_below_the_resolution_are_marked_and_explained() -> None:
    low = {name: make_measure(0.8, below_resolution=name == "t01") for name in METRICS}
    result = make_result(cells=(make_cell("Hallo", measures=low),))
    text = render([result])
    assert text.count("0.800†") == 1
    assert RESOLUTION_NOTE in text
    assert "0.800† [" in result.to_markdown()
    assert "†" not in render([make_result()])


def test_a_detector_of_another_fold_is_marked_wherever_its_numbers_stand() -> None:
    p1 = make_scoring_record().fold_record
    run = make_scoring_record(protocol="p3", fold="p3-hallo", trained_on=p1)
    cells = (
        make_cell("Hallo", fold="p3-hallo"),
        make_cell("MAGI-1", fold="p3-hallo", part="extra"),
    )
    result = make_result(protocol="p3", cells=cells, runs={"p3-hallo": run})
    said = "trained for p1 split by release, not for p3-hallo split by release"
    text = render([result])
    assert text.count("baseline ‡") == 2, "in both tables"
    assert text.count(said) == 1
    assert "| baseline ‡ |" in markdown_table([result])
    assert said in result.to_markdown()
    assert sum(said in note for note in notes([result])) == 1
    own = make_scoring_record(trained_on=p1)
    for plain in (make_result(), make_result(runs={"p1": own})):
        assert "‡" not in render([plain]) + plain.to_markdown()


def test_a_synthetic_release_is_named_so_everywhere() -> None:
    result = make_result(release=ReleaseRecord(name="mini", revision="x", synthetic=True))
    text = render([result])
    assert "SYNTHETIC mini" in text.splitlines()[0]
    assert "SYNTHETIC" in text.splitlines()[-1]
    assert "SYNTHETIC" in result.to_markdown()
    assert "SYNTHETIC" not in render([make_result()])


def test_what_sets_a_result_apart_is_said() -> None:
    assert notes([make_result()]) == [INTERVAL_NOTE]
    cells = (
        make_cell("Hallo", unscored={"no_face": 2, "error": 1}, assumed=3),
        make_cell("Hallo2", unscored={"error": 4}),
        make_cell("LivePortrait", measures={}, problem="only real videos"),
    )
    result = make_result(
        cells=cells,
        mean_over=("Hallo", "Hallo2"),
        settings=ScoreSettings(method="nearest", no_face="as_fake"),
    )
    said = "\n".join(notes([result]))
    assert "not scored, at most per column: 4 error, 2 no_face" in said
    assert "videos without a face count as fake, at most 3 per column" in said
    assert "'nearest'" in said
    assert "mean is over 2 of 3 columns" in said
    assert "p1 LivePortrait: only real videos" in said
    assert [row[-2] for row in read_rows(markdown_table([result]))][2:] == ["–"] * 4


def test_names_from_someones_file_move_no_terminal_and_break_no_table() -> None:
    name = "[red]a[/red]|b\x1b[2J"
    result = make_result(detector=name, release=ReleaseRecord(name=name))
    text = render([result])
    assert "\x1b" not in text
    assert "[red]a[/red]|b�[2J" in text
    markdown = markdown_table([result])
    assert "\x1b" not in markdown
    assert "| [red]a[/red]\\|b�[2J |" in markdown


def test_a_detector_from_scratch_is_marked_and_the_mark_is_explained() -> None:
    """Nobody may take its numbers for those of the published training."""
    run = make_scoring_record()
    scratch = replace(run, detector=replace(run.detector, from_scratch=True))
    for runs, symbol in (({"p1": scratch}, "§"), ({"p1": run}, "")):
        result = make_result(runs=runs)
        text = result.to_markdown()
        assert ("| baseline § |" in text) == bool(symbol)
        assert ("§ baseline p1: The training began with random weights" in text) == bool(symbol)
        assert any("random weights" in note for note in notes([result])) == bool(symbol)


def test_a_training_with_pseudo_fakes_stands_marked_beside_the_one_without() -> None:
    plain = ScoredDetector(model_type="gend", from_scratch=True)
    warped, both = (
        replace(plain, pseudo_fakes=kinds) for kinds in (("warp",), ("warp", "autoencoder"))
    )
    results = [
        make_result(name=name, runs={"p1": make_scoring_record(detector=detector)})
        for name, detector in (("without", plain), ("warped", warped), ("both", both))
    ]
    table = markdown_table(results)
    for row in ("| without § |", "| warped § ◇ |", "| both § ◇ |"):
        assert row in table
    said = [line for line in list_caveats(results) if line.startswith("◇")]
    assert [line.partition(", which")[0] for line in said] == [
        "◇ warped p1: It was trained with pseudo-fakes (warp)",
        "◇ both p1: It was trained with pseudo-fakes (warp and autoencoder)",
    ]
    assert all("beside the same training without them" in line for line in said)


def test_one_mark_is_explained_once_for_all_folds_protocols_and_detectors() -> None:
    scratch = make_scoring_record(detector=ScoredDetector(model_type="a", from_scratch=True))
    plain = make_scoring_record(detector=ScoredDetector(model_type="a"))
    folds = ("p3-hallo", "p3-hallo2")
    cells = tuple(make_cell("Hallo", fold=fold) for fold in folds)
    results = [
        make_result(name="a", runs={"p1": scratch}),
        make_result(name="a", protocol="p3", cells=cells, runs=dict.fromkeys(folds, scratch)),
        make_result(
            name="b", protocol="p3", cells=cells, runs={folds[0]: plain, folds[1]: scratch}
        ),
    ]
    (caveat,) = list_caveats(results)
    assert caveat.startswith("§ a p1, p3; b p3-hallo2: The training began with random weights")


def test_random_weights_are_marked_wherever_a_result_is_shown() -> None:
    run = make_scoring_record(detector=ScoredDetector(model_type="baseline", untrained=True))
    result = make_result(runs={"p1": run})
    assert "| baseline (UNTRAINED) |" in markdown_table([result])
    assert "random" in result.to_markdown()
    assert any(
        "(UNTRAINED) baseline p1: Its weights are random" in note for note in notes([result])
    )
    assert result.to_dict()["runs"]["p1"]["detector"]["untrained"] is True
    assert "UNTRAINED" not in make_result().to_markdown()
