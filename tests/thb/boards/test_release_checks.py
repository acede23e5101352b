"""Rows beside the folds of a release: what is missing, foreign, doubled, or said to be another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.made_submissions import DETECTOR, edit_rows, make_run, submit_to, with_logit
from thb.boards.checking import check_submissions
from thb.boards.findings import FindingKind
from thb.prediction.predictions import Prediction, Predictions, Status
from thb.releases.opening import OpenRelease, open_release
from thb.runs.folds import build_all_folds
from thb.runs.provenance import FoldScoringRecord
from thb.runs.record import describe_fold
from thb_dataset.clip_spec import ClipSpec

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

Rows = list[Prediction]


@pytest.fixture
def opened(tiny_release: MiniRelease) -> OpenRelease:
    return open_release(tiny_release.hub, real_root=tiny_release.real_root)


@pytest.fixture
def repo(opened: OpenRelease, tmp_path: Path) -> Path:
    """A results repo with made-up scores of every test video of P1 of the tiny release."""
    (fold,) = build_all_folds(opened, ["p1"], fold=None, split_by="release")
    record = describe_fold(fold, opened.release)
    run = FoldScoringRecord(
        **vars(record), detector=DETECTOR, clip_spec=ClipSpec(), trained_on=record, name="Mine"
    )
    parts = {"test": fold.test, "extra": fold.extra}
    rows = tuple(
        with_logit(
            Prediction.of_video(video, split=part, status=Status.OK, score=0.1),
            (at % 7 + int(video.label)) / 9,
        )
        for part, videos in parts.items()
        for at, video in enumerate(videos)
    )
    made = make_run(tmp_path / "run", Predictions(rows=rows, run=run), release=record.release)
    submit_to(tmp_path / "repo", run=made)
    return tmp_path / "repo"


def find_rows(repo: Path, opened: OpenRelease) -> list[str]:
    """Return what is wrong with the rows; that the release is synthetic is known."""
    found = check_submissions(repo, release=opened).findings
    assert FindingKind.ADMISSION in {finding.kind for finding in found}
    return [finding.message for finding in found if finding.kind is not FindingKind.ADMISSION]


def test_the_rows_of_the_fold_are_the_right_ones(repo: Path, opened: OpenRelease) -> None:
    assert find_rows(repo, opened) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda given: given[1:], "1 without a row: {first}"),
        (
            lambda given: [
                replace(given[0], video_id="Hallo/00000--invented_1--Hallo"),
                *given[1:],
            ],
            "1 not of this split: Hallo/00000--invented_1--Hallo",
        ),
        (lambda given: [replace(given[0], driver="somebody_else_1"), *given[1:]], "another label"),
        (lambda given: [replace(given[0], portrait="99999"), *given[1:]], "another label"),
        (lambda given: [replace(given[0], generator="Hallo"), *given[1:]], "another label"),
    ],
    ids=["missing", "foreign", "driver", "portrait", "generator"],
)
def test_other_rows_are_named(
    change: Callable[[Rows], Rows], says: str, repo: Path, opened: OpenRelease
) -> None:
    (folder,) = repo.glob("results/*/*")
    named: list[str] = []

    def alter(given: Rows) -> Rows:
        named.append(given[0].video_id)
        return change(given)

    edit_rows(folder, alter)
    (message,) = find_rows(repo, opened)
    assert says.format(first=named[0]) in message


def test_another_state_of_the_release_is_named(repo: Path, opened: OpenRelease) -> None:
    other = replace(opened, release=replace(opened.release, revision="f" * 64))
    (message,) = find_rows(repo, other)
    assert message.startswith("was scored on ")
