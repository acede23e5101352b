"""Scores of other software: the polarity is the user's, and nothing is guessed, lost or doubled."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sklearn.metrics import roc_auc_score

from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.evaluation.score import score
from thb.evaluation.tables import list_caveats, markdown_table
from thb.exchange.importing import ImportedFold, ImportSettings, import_scores
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import Status, read_predictions
from thb.runs.provenance import IMPORTED, FoldScoringRecord
from thb_dataset.errors import ResultError
from thb_dataset.protocols import Fold, build_folds
from thb_dataset.records import Generator, Video
from thb_dataset.release.scan import read_release

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

FAKE_HIGH = ImportSettings(polarity="fake-high")


@pytest.fixture(scope="module")
def fold(tiny_release: MiniRelease) -> Fold:
    (built,) = build_folds(read_release(tiny_release.hub).videos, "p3", held_out=Generator.HALLO)
    return built


def draw_scores(videos: tuple[Video, ...]) -> dict[str, float]:
    """Return scores that separate the classes in part, all different."""
    return {
        video.video_id: (0.3 * video.label) + 0.6 * ((at * 37) % 101) / 101
        for at, video in enumerate(videos)
    }


@pytest.fixture(scope="module")
def scores(fold: Fold) -> dict[str, float]:
    return draw_scores((*fold.test, *fold.extra))


def write_csv(path: Path, scores: Mapping[str, object], head: str = "video_id,score") -> Path:
    lines = [head, *(f"{name},{value}" for name, value in scores.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run_import(
    file: Path, release: MiniRelease, settings: ImportSettings = FAKE_HIGH, **changes: Any
) -> ImportedFold:
    values: dict[str, Any] = {"protocol": "p3", "fold": "hallo", "out": file.parent / "run"}
    values |= changes
    (done,) = import_scores(file, release=release.hub, settings=settings, **values)
    return done


def test_imported_scores_are_predictions_like_any_others(
    tmp_path: Path, tiny_release: MiniRelease, fold: Fold, scores: dict[str, float]
) -> None:
    file = write_csv(tmp_path / "theirs.csv", scores)
    done = run_import(file, tiny_release)
    read = read_predictions(tmp_path / "run" / "p3-hallo" / "predictions.parquet")
    read.check(set(scores))
    assert read.rows == done.predictions.rows
    for row in read:
        assert row.score == scores[row.video_id]
    videos = {video.video_id: video for video in (*fold.test, *fold.extra)}
    for row in read:
        video = videos[row.video_id]
        assert (row.label, row.driver, row.portrait) == (video.label, video.driver, video.portrait)
        assert row.split == ("extra" if video in fold.extra else "test")
    labels = [int(video.label) for video in videos.values()]
    assert done.auc == pytest.approx(roc_auc_score(labels, [scores[name] for name in videos]))
    assert done.missing == done.warnings == ()
    record = read.run
    assert isinstance(record, FoldScoringRecord)
    assert record.imported is not None
    assert record.imported.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert record.imported.polarity == "fake-high"
    assert record.imported.file == "theirs.csv"
    assert record.title == "theirs"


def test_the_numbers_are_those_of_the_same_scores_made_here(
    tmp_path: Path, tiny_release: MiniRelease, untrained: Path
) -> None:
    """Both ways the same scores meet the same videos, so only who made them differs."""
    settings = EvaluateSettings(scoring=PredictSettings(progress=False), n_bootstrap=20)
    made = evaluate(
        untrained,
        protocol="p3",
        fold="hallo",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        out=tmp_path / "made",
        settings=settings,
    )
    rows = read_predictions(tmp_path / "made" / "p3-hallo" / "predictions.parquet")
    known = {row.video_id: repr(row.score) for row in rows if row.score is not None}
    run_import(write_csv(tmp_path / "s.csv", known), tiny_release)
    read = score(tmp_path / "run", n_bootstrap=20)
    assert [cell.measures for cell in read.cells] == [cell.measures for cell in made.cells]
    assert read.mean == made.mean
    assert read.splits_sha256 == made.splits_sha256


def test_every_table_marks_them(
    tmp_path: Path, tiny_release: MiniRelease, scores: dict[str, float]
) -> None:
    run_import(write_csv(tmp_path / "theirs.csv", scores), tiny_release)
    result = score(tmp_path / "run", n_bootstrap=0)
    assert result.marks == {"p3-hallo": (IMPORTED,)}
    assert "| theirs ¶ |" in markdown_table([result])
    assert any("made elsewhere" in note for note in list_caveats([result]))


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("polarity", ["fake-high", "real-high"])
def test_polarity_and_scale_are_what_the_user_says(
    tmp_path: Path,
    tiny_release: MiniRelease,
    scores: dict[str, float],
    polarity: Any,
    logits: bool,
) -> None:
    def disguise(value: float) -> float:
        number = math.log(value / (1 - value)) if logits else value
        if polarity == "fake-high":
            return number
        return -number if logits else 1 - number

    inside = {name: min(max(value, 0.01), 0.99) for name, value in scores.items()}
    file = write_csv(tmp_path / "s.csv", {name: disguise(v) for name, v in inside.items()})
    done = run_import(file, tiny_release, ImportSettings(polarity=polarity, logits=logits))
    for row in done.predictions:
        assert row.score == pytest.approx(inside[row.video_id], abs=1e-12)


def test_the_wrong_polarity_is_shouted_and_nothing_is_turned(
    tmp_path: Path, tiny_release: MiniRelease, fold: Fold
) -> None:
    tested = (*fold.test, *fold.extra)
    turned = {video.video_id: 0.2 if video.label else 0.8 for video in tested}
    done = run_import(write_csv(tmp_path / "s.csv", turned), tiny_release)
    (warning,) = done.warnings
    assert "THE AUC IS 0.000, BELOW ONE HALF" in warning
    assert "the polarity is probably real-high" in warning
    assert {row.video_id: row.score for row in done.predictions} == turned


def test_an_auc_that_may_be_chance_accuses_nobody(
    tmp_path: Path, tiny_release: MiniRelease, fold: Fold
) -> None:
    tested = (*fold.test, *fold.extra)
    high = next(video.video_id for video in tested if not video.label)
    scores = {video.video_id: 0.5 for video in tested} | {high: 0.6}
    (warning,) = run_import(write_csv(tmp_path / "s.csv", scores), tiny_release).warnings
    assert "which may be chance; the polarity may be real-high" in warning


def test_scores_that_become_equal_are_told(
    tmp_path: Path, tiny_release: MiniRelease, scores: dict[str, float]
) -> None:
    file = write_csv(tmp_path / "s.csv", {name: 40 + value for name, value in scores.items()})
    done = run_import(file, tiny_release, ImportSettings(polarity="fake-high", logits=True))
    assert any(f"{len(scores) - 1} scores became equal" in each for each in done.warnings)


def test_videos_without_a_score_are_missing_and_named(
    tmp_path: Path, tiny_release: MiniRelease, fold: Fold, scores: dict[str, float]
) -> None:
    names = sorted(scores)
    gone = [name for name in names if name.startswith("CelebV-HQ")][:2]
    known = {name: value for name, value in scores.items() if name not in gone}
    done = run_import(write_csv(tmp_path / "s.csv", known), tiny_release)
    assert list(done.missing) == gone
    assert done.expected.real - done.scored.real == 2
    assert done.expected.fake == done.scored.fake
    rows = {row.video_id: row for row in done.predictions}
    assert {rows[name].status for name in gone} == {Status.MISSING}
    assert rows[gone[0]].reason == "no score in s.csv"


def test_one_file_may_hold_the_scores_of_all_folds(
    tmp_path: Path, tiny_release: MiniRelease
) -> None:
    release = read_release(tiny_release.hub)
    file = write_csv(tmp_path / "s.csv", draw_scores(release.videos))
    folds = import_scores(
        file, protocol="p3", release=tiny_release.hub, out=tmp_path / "run", settings=FAKE_HIGH
    )
    assert len(folds) == 6
    for done in folds:
        assert done.elsewhere == len(release.videos) - len(done.predictions)
        assert done.missing == ()
    assert len(score(tmp_path / "run", n_bootstrap=0).mean_over) == 6


def test_a_file_of_one_fold_is_refused_for_all(
    tmp_path: Path, tiny_release: MiniRelease, scores: dict[str, float]
) -> None:
    file = write_csv(tmp_path / "s.csv", scores)
    with pytest.raises(ResultError, match=r"0 fake .*--fold"):
        run_import(file, tiny_release, fold=None)
    assert not (tmp_path / "run").exists()


def test_what_is_there_is_not_overwritten_unasked(
    tmp_path: Path, tiny_release: MiniRelease, scores: dict[str, float]
) -> None:
    file = write_csv(tmp_path / "s.csv", scores)
    run_import(file, tiny_release)
    with pytest.raises(ResultError, match="--overwrite"):
        run_import(file, tiny_release)
    run_import(file, tiny_release, ImportSettings(polarity="fake-high", overwrite=True))


def test_an_unknown_video_is_named_and_what_it_is_probably_called(
    tmp_path: Path, tiny_release: MiniRelease, scores: dict[str, float]
) -> None:
    known = next(name for name in scores if name.startswith("Hallo/"))
    stem = known.rpartition("/")[2]
    file = write_csv(tmp_path / "s.csv", {f"clips/{stem}.mp4": 0.5, "x\x1b[31m": 0.5})
    with pytest.raises(ResultError, match="2 videos are not in the release") as refused:
        run_import(file, tiny_release)
    assert known in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column video_id, score"),
        ("video,score\na,0.5\n", "no column video_id"),
        ("video_id;score\na;0.5\n", "no column"),
        ("video_id,score\nVIDEO,high\n", "line 2: the score 'high' is not a number"),
        ("video_id,score\nVIDEO,nan\n", "line 2: .*not a number"),
        ("video_id,score\nVIDEO,inf\n", "not a number"),
        ("video_id,score\nVIDEO,0.5,1\n", "more cells"),
        ("video_id,score\n,0.5\n", "no video_id"),
        ("video_id,score\nVIDEO,1.5\n", r"VIDEO 1.5 \(line 2\).*--logits"),
        ("video_id,score\nVIDEO,-0.1\n", "not within"),
        ("video_id,score\nVIDEO,0.5\nVIDEO,0.6\n", r"VIDEO \(lines 2, 3\)"),
        ("video_id,score,label\nVIDEO,0.5,0\n", "labels are not those of the release"),
        ("video_id,score,label\nVIDEO,0.5,2\n", "neither 0 nor 1"),
        ('video_id,score\n"VIDEO,0.5\n', "not CSV"),
        (f"video_id,score\n{'x' * 200_000},0.5\n", "not CSV"),
    ],
)
def test_a_file_with_a_fault_is_refused_by_name(
    tmp_path: Path, tiny_release: MiniRelease, scores: dict[str, float], text: str, says: str
) -> None:
    video = next(name for name in scores if name.startswith("Hallo/"))
    (tmp_path / "s.csv").write_text(text.replace("VIDEO", video))
    with pytest.raises(ResultError, match=says.replace("VIDEO", video)):
        run_import(tmp_path / "s.csv", tiny_release)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path, tiny_release: MiniRelease) -> None:
    (tmp_path / "s.csv").write_bytes(b"video_id,score\n\xff\xfe,1\n")
    with pytest.raises(ResultError, match="holds no scores"):
        run_import(tmp_path / "s.csv", tiny_release)


def test_spreadsheets_files_are_read(
    tmp_path: Path, tiny_release: MiniRelease, scores: dict[str, float]
) -> None:
    """They begin with a mark of their own, end lines otherwise and quote what they like."""
    lines = ["\ufeff score ,video_id,remark"]
    lines += [f'{value},"{name}",' for name, value in scores.items()]
    (tmp_path / "s.csv").write_bytes("\r\n".join(lines).encode())
    assert run_import(tmp_path / "s.csv", tiny_release).missing == ()


WORKBENCH = ("dataset", "key", "compression", "label", "score", "status")


def write_workbench(folder: Path, fold: Fold, scores: Mapping[str, float], **meta: Any) -> Path:
    file = folder / "theirs.scores.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(WORKBENCH)
        for at, video in enumerate((*fold.test, *fold.extra)):
            known = at > 0
            value = scores[video.video_id] if known else ""
            status = "ok" if known else "error"
            writer.writerow(["thb", video.video_id, "", int(video.label), value, status])
    detector = {"name": "net", "version": "1", "source": "run:abc"}
    content = {"schema": "dfwb.scores/1", "detector": detector} | meta
    (folder / "theirs.scores.meta.json").write_text(json.dumps(content))
    return file


def test_the_workbench_s_pair_is_read(
    tmp_path: Path, tiny_release: MiniRelease, fold: Fold, scores: dict[str, float]
) -> None:
    done = run_import(write_workbench(tmp_path, fold, scores), tiny_release)
    assert done.missing == (fold.test[0].video_id,)
    record = done.predictions.run
    assert isinstance(record, FoldScoringRecord)
    assert record.imported is not None
    assert record.imported.format == "workbench"
    assert record.imported.origin == "net 1 (run:abc)"
    assert record.title == "theirs"


def test_the_workbench_s_pair_has_one_polarity_and_one_schema(
    tmp_path: Path, tiny_release: MiniRelease, fold: Fold, scores: dict[str, float]
) -> None:
    file = write_workbench(tmp_path, fold, scores)
    with pytest.raises(ResultError, match="fake-high"):
        run_import(file, tiny_release, ImportSettings(polarity="real-high"))
    for meta in ({"schema": "dfwb.scores/9"}, {"detector": None}):
        write_workbench(tmp_path, fold, scores, **meta)
        with pytest.raises(ResultError, match="scores of the workbench"):
            run_import(file, tiny_release)


def test_the_command_tells_coverage_and_shouts(
    tmp_path: Path, tiny_release: MiniRelease, scores: dict[str, float], run_thb: Run
) -> None:
    known = {name: 1 - value for name, value in list(scores.items())[1:]}
    file = write_csv(tmp_path / "s.csv", known)
    words = ["import-scores", file, "--protocol", "p3", "--fold", "hallo", "--out", tmp_path / "r"]
    words += ["--release", tiny_release.hub]
    assert run_thb(*words).code == 2
    told = run_thb(*words, "--polarity", "fake-high")
    assert told.code == 0, told.err
    assert f"p3-hallo: {len(known)} of {len(scores)} test videos have a score" in told.out
    assert "note: p3-hallo: without a score: " in told.err
    assert "warning: p3-hallo: THE AUC IS" in told.err
    told = run_thb(*words, "--polarity", "real-high", "--overwrite", "--format", "json")
    (done,) = json.loads(told.out)["folds"]
    assert done["auc"] > 0.5
    assert done["run"]["imported"]["polarity"] == "real-high"
    assert run_thb("score", tmp_path / "r", "--bootstrap", "0").code == 0
