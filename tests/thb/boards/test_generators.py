"""The board of generators, and the rule that retires them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.command_line import Run
from tests.support.made_boards import (
    FOLDS,
    Scorer,
    by_strength,
    make_videos,
    write_small_results,
    write_submission,
)
from thb.boards.board import GeneratorTable
from thb.boards.building import build_boards
from thb.boards.retirement import apply_rule, retire_generators
from thb.evaluation.score import score
from thb.prediction.predictions import Prediction, read_predictions
from thb_dataset.errors import ProtocolError

QUICK = 200


def by_generator(strengths: dict[str, float], other: float) -> Scorer:
    def scorer(video: Prediction, rng: np.random.Generator) -> float | None:
        strength = strengths.get(str(video.generator), other)
        return by_strength(strength)(video, rng)

    return scorer


def many_videos(fold: str) -> list[Prediction]:
    return make_videos(fold, reals=1000, fakes=40, extras=40, drivers=40)


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four detectors on P1: Hallo is worn out for three of them, MAGI-1 is harder than all."""
    root = tmp_path_factory.mktemp("worn")
    for at in range(4):
        hallo = 40.0 if at else 1.0
        scorer = by_generator({"Hallo": hallo, "MAGI-1": 0.0}, other=4.0)
        write_submission(root, f"acme/d{at}", scorer, seed=at, folds=["p1"], videos=many_videos)
    return root


def test_detectability_is_the_mean_of_the_detectors_own_shares(worn: Path) -> None:
    table: GeneratorTable = build_boards(worn, n_bootstrap=QUICK).generators.protocols["p1"]
    results = [
        score(read_predictions(file), n_bootstrap=0)
        for file in sorted(worn.glob("results/*/*/p1/predictions.parquet"))
    ]
    assert table.n_detectors == 4
    for row in table.rows:
        for metric in ("t1", "t01"):
            shares = [
                cell.measures[metric].value
                for result in results
                for cell in result.cells
                if cell.generator == row.name
            ]
            assert row.mean[metric].value == pytest.approx(np.mean(shares), abs=1e-6)
            given = sorted(getattr(own, metric) for own in row.by_detector)
            assert given == pytest.approx(sorted(shares), abs=1e-6)
            low, high = row.mean[metric].low, row.mean[metric].high
            assert low is not None
            assert high is not None
            assert low <= row.mean[metric].value <= high
    values = [row.mean["t1"].value for row in table.rows]
    assert values == sorted(values)
    assert table.rows[0].name == "MAGI-1"
    assert (table.rows[0].rank, table.rows[0].part, table.rows[0].group) == (1, "extra", "a")


def test_a_proposed_generator_is_an_extra_row(tmp_path: Path) -> None:
    results = write_small_results(tmp_path)
    for table in build_boards(results, n_bootstrap=QUICK).generators.protocols.values():
        (row,) = [row for row in table.rows if row.part == "proposed"]
        assert (row.name, row.rank, row.mean) == ("NewFace", None, {})


def test_worn_out_generators_and_harder_candidates_are_named_with_the_evidence(
    worn: Path,
) -> None:
    found = retire_generators(worn, protocol="p1", n_bootstrap=QUICK)
    (gone,) = found.worn_out
    assert (gone.generator, gone.n_beyond, gone.n_detectors) == ("Hallo", 3, 4)
    assert [own.t01 > 0.99 for own in gone.by_detector] == [True, True, True, False]
    (taken,) = found.candidates
    assert taken.generator == "MAGI-1"
    assert found.closest is not None
    assert "Hallo" not in found.closest
    assert max(found.closest.values()) <= 2
    assert found.is_due
    assert "retire Hallo: 3 of 4 detectors" in found.to_text()
    assert "| acme/d0 |" not in found.to_text()
    assert "| d0 |" in found.to_markdown()


def test_the_command_tells_by_its_exit_code_whether_something_is_due(
    worn: Path, tmp_path: Path, run_thb: Run
) -> None:
    due = run_thb("board", "retire", worn, "--protocol", "p1", "--format", "json")
    assert due.code == 1
    assert json.loads(due.out)["worn_out"][0]["generator"] == "Hallo"
    small = write_small_results(tmp_path)
    not_due = run_thb("board", "retire", small, "--protocol", "p1")
    assert not_due.code == 0
    assert "T0.1 is below its resolution; it needs 1,000 real videos" in not_due.out


def test_half_of_the_detectors_is_no_majority(tmp_path: Path) -> None:
    for at in range(4):
        scorer = by_generator({"Hallo": 40.0 if at < 2 else 1.0}, other=4.0)
        write_submission(tmp_path, f"acme/d{at}", scorer, seed=at, folds=["p1"], videos=many_videos)
    found = retire_generators(tmp_path, protocol="p1", n_bootstrap=QUICK)
    assert found.worn_out == ()
    assert found.closest is not None
    assert found.closest["Hallo"] == 2


def test_the_rule_is_not_applied_where_it_says_nothing(worn: Path, tmp_path: Path) -> None:
    board = build_boards(worn, n_bootstrap=QUICK).generators
    few = apply_rule(board, "p1", least_detectors=5)
    assert not few.is_due
    assert "4 verified detectors have scored P1, and it needs 5" in few.to_text()
    nobody = apply_rule(board, "p2")
    assert not nobody.is_due
    assert "0 verified detectors" in nobody.to_text()
    with pytest.raises(ProtocolError, match="no protocol 'p4'"):
        apply_rule(board, "p4")


def test_candidates_are_named_even_where_retirement_cannot_be_decided(tmp_path: Path) -> None:
    for at in range(3):
        scorer = by_generator({"MAGI-1": -3.0}, other=6.0)
        write_submission(
            tmp_path,
            f"acme/d{at}",
            scorer,
            seed=at,
            folds=FOLDS,
            videos=lambda fold: make_videos(fold, reals=150, fakes=30, extras=30, drivers=30),
        )
    found = retire_generators(tmp_path, n_bootstrap=QUICK)
    assert [own.generator for own in found.candidates] == ["MAGI-1"]
    assert found.worn_out == ()
    assert "cannot be decided" in found.to_text()
    assert found.is_due
