"""The demo's texts, limits and list of detectors, without a browser."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo_detectors import Offer, Shelf, find_default, find_runs, read_offers
from demo_html import (
    name_threshold,
    write_absent,
    write_judgement,
    write_problem,
    write_text,
    write_timelines,
)
from demo_judging import Judgement, judge
from demo_pictures import label_overlay
from demo_results import collect_curves
from demo_words import describe_run, warn_of_drawings
from detectors.registry import create_detector, find_detector_class
from space_limits import MAX_MEGABYTES, RefusedVideoError, check_video
from space_problems import explain_error
from tests.support.records import make_calibration, make_run_record
from tests.support.sources import ROOT
from tests.support.video_files import write_repeated
from thb.prediction.calibration import THRESHOLDS_FILE
from thb.prediction.calls import SYNTHETIC_BANNER, Grounds
from thb.prediction.timeline import Stretch, Timeline
from thb.runs.record import write_record
from thb_dataset.errors import DetectorError, NoFaceError, VideoDecodeError
from thb_dataset.mini.release import MiniRelease

CSS = ROOT / "spaces" / "demo" / "demo.css"


def write_answer(score: float, **changes: Any) -> str:
    """Return what the page says about a score."""
    grounds = Grounds(calibration=make_calibration(threshold=0.8), **changes)
    offer = Offer(name="<a>", protocol=None, fold=None, reference="run")
    call = grounds.call(score, "nowhere.mp4")
    return write_judgement(Judgement(offer=offer, call=call, calibration=grounds.calibration))


def test_the_verdict_comes_first_and_then_one_caveat_and_the_number() -> None:
    text = write_answer(0.098)
    assert 'data-kind="not called fake"' in text
    sentence, caveat = "This video is not called fake.", "does not prove"
    number, basis = "Score <strong>0.098</strong>; alarm from 0.800", "Threshold 0.800: called"
    assert [text.count(part) for part in (sentence, caveat, number, basis)] == [1, 1, 1, 1]
    assert text.index(sentence) < text.index(caveat) < text.index(number) < text.index(basis)
    assert "P(fake)" not in text
    assert " real" not in text.replace("real validation videos", "").replace("the real videos", "")
    assert "This video is called fake." in write_answer(0.8)


def test_silence_and_no_verdict_are_grey() -> None:
    rules = re.findall(r'data-kind="([a-z ]+)"\] { background: #(\w{6})', CSS.read_text("utf-8"))
    colours = {kind: bytes.fromhex(colour) for kind, colour in rules}
    assert set(colours) == {"called fake", "not called fake", "none"}
    for kind in ("not called fake", "none"):
        assert max(colours[kind]) - min(colours[kind]) < 50
    assert max(colours["called fake"]) - min(colours["called fake"]) > 100


@pytest.mark.parametrize(("blind", "lines"), [(False, 1), (True, 0)])
def test_the_curve_has_a_threshold_only_where_there_is_a_verdict(blind: bool, lines: int) -> None:
    grounds = Grounds(calibration=make_calibration(threshold=0.8), trained_on_synthetic=blind)
    parts = (
        Stretch(start_seconds=0, end_seconds=1, score=0.9),
        Stretch(start_seconds=1, end_seconds=2, score=0.7),
    )
    judgement = Judgement(
        offer=Offer(name="a", protocol=None, fold=None, reference="run"),
        call=grounds.call(0.9, "nowhere.mp4"),
        calibration=grounds.calibration,
        timeline=Timeline(stretches=parts, own_clips=True),
    )
    curves = collect_curves([judgement])
    drawn = curves[curves.detector == name_threshold("a")]
    assert [*drawn.score] == [0.8] * 2 * lines
    assert [*drawn.seconds] == [0.0, 2.0] * lines
    assert write_timelines([judgement], [("red", "pink")]).count("alarm threshold") == lines


def test_the_label_of_the_overlay_leaves_room_for_the_buttons_of_a_phone() -> None:
    assert len(label_overlay("df_adapter")) <= 26, "at 390 pixels there is room for about thirty"


def test_drawings_are_warned_of_beside_the_verdict_and_on_top_of_the_page() -> None:
    text = write_answer(0.9, trained_on_synthetic=True)
    assert 'data-kind="none"' in text
    assert SYNTHETIC_BANNER in text
    assert "a, b" in warn_of_drawings(["a", "b"])


def test_every_protocol_run_is_said_in_words() -> None:
    assert "without Hallo2" in describe_run("p3-hallo2")
    assert describe_run("p2-hallo") == "P2: without Hallo"
    assert describe_run("p3-family-hallo") == ("P3-FAMILY: without Hallo and Hallo2, unseen people")
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
    (mine,) = read(offer(reference="my_module:Mine@run"))
    assert mine.reference == f"my_module:Mine@{(folder / 'run').resolve()}"
    with pytest.raises(DetectorError, match="tall has no trained weights"):
        read(offer(reference="tall"))


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


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two trainings that are both called baseline, in folders of their own."""
    kind = find_detector_class("baseline")
    model = create_detector(kind, seed=3, config=kind.tiny)
    for place, fold in (("demo", "p1"), ("demo", "p3-hallo"), ("runs", "p3-hallo")):
        folder = tmp_path / place / "baseline" / fold
        model.save_pretrained(folder)
        write_record(folder, make_run_record(protocol=fold[:2], fold=fold))
    return tmp_path


