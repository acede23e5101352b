"""Evaluation: every video is scored once, also after a kill, and no mismatch goes unnoticed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from detectors.registry import load_detector
from tests.support.forked_python import THB, RunPython
from tests.support.killed_process import run_and_kill
from tests.support.records import make_run_record
from thb.evaluation.evaluate import EvaluateSettings, evaluate, evaluate_protocols
from thb.evaluation.score import score
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import Prediction, Status, read_predictions
from thb.runs.provenance import FoldScoringRecord
from thb.runs.record import ReleaseRecord, write_record
from thb.runtime.environment import PACKAGES, package_versions
from thb_dataset.errors import DetectorError, ReleaseError, ResultError
from thb_dataset.protocols import build_folds
from thb_dataset.records import Generator
from thb_dataset.release.scan import read_release

if TYPE_CHECKING:
    from thb.evaluation.result import Result
    from thb_dataset.mini.release import MiniRelease

FOLD = "p3-hallo"


def settings(**changes: Any) -> EvaluateSettings:
    quiet = PredictSettings(progress=False)
    return EvaluateSettings(**{"scoring": quiet, "n_bootstrap": 0, **changes})


def evaluate_fold(detector: Path, release: MiniRelease, out: Path, **changes: Any) -> Result:
    return evaluate(
        detector,
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=out,
        settings=settings(**changes),
    )


def expected_ids(release: MiniRelease) -> set[str]:
    (fold,) = build_folds(read_release(release.hub).videos, "p3", held_out=Generator.HALLO)
    return {video.video_id for video in (*fold.test, *fold.extra)}


def command_of(detector: Path, release: MiniRelease, out: Path, *more: str) -> list[str]:
    """Return the words after ``thb`` that evaluate one fold."""
    words = ["evaluate", detector, "--protocol", "p3", "--fold", "hallo", "--release", release.hub]
    words += ["--real-root", release.real_root, "--out", out, "--bootstrap", "0", "--quiet"]
    return [*map(str, words), *more]


def assert_same_scores(some: tuple[Prediction, ...], others: tuple[Prediction, ...]) -> None:
    assert [row.video_id for row in some] == [row.video_id for row in others]
    for row, other in zip(some, others, strict=True):
        assert row.status == other.status
        assert row.score == pytest.approx(other.score, abs=1e-6)


@pytest.fixture(scope="module")
def reference(
    untrained: Path, tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of an evaluation of one fold by one process, without interruption."""
    out = tmp_path_factory.mktemp("reference")
    evaluate_fold(untrained, tiny_release, out)
    return out


def test_every_video_of_the_fold_has_one_row(reference: Path, tiny_release: MiniRelease) -> None:
    predictions = read_predictions(reference / FOLD / "predictions.parquet")
    ids = [row.video_id for row in predictions.rows]
    assert sorted(ids) == sorted(expected_ids(tiny_release))
    assert {row.status for row in predictions.rows} == {Status.OK}
    by_split = {row.split: row.generator for row in predictions.rows if row.label == 1}
    assert by_split["test"] == "Hallo"
    assert {row.generator for row in predictions.rows if row.split == "extra"} == {
        "MAGI-1",
        "Hallo3",
    }


def test_the_predictions_hold_their_provenance(reference: Path, untrained: Path) -> None:
    run = read_predictions(reference / FOLD / "predictions.parquet").run
    assert isinstance(run, FoldScoringRecord)
    assert run.fold == FOLD
    assert run.release.synthetic
    assert len(run.release.revision or "") == 64
    assert run.clip_spec == load_detector(untrained).config.clip_spec
    assert run.face_pack is not None
    assert run.face_pack.name == "embedded"
    assert run.versions["torch"]
    assert run.trained_on is None


def test_the_result_is_the_score_of_the_predictions_on_disk(reference: Path) -> None:
    saved = json.loads((reference / "result-p3-hallo.json").read_text())
    again = score(read_predictions(reference / FOLD / "predictions.parquet"), n_bootstrap=0)
    assert saved == again.to_dict()


