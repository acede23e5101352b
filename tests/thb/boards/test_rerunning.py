"""Re-runs: an honest submission agrees, an altered row is found, and the chance of it is exact."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import Run
from tests.support.made_submissions import edit_rows
from thb.boards.checking import check_submissions
from thb.boards.rerun_records import probability_of_finding, read_rerun
from thb.boards.rerunning import RerunSettings, rerun_submission
from thb.boards.submissions import RERUN_FILE, make_submission
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.prediction.inference import PredictSettings, aggregate
from thb.prediction.predictions import Prediction, Status
from thb_dataset.errors import ResultError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

EVERY = 10_000
SCORING = PredictSettings(progress=False)


@pytest.fixture(scope="module")
def run(
    untrained: Path, tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The scores of fresh weights on P1 of the tiny release."""
    out = tmp_path_factory.mktemp("rerun") / "run"
    evaluate(
        untrained,
        protocol="p1",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        out=out,
        settings=EvaluateSettings(n_bootstrap=0, scoring=SCORING),
    )
    return out


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> Path:
    made = make_submission(run, tmp_path / "repo", model="someone/x", revision="ab" * 20)
    return made.folder


def shift_logits(row: Prediction, by: float) -> Prediction:
    """Return a row whose logits were moved, with the score that they give."""
    logits = tuple(logit + by for logit in row.clip_logits)
    return replace(row, clip_logits=logits, score=aggregate(logits, "mean_probability"))


def test_an_honest_submission_agrees_and_its_record_passes_the_check(
    folder: Path, untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    record = rerun_submission(
        folder,
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        detector=untrained,
        settings=RerunSettings(n=6, scoring=SCORING),
    )
    assert record.agrees
    assert (record.compared, record.not_compared) == (6, {})
    assert record.largest_difference is not None
    assert record.largest_difference < 1e-4
    assert read_rerun(folder) == record
    found = check_submissions(tmp_path / "repo").findings
    assert not [finding for finding in found if finding.place.endswith(RERUN_FILE)]


def test_nobody_knows_the_draw_before_and_a_seed_repeats_it(
    folder: Path, untrained: Path, tiny_release: MiniRelease
) -> None:
    def draw(seed: int | None) -> int:
        settings = RerunSettings(n=1, seed=seed, scoring=SCORING)
        return rerun_submission(
            folder,
            release=tiny_release.hub,
            real_root=tiny_release.real_root,
            detector=untrained,
            settings=settings,
        ).seed

    assert draw(7) == 7
    assert draw(None) != draw(None)


def test_one_altered_row_is_found_and_named(
    folder: Path, untrained: Path, tiny_release: MiniRelease, run_thb: Run, tmp_path: Path
) -> None:
    altered: list[str] = []

    def alter(given: list[Prediction]) -> list[Prediction]:
        at = next(i for i, row in enumerate(given) if row.status is Status.OK)
        altered.append(given[at].video_id)
        return [*given[:at], shift_logits(given[at], 0.5), *given[at + 1 :]]

    edit_rows(folder, alter)
    refused = {finding.kind for finding in check_submissions(tmp_path / "repo").findings}
    assert refused == {"admission"}, "it agrees with itself; only its release is synthetic"
    words = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root]
    words += ["--detector", untrained, "--n", EVERY, "-q"]
    ended = run_thb("board", "rerun", folder, *words)
    assert ended.code == 1
    named = [line for line in ended.out.splitlines() if "submitted" in line and "found" in line]
    assert len(named) == 1
    assert altered[0] in named[0]
    assert "would have shown with probability 1.000" in ended.out
    assert not read_rerun(folder).agrees
    again = run_thb("board", "rerun", folder, *words, "--format", "json")
    assert [video["video_id"] for video in json.loads(again.out)["differing"]] == altered
    assert run_thb("board", "rerun", folder, *words, "--tolerance", "0.6").code == 0


def test_other_weights_are_found(folder: Path, tiny_release: MiniRelease, tmp_path: Path) -> None:
    from detectors.registry import load_detector

    config = {"clip": {"clips": 2, "frames": 4, "size": 48}}
    other = load_detector("baseline", config=config, untrained=True, seed=1)
    other.save_pretrained(tmp_path / "other")
    record = rerun_submission(
        folder,
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        detector=tmp_path / "other",
        settings=RerunSettings(n=2, scoring=SCORING, tolerance=1e9),
    )
    assert record.other_weights == ("p1",)
    assert not record.agrees


def test_another_release_and_one_without_videos_are_refused(
    folder: Path, tiny_release: MiniRelease, untrained: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(tiny_release.hub, tmp_path / "hub")
    next((tmp_path / "hub").rglob("*.mp4")).unlink()
    with pytest.raises(ResultError, match="was not tested on"):
        rerun_submission(folder, release=tmp_path / "hub", detector=untrained)


@pytest.mark.parametrize(("population", "altered"), [(5, 2), (8, 1), (6, 3)])
def test_the_probability_is_the_share_of_draws_that_hold_an_altered_row(
    population: int, altered: int
) -> None:
    for drawn in range(population + 1):
        draws = list(itertools.combinations(range(population), drawn))
        found = sum(any(row < altered for row in draw) for draw in draws)
        assert probability_of_finding(population, altered, drawn) == pytest.approx(
            float(Fraction(found, len(draws)))
        )


def test_sixty_rows_find_an_alteration_of_five_percent() -> None:
    assert probability_of_finding(10**6, 50_000, 60) == pytest.approx(1 - 0.95**60, abs=1e-4)
    assert probability_of_finding(3_000, 150, 60) == pytest.approx(0.954, abs=2e-3)
    with pytest.raises(ValueError, match="4 drawn of 3 rows"):
        probability_of_finding(3, 1, 4)
