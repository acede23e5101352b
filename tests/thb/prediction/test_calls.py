"""Verdicts: when there is one, and in what words."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from detectors.registry import load_detector
from tests.support.records import make_calibration
from thb.prediction.calibration import THRESHOLDS_FILE, Calibration
from thb.prediction.calls import FEWEST_VIDEOS, LOWEST_TPR, SYNTHETIC_BANNER, Grounds
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb.runs.provenance import hash_weights
from thb.runtime.records import write_text

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

PEOPLE = "nowhere.mp4"


def ground(**changes: Any) -> Grounds:
    return Grounds(calibration=make_calibration(threshold=0.688, **changes))


def test_a_verdict_is_a_sentence_and_then_the_numbers() -> None:
    called = ground().call(0.955, PEOPLE)
    assert called.verdict == "called fake"
    assert called.sentence == "This video is called fake. Score 0.955; alarm from 0.688."
    silent = ground().call(0.098, PEOPLE)
    assert silent.verdict == "not called fake"
    assert silent.sentence == "This video is not called fake. Score 0.098; alarm from 0.688."
    assert "does not prove" in silent.caveat
    assert called.remark is silent.remark is None
    assert ground().call(0.688, PEOPLE).verdict == "called fake", "the threshold itself"


def test_a_threshold_of_real_videos_alone_says_what_nobody_knows() -> None:
    grounds = ground(n_real=200, n_fake=0, true_positive_rate=0.0, reals_only=True)
    silent = grounds.call(0.098, PEOPLE)
    assert silent.verdict == "not called fake"
    assert "How many fakes stay below this threshold is unknown" in silent.caveat
    assert grounds.call(0.9, PEOPLE).verdict == "called fake"


def test_a_score_just_below_the_threshold_does_not_look_equal_to_it() -> None:
    assert ground().call(0.68797, PEOPLE).figures == "score 0.68797; alarm from 0.68800"
    last = ground().call(math.nextafter(0.688, 0), PEOPLE)
    assert last.verdict == "not called fake"
    assert last.figures == "score 0.688; alarm from the next higher number"


@pytest.mark.parametrize(
    ("grounds", "reason"),
    [
        (Grounds(), "the detector has no threshold (thb calibrate sets one)"),
        (
            ground(n_real=8, n_fake=9, true_positive_rate=1 / 9),
            "the threshold finds 1 of 9 validation fakes",
        ),
        (
            ground(n_real=4, n_fake=0, true_positive_rate=0.0, reals_only=True),
            "the threshold rests on 4 real videos, and a verdict needs 5",
        ),
        (
            ground(n_real=4, n_fake=9),
            "the threshold rests on 4 real videos and 9 fakes, and a verdict needs 5 of each",
        ),
        (
            ground(n_fake=0, true_positive_rate=0.0),
            "the threshold rests on 200 real videos and 0 fakes, and a verdict needs 5 of each",
        ),
        (replace(ground(), untrained=True), "the weights of the detector are random"),
        (
            replace(ground(), trained_on_synthetic=True),
            "the detector was trained on drawings, and this video is none of them",
        ),
    ],
)
def test_no_verdict_says_why(grounds: Grounds, reason: str) -> None:
    found = grounds.call(0.9, PEOPLE)
    assert found.verdict == "none"
    assert found.sentence == f"No verdict: {reason}. Score 0.900."
    assert "alarm" not in found.sentence, "or readers would draw a verdict themselves"


def test_the_floors_themselves_are_enough() -> None:
    least = ground(
        n_real=FEWEST_VIDEOS, n_fake=FEWEST_VIDEOS, true_positive_rate=LOWEST_TPR, false_alarms=0
    )
    assert least.fault is None
    assert 1 / (FEWEST_VIDEOS + 1) < LOWEST_TPR, "more than chance finds"


def test_weights_of_drawings_judge_drawings_only(tiny_release: MiniRelease) -> None:
    drawing = min(tiny_release.hub.rglob("*.mp4"))
    found = replace(ground(), trained_on_synthetic=True).call(0.9, drawing)
    assert found.verdict == "called fake"
    assert found.caveat == SYNTHETIC_BANNER
    assert found.remark is not None


def prepare(folder: Path, out: Path, **changes: Any) -> Calibration:
    """Copy a detector's folder and give it a threshold that may lead to verdicts."""
    shutil.copytree(folder, out)
    weights = hash_weights(load_detector(folder))
    calibration = make_calibration(weights_sha256=weights, **changes)
    (out / THRESHOLDS_FILE).write_text(write_text(calibration), "utf-8")
    return calibration


