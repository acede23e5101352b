"""Tables: complete, in the order of the paper, with notes on everything left out."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.support.made_results import make_cell, make_measure, make_result
from tests.support.records import make_scoring_record
from thb.evaluation.cells import METRICS, ScoreSettings
from thb.evaluation.result import Result
from thb.evaluation.tables import (
    INTERVAL_NOTE,
    RESOLUTION_NOTE,
    markdown_table,
    notes,
    print_results,
)
from thb.runs.provenance import ScoredDetector
from thb.runs.record import ReleaseRecord


def render(results: list[Result], width: int = 120) -> str:
    stream = io.StringIO()
    print_results(results, Console(file=stream, width=width))
    return stream.getvalue()


def read_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[value.strip() for value in line.strip("|").split("|")] for line in lines]


def test_the_paper_table_has_a_row_a_detector_and_four_columns_a_generator() -> None:
    header, _, first, second = read_rows(
        markdown_table([make_result(), make_result(detector="tall")])
    )
    assert header[1:5] == [
        "AniPortraitAudio AUC ↑",
        "AniPortraitAudio T1 ↑",
        "AniPortraitAudio T0.1 ↑",
        "AniPortraitAudio Brier ↓",
    ]
    assert [name.split()[0] for name in header[1::4]] == [
        "AniPortraitAudio",
        "Hallo",
        "LivePortrait",
        "mean",
    ]
    assert len(header) == len(first) == len(second) == 1 + 4 * 3 + 4
    assert (first[0], second[0]) == ("baseline", "tall")
    assert first[1] == "0.80 [.40–.90]"
    assert first[-1] == "0.75 [.38–.88]"


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
    assert "0.80† [" in result.to_markdown()
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
    assert "–" in [row[-5] for row in read_rows(markdown_table([result]))]


def test_names_from_someones_file_move_no_terminal_and_break_no_table() -> None:
    name = "[red]a[/red]|b\x1b[2J"
    result = make_result(detector=name, release=ReleaseRecord(name=name))
    text = render([result])
    assert "\x1b" not in text
    assert "[red]a[/red]|b�[2J" in text
    markdown = markdown_table([result])
    assert "\x1b" not in markdown
    assert "| [red]a[/red]\\|b�[2J |" in markdown


def test_random_weights_are_marked_wherever_a_result_is_shown() -> None:
    run = make_scoring_record(detector=ScoredDetector(model_type="baseline", untrained=True))
    result = make_result(runs={"p1": run})
    assert "| baseline (UNTRAINED) |" in markdown_table([result])
    assert "random" in result.to_markdown()
    assert any("(UNTRAINED): the weights of baseline" in note for note in notes([result]))
    assert result.to_dict()["runs"]["p1"]["detector"]["untrained"] is True
    assert "UNTRAINED" not in make_result().to_markdown()
