"""Thresholds: they keep to their target, on the scores that ``thb predict`` would give."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from detectors.registry import load_detector
from tests.support.forked_python import THB, RunPython
from tests.support.killed_process import run_and_kill
from thb.prediction.calibration import (
    LOG_FOLDER,
    THRESHOLDS_FILE,
    Calibration,
    calibrate,
    read_calibration,
)
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb.prediction.thresholds import find_threshold
from thb.runs.record import ReleaseRecord
from thb.runtime.records import to_json, write_text
from thb.training.settings import TrainOptions
from thb.training.train import TrainedFold, train
from thb_dataset.errors import DetectorError, ReleaseError, SettingsError
from thb_dataset.protocols import build_folds
from thb_dataset.records import Generator, Label
from thb_dataset.release.media import locate_videos
from thb_dataset.release.scan import read_release

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

QUIET = PredictSettings(progress=False)


def train_fold(release: MiniRelease, out: Path, *, real_root: Path | None = None) -> TrainedFold:
    (trained,) = train(
        "baseline",
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=real_root or release.real_root,
        out=out,
        settings={"epochs": 1, "batch_size": 4},
        options=TrainOptions(config={"clip": {"frames": 2, "size": 32}}, progress=False),
    )
    return trained


@pytest.fixture(scope="module")
def trained(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a detector of one fold with its threshold, as ``thb train`` writes it."""
    return train_fold(tiny_release, tmp_path_factory.mktemp("trained") / "run").folder


def some_calibration(**changes: Any) -> Calibration:
    return Calibration(
        **{
            "target_fpr": 0.01,
            "threshold": 0.75,
            "n_real": 200,
            "false_alarms": 2,
            "n_fake": 4,
            "true_positive_rate": 0.5,
            "excluded": {"real": {}, "fake": {}},
            "release": ReleaseRecord(name="x", synthetic=True),
            "fold": "p1",
            "split_by": "release",
            "weights_sha256": "0" * 64,
            "face_pack": "embedded",
            "precision": "float32",
            "resolved": True,
            **changes,
        }
    )


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 199, 200, 350])
@pytest.mark.parametrize("target", [0.01, 0.1, 0.29])
def test_no_lower_threshold_keeps_to_the_target(count: int, target: float) -> None:
    """Try every score, every midpoint between two scores, and both ends."""
    random = np.random.default_rng(count)
    reals = np.round(random.random(count), 2)
    threshold = find_threshold(reals.tolist(), target)
    most = Fraction(str(target)) * count
    assert (reals >= threshold).sum() <= most
    tried = np.concatenate([[-1.0, 2.0], reals, (reals[:, None] + reals[None, :]).ravel() / 2])
    keeping = [edge for edge in np.unique(tried) if (reals >= edge).sum() <= most]
    assert threshold <= min(keeping)
    assert (reals >= np.nextafter(threshold, -1)).sum() > most


def test_equal_scores_call_no_video_fake() -> None:
    assert find_threshold([1.0] * 500) > 1
    assert find_threshold([0.0]) > 0
    with pytest.raises(ReleaseError, match="no real video"):
        find_threshold([])
    with pytest.raises(ValueError, match="within"):
        find_threshold([0.5], 1.0)


def test_training_leaves_the_threshold_that_predict_would_give(
    trained: Path, tiny_release: MiniRelease
) -> None:
    """Score the validation videos independently, as loose files through ``thb.predict``."""
    release = read_release(tiny_release.hub)
    (fold,) = build_folds(release.videos, "p3", held_out=Generator.HALLO)
    paths = locate_videos(release, tiny_release.real_root, fold.validation).files
    rows = predict(str(trained), paths.values(), settings=QUIET).rows
    scores = {row.video_id: row.score for row in rows}
    by_label: dict[Label, list[float]] = {Label.REAL: [], Label.FAKE: []}
    for video in fold.validation:
        score = scores.get(str(paths.get(video.video_id)))
        if score is not None:
            by_label[video.label].append(score)
    found = read_calibration(trained)
    assert found is not None
    reals, fakes = by_label[Label.REAL], by_label[Label.FAKE]
    assert (found.n_real, found.n_fake) == (len(reals), len(fakes))
    assert found.threshold == pytest.approx(max(reals), abs=1e-6)
    assert found.threshold > max(reals) - 1e-6
    assert found.true_positive_rate == sum(score >= found.threshold for score in fakes) / len(fakes)
    assert (found.false_alarms, found.resolved) == (0, False)
    hits = sum(score >= found.threshold for score in fakes)
    assert str(found) == (
        f"Threshold {found.threshold:.3f}: called 0 of {len(reals)} real validation videos fake and"
        f" found {hits} of {len(fakes)} fakes. {len(reals)} real videos are too few to check a 1 %"
        " false-alarm rate."
    )
    assert json.loads((trained / "run.json").read_text())["weights_sha256"] == found.weights_sha256