def test_all_folds_of_a_protocol(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    result = evaluate(
        untrained,
        protocol="p2",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        out=tmp_path,
        settings=settings(),
    )
    assert len(result.runs) == 6
    assert len([cell for cell in result.cells if cell.part == "test"]) == 6
    assert sorted(path.parent.name for path in tmp_path.glob("*/predictions.parquet")) == sorted(
        result.runs
    )
    assert (tmp_path / "result-p2.json").is_file()


def test_two_processes_give_the_same_scores(
    reference: Path, untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    words = command_of(untrained, tiny_release, tmp_path, "--format", "json", "--batch-size", "4")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "thb"]
    ended = subprocess.run(
        [*launch, *words],
        env={**os.environ, "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert len(json.loads(ended.stdout)["results"]) == 1  # one document, from one process
    logs = sorted((tmp_path / FOLD).rglob("rank-*.jsonl"))
    shares = [len(path.read_text().splitlines()) - 1 for path in logs]  # without the header
    assert len(shares) == 2
    assert sum(shares) == len(expected_ids(tiny_release))
    assert max(shares) - min(shares) <= 1
    assert_same_scores(
        read_predictions(tmp_path / FOLD / "predictions.parquet").rows,
        read_predictions(reference / FOLD / "predictions.parquet").rows,
    )


def test_killed_in_the_middle_and_run_again(
    reference: Path,
    untrained: Path,
    tiny_release: MiniRelease,
    tmp_path: Path,
    run_python: RunPython,
) -> None:
    words = command_of(untrained, tiny_release, tmp_path / "out", "--batch-size", "1")
    log = tmp_path / "out" / FOLD / "scoring" / "rank-0.jsonl"
    append = "thb.prediction.prediction_log:PredictionLog.append"
    run_and_kill(run_python, THB, words, after=append, calls=2)
    assert log.read_bytes().count(b"\n") == 3, "a header and two rows"
    assert not (tmp_path / "out" / FOLD / "predictions.parquet").exists()
    with log.open("ab") as torn:
        torn.write(b'{"video_id": "torn by the ki')

    evaluate_fold(untrained, tiny_release, tmp_path / "out")
    lines = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    ids = [line["video_id"] for line in lines]
    assert sorted(ids) == sorted(expected_ids(tiny_release))  # each exactly once in the log
    assert_same_scores(
        read_predictions(tmp_path / "out" / FOLD / "predictions.parquet").rows,
        read_predictions(reference / FOLD / "predictions.parquet").rows,
    )


def test_an_evaluation_that_is_done_is_not_done_again(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    evaluate_fold(untrained, tiny_release, tmp_path)
    log = tmp_path / FOLD / "scoring" / "rank-0.jsonl"
    before = log.read_bytes()
    evaluate_fold(untrained, tiny_release, tmp_path)
    assert log.read_bytes() == before


def test_predictions_of_another_detector_are_not_mixed_in(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    evaluate_fold(untrained, tiny_release, tmp_path / "out")
    clip = {"clip": {"clips": 2, "frames": 4, "size": 48}}
    load_detector("baseline", seed=1, config=clip, untrained=True).save_pretrained(
        tmp_path / "other"
    )
    with pytest.raises(ResultError, match=r"another run \(weights \w+…, not \w+…\): .*--overwrite"):
        evaluate_fold(tmp_path / "other", tiny_release, tmp_path / "out")
    result = evaluate_fold(tmp_path / "other", tiny_release, tmp_path / "out", overwrite=True)
    run = read_predictions(tmp_path / "out" / FOLD / "predictions.parquet").run
    assert run.detector == result.runs[FOLD].detector
    assert run.detector.name == str(tmp_path / "other")


def test_the_detector_of_one_fold_is_told_which_fold_to_name(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    where: dict[str, Any] = {"release": tiny_release.hub, "real_root": tiny_release.real_root}
    _pretend_trained(tmp_path / "run" / FOLD, untrained, FOLD)
    with pytest.raises(DetectorError) as refused:
        evaluate(tmp_path / "run" / FOLD, protocol="p3", settings=settings(), **where)
    said = str(refused.value)
    assert said.count("--fold hallo") == 1
    assert "--allow-mismatch" not in said
    assert said.count(FOLD) == 2, "in the folder's name and once more"
    with pytest.raises(DetectorError, match=r"only for p3-hallo: pass --fold hallo, or train"):
        evaluate(tmp_path / "run", protocol="p3", settings=settings(), **where)
    result = evaluate(
        tmp_path / "run" / FOLD, protocol="p3", fold="hallo", settings=settings(), **where
    )
    assert result.name == "run"
    assert (tmp_path / "run" / FOLD / "predictions.parquet").is_file()
    assert (tmp_path / "run" / "result-p3-hallo.json").is_file()
    named = evaluate(
        tmp_path / "run", protocol="p3", fold="hallo", settings=settings(name="Mine"), **where
    )
    assert named.name == "Mine"
    (measures,) = [cell.measures for cell in named.cells if cell.part == "test"]
    assert named.mean == measures, "with the same intervals"


def test_a_detector_of_another_protocol_is_refused_once_for_all_folds(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    _pretend_trained(tmp_path / "p1", untrained, "p1")
    with pytest.raises(DetectorError) as refused:
        evaluate(
            tmp_path / "p1",
            protocol="p3",
            release=tiny_release.hub,
            real_root=tiny_release.real_root,
            settings=settings(),
        )
    assert str(refused.value).count("was trained for p1") == 1
    assert str(refused.value).count("--allow-mismatch") == 1


def test_a_run_that_was_moved_goes_on(
    untrained: Path,
    tiny_release: MiniRelease,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _pretend_trained(tmp_path / "a" / FOLD, untrained, FOLD)
    monkeypatch.chdir(tmp_path)

    def read_log(run: Path) -> bytes:
        return (run / FOLD / "scoring" / "rank-0.jsonl").read_bytes().split(b"\n", 1)[1]

    evaluate_fold(Path("a"), tiny_release, Path("a"))
    rows = read_log(tmp_path / "a")
    evaluate_fold(tmp_path / "a", tiny_release, tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    release = type(tiny_release)(hub=tmp_path / "other_name", real_root=tiny_release.real_root)
    shutil.copytree(tiny_release.hub, release.hub)
    monkeypatch.setitem(package_versions.__globals__, "PACKAGES", (*PACKAGES, "pytest"))
    evaluate_fold(Path("b"), release, Path("b"))
    assert read_log(tmp_path / "b") == rows
    run = read_predictions(tmp_path / "b" / FOLD / "predictions.parquet").run
    assert run.versions["pytest"]


@pytest.fixture
def own_release(tiny_release: MiniRelease, tmp_path: Path) -> MiniRelease:
    """A copy of the release, which a test may damage."""
    shutil.copytree(tiny_release.hub, tmp_path / "release" / "hub")
    shutil.copytree(tiny_release.real_root, tmp_path / "release" / "real_videos")
    return type(tiny_release)(
        hub=tmp_path / "release" / "hub", real_root=tmp_path / "release" / "real_videos"
    )


def _test_reals(release: MiniRelease) -> list[Path]:
    names = [name.split("/")[1] for name in expected_ids(release) if not name.startswith(FAKES)]
    return [next(release.real_root.rglob(f"{name}.mp4")) for name in sorted(names)]


FAKES = tuple(f"{generator}/" for generator in Generator)


def test_missing_reals_are_counted_named_and_scored_once_they_are_there(
    untrained: Path,
    own_release: MiniRelease,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lost, *others = _test_reals(own_release)
    content = lost.read_bytes()
    lost.unlink()
    with caplog.at_level(logging.WARNING, logger="thb"):
        evaluate_fold(untrained, own_release, tmp_path / "out")
    assert f"1 of {len(others) + 1} real videos" in caplog.text
    assert lost.name in caplog.text
    rows = read_predictions(tmp_path / "out" / FOLD / "predictions.parquet").rows
    assert [Path(row.video_id).name for row in rows if row.status is Status.MISSING] == [lost.stem]
    with pytest.raises(ReleaseError, match=lost.stem):
        evaluate_fold(untrained, own_release, tmp_path / "out", strict=True)
    lost.write_bytes(content)
    evaluate_fold(untrained, own_release, tmp_path / "out", strict=True)
    rows = read_predictions(tmp_path / "out" / FOLD / "predictions.parquet").rows
    assert {row.status for row in rows} == {Status.OK}


def test_without_any_real_video_nothing_begins(
    untrained: Path, own_release: MiniRelease, tmp_path: Path
) -> None:
    with pytest.raises(ReleaseError, match="<real_root>"):
        evaluate(
            untrained,
            protocol="p1",
            release=own_release.hub,
            out=tmp_path / "out",
            settings=settings(),
        )
    assert not (tmp_path / "out").exists()


def test_a_damaged_video_is_a_row_and_the_run_goes_on(
    untrained: Path, own_release: MiniRelease, tmp_path: Path
) -> None:
    victim = next(own_release.hub.glob("fake/Hallo/test/*.mp4"))
    absent = next(own_release.hub.glob("fake/additional_dataset/Hallo3/*.mp4"))
    victim.write_bytes(victim.read_bytes()[:300])
    result = evaluate_fold(untrained, own_release, tmp_path / "out")
    rows = {
        Path(row.video_id).name: row
        for row in read_predictions(tmp_path / "out" / FOLD / "predictions.parquet").rows
    }
    assert rows[victim.stem].status is Status.ERROR
    assert str(tmp_path) not in str(rows[victim.stem].reason)
    assert rows[absent.stem].status is Status.OK
    (cell,) = [cell for cell in result.cells if cell.generator == "Hallo"]
    assert cell.unscored == {"error": 1}
    assert cell.problem


def test_a_file_that_was_mended_or_replaced_is_scored_again(
    untrained: Path, own_release: MiniRelease, tmp_path: Path
) -> None:
    def score_all() -> dict[str, Prediction]:
        evaluate_fold(untrained, own_release, tmp_path / "out")
        rows = read_predictions(tmp_path / "out" / FOLD / "predictions.parquet").rows
        return {Path(row.video_id).name: row for row in rows}

    damaged = next(own_release.hub.glob("fake/Hallo/test/*.mp4"))
    replaced, donor, *_ = _test_reals(own_release)
    whole, own = damaged.read_bytes(), replaced.read_bytes()
    damaged.write_bytes(whole[:300])
    first = score_all()
    assert first[damaged.stem].status is Status.ERROR
    assert score_all() == first
    damaged.write_bytes(whole)
    replaced.write_bytes(donor.read_bytes())
    second = score_all()
    assert second[damaged.stem].status is Status.OK
    assert second[replaced.stem].score == pytest.approx(first[donor.stem].score, abs=1e-6)
    assert second[replaced.stem].score != pytest.approx(first[replaced.stem].score, abs=1e-6)
    replaced.unlink()
    assert score_all()[replaced.stem].status is Status.MISSING
    replaced.write_bytes(own)
    log = tmp_path / "out" / FOLD / "scoring" / "rank-0.jsonl"
    lines = log.read_bytes()
    assert score_all()[replaced.stem] == first[replaced.stem]
    assert log.read_bytes() == lines, "the content is known from the first time"


def test_files_without_content_are_missing_with_the_reason(
    untrained: Path,
    own_release: MiniRelease,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lost, *_ = _test_reals(own_release)
    lost.write_bytes(b"")
    fakes = sorted(own_release.hub.rglob("*.mp4"))
    pointer = next(path for path in fakes if "Hallo3" in path.parts)
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with caplog.at_level(logging.WARNING, logger="thb"):
        evaluate_fold(untrained, own_release, tmp_path / "out")
    assert "(an empty file)" in caplog.text
    assert "Git LFS pointer" in caplog.text
    rows = read_predictions(tmp_path / "out" / FOLD / "predictions.parquet").rows
    reasons = {Path(row.video_id).name: row.reason for row in rows if row.status is Status.MISSING}
    assert reasons[lost.stem] == "an empty file"
    assert str(reasons[pointer.stem]).startswith("a Git LFS pointer")
    with pytest.raises(ReleaseError, match=r"an empty file"):
        evaluate_fold(untrained, own_release, tmp_path / "out", strict=True)
    for path in fakes:
        path.write_bytes(pointer.read_bytes())
    with pytest.raises(ReleaseError, match=r"fakes are missing.*Git LFS pointer"):
        evaluate_fold(untrained, own_release, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def _pretend_trained(folder: Path, model: Path, fold: str, split_by: str = "release") -> None:
    shutil.copytree(model, folder)
    write_record(folder, make_run_record(protocol=fold[:2], fold=fold, split_by=split_by))


def test_a_detector_of_another_fold_is_refused(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    _pretend_trained(tmp_path / "hallo2", untrained, "p3-hallo2")
    with pytest.raises(DetectorError, match=r"trained for p3-hallo2.*--allow-mismatch"):
        evaluate_fold(tmp_path / "hallo2", tiny_release, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    result = evaluate_fold(tmp_path / "hallo2", tiny_release, tmp_path / "out", allow_mismatch=True)
    trained_on = result.runs[FOLD].trained_on
    assert trained_on is not None
    assert trained_on.fold == "p3-hallo2"


def test_only_a_detector_of_another_release_gives_a_warning(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _pretend_trained(tmp_path / "model", untrained, FOLD)
    with caplog.at_level(logging.WARNING, logger="thb"):
        evaluate_fold(tmp_path / "model", tiny_release, tmp_path / "out")
    assert "trained on mini" in caplog.text
    caplog.clear()
    renamed = ReleaseRecord(name="renamed", revision=read_release(tiny_release.hub).revision)
    record = make_run_record(protocol="p3", fold=FOLD, release=renamed)
    write_record(tmp_path / "model", record)
    with caplog.at_level(logging.WARNING, logger="thb"):
        evaluate_fold(tmp_path / "model", tiny_release, tmp_path / "out")
    assert "trained on" not in caplog.text


def test_another_reading_of_the_splits_is_refused(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    _pretend_trained(tmp_path / "model", untrained, FOLD, split_by="driver")
    with pytest.raises(DetectorError, match="split by driver"):
        evaluate_fold(tmp_path / "model", tiny_release, tmp_path / "out")


def test_a_run_folder_has_a_detector_per_fold(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    _pretend_trained(tmp_path / "run" / FOLD, untrained, FOLD)
    evaluate_fold(tmp_path / "run", tiny_release, tmp_path / "run")
    assert (tmp_path / "run" / FOLD / "predictions.parquet").is_file()
    with pytest.raises(DetectorError, match=r"no detector for p1, only for p3-hallo"):
        evaluate(
            tmp_path / "run",
            protocol="p1",
            release=tiny_release.hub,
            real_root=tiny_release.real_root,
            settings=settings(),
        )


def test_a_fold_without_a_detector_is_found_before_anything_is_scored(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    _pretend_trained(tmp_path / "run" / "p1", untrained, "p1")
    with pytest.raises(DetectorError, match="no detector for p2-hallo"):
        evaluate_protocols(
            tmp_path / "run",
            protocols=["p1", "p2"],
            release=tiny_release.hub,
            real_root=tiny_release.real_root,
            settings=settings(),
        )
    assert not list(tmp_path.rglob("predictions.parquet"))