def test_detectors_of_one_name_are_told_apart(runs: Path) -> None:
    demo, single = runs / "demo" / "baseline", runs / "runs" / "baseline" / "p3-hallo"
    offers = find_runs([demo, single, demo])
    assert [(offer.name, offer.fold) for offer in offers] == [
        ("demo/baseline", "p1"),
        ("demo/baseline", "p3-hallo"),
        ("runs/baseline", "p3-hallo"),
    ]
    assert {offer.name for offer in find_runs([demo])} == {"baseline"}
    assert Shelf(offers).trained_on_synthetic == ["demo/baseline", "runs/baseline"]
    (named,) = find_runs([f"my_module:Mine@{single}"])
    assert named.reference == f"my_module:Mine@{single}"
    shutil.copytree(demo / "p1", demo / "again")
    with pytest.raises(DetectorError, match="two detectors of one name and fold"):
        find_runs([demo])
    with pytest.raises(DetectorError, match="has no trained weights"):
        find_runs(["tall"])


def test_weights_on_the_hub_are_offered_by_name(tmp_path: Path) -> None:
    (named,) = find_runs(["gend"])
    assert (named.name, named.protocol) == ("GenD on CLIP ViT-L/14", None)
    assert named.reference == "yermandy/GenD_CLIP_L_14"
    assert find_runs(["yermandy/GenD_CLIP_L_14"]) == (named,)
    file = tmp_path / "detectors.json"
    listed = {"name": "GenD", "protocol": None, "fold": None, "reference": "gend"}
    file.write_text(json.dumps([listed]))
    (offer,) = read_offers(file)
    assert (offer.name, offer.reference) == ("GenD", named.reference)
    assert find_default() == (), "the Hub may not be asked, and the weights are not here"


def test_detectors_without_the_chosen_run_are_greyed_out(runs: Path) -> None:
    places = [runs / "demo" / "baseline", runs / "runs" / "baseline" / "p3-hallo"]
    shelf = Shelf(find_runs(places))
    assert shelf.list_absent("p1") == {"runs/baseline": ["p3-hallo"]}
    assert shelf.choose(["runs/baseline"], "p1") == ["demo/baseline"]
    assert shelf.choose(["runs/baseline"], "p3-hallo") == ["runs/baseline"]
    greyed = write_absent(shelf, "p1")
    assert 'input[title="runs/baseline"]' in greyed
    assert "demo/baseline" not in greyed
    assert write_absent(shelf, "p3-hallo") == ""


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
    assert judgement.to_dict()["verdict"]["verdict"] == "none"


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
