"""The demo's texts, limits and list of detectors, without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from demo_detectors import Offer, Shelf, find_runs, read_offers
from demo_html import write_problem, write_text
from demo_judging import judge
from demo_limits import MAX_MEGABYTES, RefusedVideoError, check_video
from demo_words import describe_run, explain_error, give_verdict
from detectors.registry import create_detector, find_detector_class
from tests.support.video_files import write_repeated
from thb.prediction.calibration import THRESHOLDS_FILE
from thb_dataset.errors import DetectorError, NoFaceError, VideoDecodeError
from thb_dataset.mini.release import MiniRelease


def calibration(**changes: Any) -> Any:
    values = {
        "target_fpr": 0.01,
        "threshold": 0.8,
        "n_real": 200,
        "false_alarms": 2,
        "n_fake": 50,
        "true_positive_rate": 0.9,
        "resolved": True,
    }
    return SimpleNamespace(**{**values, **changes})


def test_a_verdict_is_by_the_threshold_and_never_without_one() -> None:
    assert give_verdict(0.8, calibration()).kind == "fake", "the threshold itself is called fake"
    missed = give_verdict(0.799, calibration())
    assert missed.kind == "not_fake"
    assert "does not prove" in missed.text
    none = give_verdict(0.99, None)
    assert none.kind == "none"
    assert "thb calibrate" in none.text
    rough = give_verdict(0.9, calibration(n_real=16, false_alarms=0, resolved=False))
    assert "16 real videos are too few to measure a rate of 1 %" in rough.text
    assert "6.25 %" in rough.text


def test_every_protocol_run_is_said_in_words() -> None:
    assert "without Hallo2" in describe_run("p3-hallo2")
    assert describe_run("p1").startswith("P1")
    assert "outside" in describe_run(None)


def test_reasons_name_no_path_and_are_escaped() -> None:
    error = VideoDecodeError("/secret/place/a<b>.mp4: is no video; ask a programmer")
    problem = explain_error(error, "/secret/place/a<b>.mp4")
    assert problem.reason == "Is no video."
    assert explain_error(NoFaceError("a face in 1 of 4 frames")).kind == "no_face"
    assert "<script>" not in write_text("<script>`x`")
    assert "&lt;" in write_problem(explain_error(VideoDecodeError("<b>")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def offer(**changes: Any) -> dict[str, Any]:
    return {"name": "a", "protocol": "p1", "fold": "p1", "reference": "run", **changes}


def test_the_list_of_detectors_is_strict(folder: Path) -> None:
    file = folder / "detectors.json"

    def read(*entries: Any) -> tuple[Offer, ...]:
        file.write_text(json.dumps(entries), "utf-8")
        return read_offers(file)

    (own,) = read(offer())
    assert own.reference == str((folder / "run").resolve())
    (hub,) = read(offer(reference="org/name"))
    assert hub.reference == "org/name"
    with pytest.raises(DetectorError, match="outside"):
        read(offer(reference="../"))
    with pytest.raises(DetectorError, match="no folder weights/a/p1 beside it"):
        read(offer(reference="weights/a/p1"))
    with pytest.raises(DetectorError, match="keys"):
        read({**offer(), "code": "x"})
    with pytest.raises(DetectorError, match="one name and fold"):
        read(offer(), offer())


def test_a_choice_that_cannot_be_asked_is_explained() -> None:
    def make(name: str, fold: str | None) -> Offer:
        protocol = fold and fold.partition("-")[0]
        return Offer(name=name, protocol=protocol, fold=fold, reference=f"{name}-{fold}")

    shelf = Shelf((make("a", "p3-hallo"), make("a", "p1"), make("b", "p1"), make("own", None)))
    assert shelf.folds == ["p1", "p3-hallo"]
    assert [offer.reference for offer in shelf.find(["b", "a", "own"], "p1")] == [
        "a-p1",
        "b-p1",
        "own-None",
    ]
    with pytest.raises(DetectorError, match="b has no run 'p3-hallo' here; it has p1"):
        shelf.find(["a", "b"], "p3-hallo")
    with pytest.raises(DetectorError, match="at least one"):
        shelf.find([], "p1")
    with pytest.raises(DetectorError, match="no detector 'x'"):
        shelf.find(["x"], "p1")
    assert Shelf((make("own", None),)).folds == [None]


def test_a_damaged_threshold_leaves_the_score_without_a_verdict(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    kind = find_detector_class("baseline")
    create_detector(kind, seed=3, config=kind.tiny).save_pretrained(tmp_path / "run")
    (tmp_path / "run" / THRESHOLDS_FILE).write_text("{", "utf-8")
    (found,) = find_runs([tmp_path / "run"])
    video = min((tiny_release.hub / "fake").rglob("*.mp4"))
    *_, last = judge(video, [found], tmp_path, with_overlay=False)
    (judgement,) = last.judgements
    assert judgement.problem is None
    assert judgement.prediction is not None
    assert judgement.prediction.score is not None
    assert judgement.calibration is None
    assert judgement.to_dict()["verdict"]["kind"] == "none"


def refuse(path: Path) -> str:
    with pytest.raises(RefusedVideoError) as refused:
        check_video(path)
    assert refused.value.problem.hint
    return refused.value.problem.kind


def test_limits_are_checked_before_anything_is_decoded(
    tmp_path: Path, tiny_release: MiniRelease
) -> None:
    assert refuse(tmp_path / "absent.mp4") == "missing"
    assert refuse(tmp_path) == "decode", "it is a folder"
    large = tmp_path / "large.mp4"
    with large.open("wb") as stream:
        stream.truncate(MAX_MEGABYTES * 1_000_000 + 1_000_000)
    assert refuse(large) == "too_large"
    picture = np.zeros((64, 64, 3), np.uint8)
    assert refuse(write_repeated(tmp_path / "long.mp4", picture, frames=124, fps=2)) == "too_large"
    wide = np.zeros((64, 1936, 3), np.uint8)
    assert refuse(write_repeated(tmp_path / "wide.mp4", wide, frames=2)) == "too_large"
    assert check_video(next((tiny_release.hub / "fake").rglob("*.mp4"))).width > 0