def test_a_killed_calibration_goes_on_to_the_same_threshold(
    trained: Path, tiny_release: MiniRelease, run_thb: Run, run_python: RunPython
) -> None:
    before = (trained / THRESHOLDS_FILE).read_bytes()
    (trained / THRESHOLDS_FILE).unlink()
    words = ["calibrate", trained, "--release", tiny_release.hub, "--quiet"]
    words += ["--real-root", tiny_release.real_root]
    append = "thb.prediction.prediction_log:PredictionLog.append"
    run_and_kill(run_python, THB, words, after=append, calls=2)
    assert not (trained / THRESHOLDS_FILE).exists()
    (log,) = (trained / LOG_FOLDER).glob("*/rank-0.jsonl")
    assert len(log.read_text().splitlines()) == 3, "a header and two rows"
    ended = run_thb(*words, "--format", "json")
    assert ended.code == 0, ended.err
    assert (trained / THRESHOLDS_FILE).read_bytes() == before
    assert json.loads(ended.out)["calibrations"][0] == json.loads(before)
    assert not (trained / LOG_FOLDER).exists()


def test_without_validation_reals_training_warns_and_calibrating_refuses(
    tiny_release: MiniRelease, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    release = read_release(tiny_release.hub)
    (fold,) = build_folds(release.videos, "p3", held_out=Generator.HALLO)
    own = tmp_path / "real"
    for video_id, path in locate_videos(release, tiny_release.real_root, fold.train).files.items():
        if path.is_relative_to(tiny_release.real_root):
            assert video_id
            link = own / path.relative_to(tiny_release.real_root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    trained_fold = train_fold(tiny_release, tmp_path / "run", real_root=own)
    assert "has no threshold" in capfd.readouterr().err
    assert read_calibration(trained_fold.folder) is None
    with pytest.raises(ReleaseError, match="no real validation video"):
        calibrate(trained_fold.folder, release=tiny_release.hub, real_root=own, scoring=QUIET)


def test_a_detector_that_was_not_trained_on_a_fold_is_refused(
    untrained: Path, tiny_release: MiniRelease
) -> None:
    with pytest.raises(DetectorError, match="which fold"):
        calibrate(untrained, release=tiny_release.hub, scoring=QUIET)


def test_predict_gives_verdicts_where_there_is_a_threshold_that_works(
    trained: Path, untrained: Path, tiny_release: MiniRelease, run_thb: Run, tmp_path: Path
) -> None:
    videos = sorted(tiny_release.hub.glob("fake/*/*/*.mp4"))[:2]
    (tmp_path / "broken.mp4").write_bytes(b"")
    found = read_calibration(trained)
    assert found is not None
    shutil.copytree(trained, tmp_path / "run")
    trained = tmp_path / "run"
    scores = [row.score or 0.0 for row in predict(trained, videos, settings=QUIET).rows]
    found = replace(found, threshold=max(scores), n_real=8, n_fake=10, true_positive_rate=0.5)
    (trained / THRESHOLDS_FILE).write_text(write_text(found), "utf-8")
    ended = run_thb("predict", trained, *videos, tmp_path / "broken.mp4", "--format", "json", "-q")
    *judged, broken = json.loads(ended.out)["videos"]
    for one in judged:
        assert one["threshold"] == found.threshold
    assert sorted(one["verdict"] for one in judged) == ["called fake", "not called fake"]
    assert broken["verdict"] is None
    text = run_thb("predict", trained, *videos, tmp_path / "broken.mp4", "-q").out.splitlines()
    assert text[0].split()[1] == "verdict"
    for line, one in zip(text[1:], [*judged, {"verdict": "–"}], strict=True):
        assert line.split(maxsplit=1)[1].startswith(f"{one['verdict']}  ")
    plain = run_thb("predict", untrained, *videos, "--format", "json", "-q")
    (first, *_) = json.loads(plain.out)["videos"]
    assert (first["verdict"], first["threshold"]) == ("none", None)


def test_a_folder_of_real_videos_gives_weights_from_elsewhere_a_threshold(
    untrained: Path, tiny_release: MiniRelease, run_thb: Run, tmp_path: Path
) -> None:
    model = load_detector(untrained)
    model.config.untrained = False
    model.save_pretrained(tmp_path / "weights")
    reals = tmp_path / "reals" / "deep"
    reals.mkdir(parents=True)
    videos = sorted(tiny_release.real_root.rglob("*.mp4"))[:6]
    for video in videos:
        (reals / video.name).symlink_to(video)
    (reals / "broken.mp4").write_bytes(b"")
    words = ["calibrate", tmp_path / "weights", "--reals", reals.parent, "-q"]
    ended = run_thb(*words, "--target-fpr", "0.2")
    assert ended.code == 0, ended.err
    found = read_calibration(tmp_path / "weights")
    assert found is not None
    scores = [row.score for row in predict(tmp_path / "weights", videos, settings=QUIET).rows]
    known = sorted(score for score in scores if score is not None)
    assert len(known) >= 5
    assert found.threshold == pytest.approx(known[-2], abs=1e-6), "one of five or six may reach it"
    assert (found.n_real, found.n_fake, found.false_alarms) == (len(known), 0, 1)
    assert found.reals_only
    assert found.resolved
    assert found.excluded["real"] == {"error": 1}
    assert (found.release.name, found.fold) == ("reals", "reals")
    assert "No fakes were scored, so how many it finds is unknown" in ended.out
    judged = run_thb("predict", tmp_path / "weights", *videos, "--format", "json", "-q")
    calls = [one["verdict"] for one in json.loads(judged.out)["videos"]]
    assert calls.count("called fake") == 1
    assert calls.count("not called fake") == len(known) - 1


def test_reals_take_the_place_of_a_release(
    untrained: Path, tiny_release: MiniRelease, run_thb: Run, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="leave out its real_root"):
        calibrate(untrained, reals=tmp_path, real_root=tmp_path, scoring=QUIET)
    with pytest.raises(ReleaseError, match="holds no video"):
        calibrate(untrained, reals=tmp_path, scoring=QUIET)
    with pytest.raises(ReleaseError, match=r"no folder .*nowhere of real videos"):
        calibrate(untrained, reals=tmp_path / "nowhere", scoring=QUIET)
    words = ["calibrate", "gend", "--reals", tmp_path, "--real-root", tiny_release.real_root]
    assert run_thb(*words).code == 2


def test_a_threshold_of_other_weights_or_a_damaged_one_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, calibration = tmp_path / THRESHOLDS_FILE, some_calibration()
    file.write_text(write_text(calibration))
    assert read_calibration(tmp_path) == calibration
    assert read_calibration(tmp_path, weights_sha256="0" * 64) == calibration
    assert read_calibration(tmp_path, weights_sha256="1" * 64) is None
    assert "other weights" in caplog.text
    assert read_calibration("baseline") is None
    wrong: list[dict[str, object]] = [
        {"false_alarms": 3},
        {"resolved": False},
        {"n_real": -1},
        {"n_real": 200.0},
        {"true_positive_rate": 2.0},
        {"format": "thb-thresholds/0"},
        {"fold": 1},
        {"release": {}},
    ]
    texts = [json.dumps(to_json(calibration) | changes) for changes in wrong]
    for text in [*texts, "{", "[]", file.read_text().replace("0.75", "NaN")]:
        file.write_text(text)
        with pytest.raises(DetectorError, match="damaged"):
            read_calibration(tmp_path)
