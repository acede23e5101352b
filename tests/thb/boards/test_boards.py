"""Both boards from a results repo: who is ranked, where, and who is named and left out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.made_boards import (
    FOLDS,
    by_strength,
    make_videos,
    write_agreeing_rerun,
    write_small_results,
    write_submission,
)
from thb.boards.board import DetectorRow, DetectorTable
from thb.boards.building import Boards, build_boards
from thb.evaluation.score import score
from thb.prediction.predictions import Prediction, read_predictions
from thb.reports.published import average_published
from thb.runs.provenance import ScoredDetector
from thb.runs.record import FoldRecord, ReleaseRecord
from thb_dataset.errors import ResultError, SettingsError

QUICK = 200


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def boards(results: Path) -> Boards:
    return build_boards(results, n_bootstrap=QUICK)


def find(table: DetectorTable, name: str) -> DetectorRow:
    (row,) = [row for row in table.rows if row.name == name]
    return row


def explain(root: Path, model: str = "acme/odd", protocol: str = "p1") -> str | None:
    """Build the boards and return why a detector has no rank; None if it has one."""
    table = build_boards(root, n_bootstrap=QUICK).detectors.protocols[protocol]
    return find(table, model.partition("/")[2]).reason


def test_every_number_is_that_of_score(results: Path, boards: Boards) -> None:
    folder = results / "results" / "lab__middle" / f"{3:040x}"
    for protocol in ("p1", "p3"):
        files = [folder / name / "predictions.parquet" for name in FOLDS if protocol in name]
        expected = score([read_predictions(file) for file in files], n_bootstrap=QUICK)
        row = find(boards.detectors.protocols[protocol], "middle")
        for name, measure in expected.mean.items():
            assert row.mean[name].value == pytest.approx(measure.value, abs=1e-6)
            low, high = row.mean[name].low, row.mean[name].high
            assert low is not None
            assert high is not None
            # Another bootstrap of the same videos: Poisson weights instead of multinomial ones.
            assert low == pytest.approx(measure.low, abs=0.12)
            assert high == pytest.approx(measure.high, abs=0.12)
        tested = {cell.generator: cell for cell in expected.cells if cell.part == "test"}
        assert row.cells.keys() == tested.keys()
        for name, cell in tested.items():
            assert row.cells[name]["t1"].value == pytest.approx(cell.measures["t1"].value, abs=1e-6)
        extra = [cell.measures["t1"].value for cell in expected.cells if cell.part == "extra"]
        assert row.extra["MAGI-1"]["t1"].value == pytest.approx(sum(extra) / len(extra), abs=1e-6)


def test_a_clearly_better_detector_has_a_group_of_its_own(boards: Boards) -> None:
    overall = boards.detectors.overall
    strong, middle, weak = (find(overall, name) for name in ("strong", "middle", "weak"))
    assert [row.rank for row in (strong, middle, weak)] == [1, 2, 3]
    assert (strong.rank_low, strong.rank_high) == (1, 1)
    assert strong.group == "a"
    assert "a" not in middle.group + weak.group


def test_a_detector_twice_has_one_rank_and_one_group(tmp_path: Path) -> None:
    for model, strength in (("acme/one", 1.5), ("lab/other", 1.4), ("acme/good", 3.0)):
        write_submission(tmp_path, model, by_strength(strength), seed=7, folds=["p1"])
    write_submission(tmp_path, "zoo/twin", by_strength(1.5), seed=7, folds=["p1"])
    table = build_boards(tmp_path, n_bootstrap=QUICK).detectors.protocols["p1"]
    one, twin = find(table, "one"), find(table, "twin")
    assert replace(twin, name="", org="", model="", link="", folder="") == replace(
        one, name="", org="", model="", link="", folder=""
    )
    assert one.rank == 2
    assert find(table, "other").rank == 4


def test_the_boards_do_not_depend_on_the_order_of_folders_or_rows(
    results: Path, boards: Boards, tmp_path: Path
) -> None:
    for folder in sorted((results / "results").iterdir(), reverse=True):
        shutil.copytree(folder, tmp_path / "copy" / "results" / folder.name)
    shutil.copytree(results / "generators", tmp_path / "copy" / "generators")
    again = build_boards(tmp_path / "copy", n_bootstrap=QUICK)
    first, second = boards.save(tmp_path / "a"), again.save(tmp_path / "b")
    assert [file.name for file in first] == [
        f"{name}{ending}"
        for name in ("detectors", "generators")
        for ending in (".json", ".csv", ".md", ".html")
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_published_figures_stand_beside_without_rank_or_interval(boards: Boards) -> None:
    for protocol, table in boards.detectors.protocols.items():
        row = find(table, "TALL (paper)")
        assert (row.kind, row.tier, row.rank, row.group) == ("published", "published", None, "")
        assert row.mean["t1"].value == pytest.approx(average_published(protocol, "TALL", "t1"))
        assert row.mean["t1"].low is None
        listed = [own for own in table.rows if own.kind != "unranked"]
        values = [own.mean["t1"].value for own in listed]
        assert values == sorted(values, reverse=True)
    assert [row.kind for row in boards.detectors.protocols["p2"].rows] == ["published"] * 7


def test_what_metadata_reach_is_the_floor(boards: Boards) -> None:
    table = boards.detectors.protocols["p1"]
    floor = find(table, "metadata only (trees)")
    assert (floor.kind, floor.rank, floor.group) == ("floor", None, "")
    assert floor.mean["t1"].low is not None
    generators = boards.generators.protocols["p1"]
    for row in generators.rows:
        if row.part != "proposed":
            assert all("metadata" not in own.name for own in row.by_detector)
    by_name = {row.name: row for row in generators.rows}
    hallo = floor.cells["Hallo"]
    assert by_name["Hallo"].floor == {"t1": hallo["t1"].value, "t01": hallo["t01"].value}


def test_detectors_at_the_floor_are_named(tmp_path: Path) -> None:
    write_submission(tmp_path, "acme/lost", lambda video, rng: 0.5, folds=["p1"])
    metadata = ScoredDetector(name="m", model_type="metadata_trees")
    write_submission(
        tmp_path, "bench/meta", by_strength(4), seed=1, folds=["p1"], detector=metadata
    )
    table = build_boards(tmp_path, n_bootstrap=QUICK).detectors.protocols["p1"]
    assert any(note.startswith("Not above the floor: lost.") for note in table.notes)


def test_a_rerun_submission_has_the_highest_tier(boards: Boards) -> None:
    tiers = {row.name: row.tier for row in boards.detectors.protocols["p1"].rows}
    assert (tiers["middle"], tiers["weak"]) == ("re-run", "recomputed")


def test_whoever_covers_less_is_named_and_not_ranked(boards: Boards) -> None:
    row = find(boards.detectors.protocols["p3"], "partial")
    assert (row.kind, row.rank) == ("unranked", None)
    assert "it covers 2 of 6 folds" in str(row.reason)
    assert find(boards.detectors.protocols["p1"], "partial").kind == "ranked"
    assert "partial" not in [own.name for own in boards.detectors.overall.rows]


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    for at in range(2):
        write_submission(tmp_path, f"acme/d{at}", by_strength(2), seed=at, folds=["p1"])
    return tmp_path


def test_videos_without_a_score_cost_the_rank_beyond_the_coverage(crowd: Path) -> None:
    def leave_out(count: int) -> Callable[[Prediction, Any], float | None]:
        return lambda video, rng: (
            None
            if video.label == 0 and int(video.video_id[-5:-2]) < count
            else by_strength(2)(video, rng)
        )

    write_submission(crowd, "acme/few", leave_out(2), seed=8, folds=["p1"])
    write_submission(crowd, "acme/odd", leave_out(3), seed=9, folds=["p1"])
    assert explain(crowd) == "it scored 37 of 40 real videos in p1"
    assert explain(crowd, "acme/few") is None


def test_other_videos_other_labels_and_other_releases_are_not_ranked(crowd: Path) -> None:
    def relabelled(fold: str) -> list[Prediction]:
        first, *rest = make_videos(fold)
        return [replace(first, label=1, generator="Hallo"), *rest]

    changes: list[tuple[dict[str, Any], str]] = [
        ({"videos": relabelled}, "rows are not the videos"),
        ({"videos": lambda fold: make_videos(fold)[1:]}, "rows are not the videos"),
        ({"release": ReleaseRecord(name="mine", revision="b" * 40)}, "another release: mine bbbb"),
        ({"split_by": "driver"}, "another release"),
    ]
    for changed, reason in changes:
        folder = write_submission(
            crowd, "acme/odd", by_strength(2), seed=9, folds=["p1"], **changed
        )
        assert reason in str(explain(crowd))
        shutil.rmtree(folder)


def test_scores_that_are_no_result_of_the_benchmark_are_not_ranked(crowd: Path) -> None:
    trained_on = FoldRecord(
        protocol="p3", fold="p3-hallo", split_by="release", release=ReleaseRecord(name="r")
    )
    folder = write_submission(
        crowd, "acme/odd", by_strength(2), seed=9, folds=["p1"], trained_on=trained_on
    )
    assert "trained for p3-hallo" in str(explain(crowd))
    shutil.rmtree(folder)
    untrained = ScoredDetector(model_type="odd", untrained=True)
    write_submission(crowd, "acme/odd", by_strength(2), seed=9, folds=["p1"], detector=untrained)
    assert "weights are random" in str(explain(crowd))


def test_a_mark_follows_the_name(crowd: Path, tmp_path: Path) -> None:
    scratch = ScoredDetector(model_type="odd", from_scratch=True)
    write_submission(crowd, "acme/odd", by_strength(2), seed=9, folds=["p1"], detector=scratch)
    boards = build_boards(crowd, n_bootstrap=QUICK, out=tmp_path / "out")
    row = find(boards.detectors.protocols["p1"], "odd")
    assert [mark.symbol for mark in row.marks] == ["§"]
    for ending in ("md", "html"):
        text = (tmp_path / "out" / f"detectors.{ending}").read_text()
        assert "odd §" in text
        assert "began with random weights" in text


def test_two_rows_with_other_pseudo_fakes_are_both_explained(crowd: Path, tmp_path: Path) -> None:
    for seed, kinds in enumerate([("warp",), ("autoencoder",)]):
        trained = ScoredDetector(model_type="odd", pseudo_fakes=kinds)
        name = f"acme/{kinds[0]}"
        write_submission(crowd, name, by_strength(2), seed=seed, folds=["p1"], detector=trained)
    boards = build_boards(crowd, n_bootstrap=QUICK, out=tmp_path / "out")
    for name in ("warp", "autoencoder"):
        row = find(boards.detectors.protocols["p1"], name)
        assert [mark.symbol for mark in row.marks] == ["◇"]
        assert row.rank is not None
        for ending in ("md", "html"):
            text = (tmp_path / "out" / f"detectors.{ending}").read_text()
            assert f"{name} ◇" in text
            assert f"It was trained with pseudo-fakes ({name})" in text


def test_the_majority_decides_which_videos_count(crowd: Path) -> None:
    other = ReleaseRecord(name="other", revision="c" * 40)
    for at in range(3):
        write_submission(
            crowd, f"lab/e{at}", by_strength(2), seed=20 + at, folds=["p1"], release=other
        )
    table = build_boards(crowd, n_bootstrap=QUICK).detectors.protocols["p1"]
    assert table.release == other
    assert find(table, "d0").kind == "unranked"


def test_a_fold_without_real_videos_ranks_nobody(tmp_path: Path) -> None:
    write_submission(
        tmp_path,
        "acme/odd",
        by_strength(2),
        folds=["p1"],
        videos=lambda fold: [own for own in make_videos(fold) if own.label],
    )
    assert "lacks real videos" in str(explain(tmp_path))


HOSTILE = {
    "markup": "<img src=x onerror=alert(1)>",
    "link": "[click](javascript:alert(1))",
    "formula": '=HYPERLINK("http://evil")',
    "escape": "\x1b]0;owned\x07\x1b[2J",
    "table": "a | b\n| c |",
    "surrogate": "\ud800",
    "long": "x" * 100_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_names_do_nothing_but_stand_there(kind: str, tmp_path: Path) -> None:
    name = HOSTILE[kind]
    said = {"name": name, "links": {"paper": f"javascript:{name}"}}
    folder = write_submission(tmp_path, "acme/one", by_strength(2), folds=["p1"], said=said)
    boards = build_boards(tmp_path, n_bootstrap=QUICK, out=tmp_path / "out")
    texts = {path.suffix: path.read_text() for path in (tmp_path / "out").glob("detectors.*")}
    if kind == "surrogate":  # no JSON holds it: the submission is left out
        assert boards.detectors.left_out[0].path == f"results/{folder.parent.name}/{folder.name}"
        return
    (row,) = [own for own in boards.detectors.protocols["p1"].rows if own.kind == "ranked"]
    assert len(row.name) <= 100
    assert row.link == "https://huggingface.co/acme/one"
    assert "<img" not in texts[".html"]
    assert not re.search(r"(?<!\\)\]\(javascript", texts[".md"])
    assert not any(line.startswith("=") for line in texts[".csv"].replace(",", "\n").splitlines())
    for text in texts.values():
        assert "\x1b" not in text
        assert "\x07" not in text
        assert len(text) < 1_000_000
    lines = texts[".md"].splitlines()
    bars = {line.replace("\\|", "").count("|") for line in lines if line.startswith("|")}
    assert len(bars) <= 4  # one per table: overall, P1, P2 and P3


ONE = f"results/acme__one/{1:040x}"


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        (f"{ONE}/p1/predictions.parquet", b"PAR1", "holds no predictions"),
        (f"{ONE}/submission.json", b"{", "submission.json is not a thb-submission/1 record"),
        (f"{ONE}/submission.json", b'{"name": 3}', "name"),
        (f"{ONE}/submission.json", b"[" * 100_000, "submission.json is not a"),
        (f"{ONE}/submission.json", b" " * 11_000_000, "more than 10,485,760 bytes"),
        (f"{ONE}/rerun.json", b"x", "rerun.json is not a"),
        (f"{ONE}/p9/predictions.parquet", b"x", "p9 is not a fold"),
        (
            f"{ONE}/p3-family-hallo/predictions.parquet",
            b"x",
            "a diagnostic beside P3 that no board",
        ),
        (f"{ONE}/notes.txt", b"x", None),
        ("results/readme.txt", b"x", "not a folder named"),
        ("results/no-owner/1/submission.json", b"{}", "not a folder named"),
        ("results/acme__one/note.txt", b"x", "not a folder named by a revision"),
        ("results/acme__one/-rf/submission.json", b"{}", "submission.json is not a"),
        ("generators/acme__gen/1/generator.json", b"x", "damaged"),
    ],
)
def test_what_is_damaged_is_named_and_left_out(
    path: str, content: bytes, reason: str | None, tmp_path: Path
) -> None:
    write_submission(tmp_path, "acme/one", by_strength(2), folds=["p1"], seed=1)
    write_submission(tmp_path, "acme/two", by_strength(2), folds=["p1"], seed=2)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_bytes(content)
    board = build_boards(tmp_path, n_bootstrap=QUICK).detectors
    assert find(board.protocols["p1"], "two").kind == "ranked"
    if reason is None:
        assert board.left_out == ()
    else:
        assert any(reason in one.reason for one in board.left_out), board.left_out
        assert all(str(tmp_path) not in one.reason for one in board.left_out)
        assert len({row.name for row in board.protocols["p1"].rows} & {"one"}) <= 1


def test_a_submission_in_the_folder_of_another_is_left_out(tmp_path: Path) -> None:
    folder = write_submission(tmp_path, "acme/one", by_strength(2), folds=["p1"])
    (tmp_path / "results" / "evil__two").mkdir()
    folder.rename(tmp_path / "results" / "evil__two" / folder.name)
    (left_out,) = build_boards(tmp_path, n_bootstrap=QUICK).detectors.left_out
    assert "another model or revision than its folder" in left_out.reason


def test_only_a_rerun_of_this_very_submission_that_agrees_lifts_its_tier(tmp_path: Path) -> None:
    folder = write_submission(tmp_path, "acme/odd", by_strength(2), folds=["p1"])

    def find_tier(**changed: Any) -> str:
        write_agreeing_rerun(folder, **changed)
        return find(build_boards(tmp_path, n_bootstrap=2).detectors.protocols["p1"], "odd").tier

    assert find_tier() == "re-run"
    assert find_tier(submission_sha256="0" * 64) == "recomputed"
    assert find_tier(compared=0) == "recomputed"
    assert find_tier(other_weights=("p1",)) == "recomputed"


def test_fakes_named_like_no_generator_are_shown_as_they_are(tmp_path: Path) -> None:
    def odd(fold: str) -> list[Prediction]:
        return [
            replace(own, generator="<b>|=x") if own.generator == "Hallo" else own
            for own in make_videos(fold)
        ]

    write_submission(tmp_path, "acme/one", by_strength(2), folds=["p1"], videos=odd)
    build_boards(tmp_path, n_bootstrap=QUICK, out=tmp_path / "out")
    for name in ("detectors", "generators"):
        assert "<b>|" not in (tmp_path / "out" / f"{name}.html").read_text()


def test_impossible_settings_and_places_are_refused(tmp_path: Path, results: Path) -> None:
    with pytest.raises(ResultError, match="holds no folder results/"):
        build_boards(tmp_path)
    for changed in ({"n_bootstrap": 1}, {"least_coverage": 0.0}, {"seed": -1}):
        with pytest.raises(SettingsError, match="a board needs"):
            build_boards(results, **changed)


def test_a_results_repo_without_submissions_has_the_paper_s_rows_only(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    boards = build_boards(tmp_path, out=tmp_path / "out")
    kinds = {row.kind for table in boards.detectors.protocols.values() for row in table.rows}
    assert kinds == {"published"}
    assert all(not table.rows for table in boards.generators.protocols.values())