def test_verdicts_in_python(untrained: Path, tiny_release: MiniRelease, tmp_path: Path) -> None:
    prepare(untrained, tmp_path / "run", threshold=0.0001)
    place = tmp_path / "run" / "config.json"
    config = json.loads(place.read_text("utf-8"))
    assert config.pop("untrained")
    place.write_text(json.dumps(config), "utf-8")
    files = [min(tiny_release.hub.glob("fake/Hallo/test/*.mp4")), tmp_path / "absent.mp4"]
    settings = PredictSettings(progress=False)
    found = predict(tmp_path / "run", files, settings=settings)
    assert found.verdicts == ("called fake", None)
    first, second = found.calls
    assert first is not None
    assert (first.score, first.threshold, second) == (found[0].score, 0.0001, None)
    table = found.to_pandas()
    assert [*table.verdict] == ["called fake", None]
    assert [*table.threshold] == [0.0001, 0.0001]
    assert "called fake" in found._repr_html_()
    assert predict(load_detector(tmp_path / "run"), files, settings=settings).verdicts == (
        found.verdicts
    ), "a detector that is loaded knows where it came from"
    without = replace(found, grounds=None)
    assert without == found
    assert without.verdicts == (None, None)
    assert not {"verdict", "threshold"} & set(without.to_pandas().columns)
    assert "<th>verdict</th>" not in without._repr_html_()


@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_verdicts_on_the_command_line(
    verb: str,
    untrained: Path,
    tiny_release: MiniRelease,
    test_data: Path,
    run_thb: Run,
    tmp_path: Path,
) -> None:
    drawing = min(tiny_release.hub.glob("fake/Hallo/test/*.mp4"))
    person = min((test_data / "thb-sample" / "hub" / "fake").rglob("*.mp4"))
    prepare(untrained, tmp_path / "run", threshold=0.0001)
    config = json.loads((tmp_path / "run" / "config.json").read_text("utf-8"))
    assert config.pop("untrained")
    out = ["--out", tmp_path / "out"] if verb == "explain" else []

    def ask(*words: object) -> Any:
        ended = run_thb(verb, tmp_path / "run", drawing, person, *out, "-q", *words)
        assert ended.code == 0, ended.err
        return ended

    def write(**changes: Any) -> None:
        (tmp_path / "run" / "config.json").write_text(json.dumps(config | changes), "utf-8")

    write()
    rows = json.loads(ask("--format", "json").out)["videos"]
    assert [row["verdict"] for row in rows] == ["called fake", "called fake"]
    assert all(row["threshold"] == 0.0001 for row in rows)
    write(training_data="TalkingHeadBench, fold p1, split by release, the synthetic release mini")
    told = ask("--format", "json")
    rows = json.loads(told.out)["videos"]
    assert [row["verdict"] for row in rows] == ["called fake", "none"]
    assert all(row["caveat"] == SYNTHETIC_BANNER for row in rows)
    assert "trained on drawings" in rows[1]["verdict_sentence"]
    assert SYNTHETIC_BANNER in told.err
    text = ask().out
    assert text.count("trained on drawings") >= 2, "beside each verdict"
    assert "real" not in text.replace(str(person), "").replace("real_videos", "")
    write(untrained=True)
    told = ask()
    assert "random" in told.out
    assert "random" in told.err


def test_random_weights_are_allowed_by_name_and_marked(
    run_thb: Run, tiny_release: MiniRelease
) -> None:
    video = min(tiny_release.hub.rglob("*.mp4"))
    refused = run_thb("predict", "baseline", video)
    assert refused.code == 4
    assert "has no trained weights" in refused.err
    allowed = run_thb("predict", "baseline", video, "--untrained", "--format", "json", "-q")
    record = json.loads(allowed.out)
    assert record["videos"][0]["verdict"] == "none"
    assert "random" in record["videos"][0]["caveat"]
    assert record["run"]["detector"]["untrained"] is True
