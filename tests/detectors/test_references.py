"""The words for a detector: what they mean, and which of them never answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import thb
from detectors.listing import CONVERTIBLE, DETECTORS
from detectors.references import Reference, read_reference, refuse_untrained, require_place
from detectors.registry import (
    create_detector,
    find_detector_class,
    has_fresh_weights,
    load_detector,
)
from thb.evaluation.evaluate import EvaluateSettings
from thb.runs.folders import default_out, find_run_folders
from thb_dataset.errors import DetectorError, ReleaseError


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("tall", Reference(class_name="tall")),
        ("mine:Mine", Reference(class_name="mine:Mine")),
        ("a.b:C@runs/mine", Reference(class_name="a.b:C", place="runs/mine")),
        ("a.b:C@org/name", Reference(class_name="a.b:C", place="org/name")),
        ("runs/tall/p1", Reference(place="runs/tall/p1")),
        ("./tall", Reference(place="./tall")),
        (Path("tall"), Reference(place="tall")),
        ("me@home/run", Reference(place="me@home/run")),
        ("a:B@", Reference(place="a:B@")),
    ],
)
def test_what_words_mean(words: str | Path, meant: Reference) -> None:
    assert read_reference(words) == meant


def test_a_folder_comes_before_a_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hub = read_reference("a:B@org/name")
    assert (hub.folder, hub.hub_id) == (None, "org/name")
    Path("org/name").mkdir(parents=True)
    folder = read_reference("a:B@org/name")
    assert (folder.folder, folder.hub_id) == (Path("org/name"), None)
    assert folder.at(Path("org/name/p1")) == "a:B@org/name/p1"
    assert read_reference("org/name").at(Path("org/name/p1")) == Path("org/name/p1")
    assert default_out("a:B@org/name") == Path("org/name")


@pytest.mark.parametrize(
    "name",
    [*sorted(set(DETECTORS) - {"gend"}), "detectors.tall.modeling:TALL", "detectors.gend:GenD"],
)
def test_untrained_weights_never_answer(name: str, tmp_path: Path) -> None:
    asked: list[Callable[[], object]] = [
        lambda: thb.detector(name),
        lambda: thb.predict(name, "x.mp4"),
        lambda: thb.explain(name, "x.mp4"),
        lambda: thb.evaluate(name, protocol="p1", release=tmp_path / "nowhere"),
        lambda: thb.explain_split(name, protocol="p1", release=tmp_path / "nowhere"),
        lambda: thb.make_gallery(name, protocol="p1", release="nowhere", out=tmp_path / "x.png"),
        lambda: thb.calibrate(name, release=tmp_path / "nowhere"),
        lambda: thb.publish_detector(name, repo="o/n"),
        lambda: thb.publish_space("demo", repo="o/n", detectors=[name], dry_run=tmp_path / "out"),
        lambda: find_run_folders(name),
    ]
    for ask in asked:
        with pytest.raises(DetectorError, match=r"has no trained weights.*train it") as error:
            ask()
        assert "--untrained, or untrained=True in Python" in str(error.value)
        assert ("thb convert" in str(error.value)) is (name in CONVERTIBLE)
    assert not list(tmp_path.iterdir()), "refused before any work"


def test_tests_may_use_random_weights_and_they_are_marked(tmp_path: Path) -> None:
    tiny = find_detector_class("baseline").tiny
    model = load_detector("baseline", config=tiny, untrained=True)
    assert model.config.untrained
    model.save_pretrained(tmp_path)
    assert load_detector(tmp_path).config.untrained, "a folder of random weights says so too"
    with pytest.raises(ReleaseError):  # the next thing that is wrong
        thb.evaluate(
            "baseline",
            protocol="p1",
            release=tmp_path / "nowhere",
            settings=EvaluateSettings(untrained=True),
        )


def test_weights_of_another_class_than_the_named_one_are_refused(tmp_path: Path) -> None:
    detector_class = find_detector_class("baseline")
    create_detector(detector_class, config=detector_class.tiny).save_pretrained(tmp_path)
    own = "detectors.baseline.modeling:BaselineDetector"
    assert type(load_detector(f"{own}@{tmp_path}")) is detector_class
    with pytest.raises(DetectorError, match=r"holds a BaselineDetector, not a detectors\.tall"):
        load_detector(f"detectors.tall.modeling:TALL@{tmp_path}")


def test_a_name_means_weights_on_the_hub_where_there_are_some() -> None:
    refuse_untrained("gend")
    for words in ("gend", "yermandy/GenD_CLIP_L_14"):
        weights = read_reference(words).published
        assert weights is not None
        assert (weights.repo, weights.detector) == ("yermandy/GenD_CLIP_L_14", "gend")
    assert [read_reference(words).published for words in ("tall", "o/n", "./gend", "a:B")] == [
        None
    ] * 4
    assert has_fresh_weights("gend"), "a training begins with the network"
    tiny = find_detector_class("gend").tiny
    assert load_detector("gend", config=tiny, untrained=True).config.untrained
    with pytest.raises(DetectorError, match="settings cannot be changed"):
        load_detector("gend", config=tiny)


def test_refusals_name_the_way_for_a_class_of_ones_own() -> None:
    with pytest.raises(DetectorError, match=r"mine:Mine@DIR"):
        refuse_untrained("mine:Mine")
    refuse_untrained("mine:Mine@runs/mine")


def test_a_folder_with_the_name_of_a_detector_is_pointed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tall").mkdir()
    with pytest.raises(DetectorError, match=r"chance: name the folder here \(\./tall\), or train"):
        refuse_untrained("tall")
    assert read_reference("./tall").folder == Path("tall")


def test_words_that_can_be_no_detector_are_refused_before_anything_is_opened(
    tmp_path: Path,
) -> None:
    require_place("o/n")
    require_place("baseline")
    require_place(tmp_path)
    for words in ("basline", tmp_path / "runs"):
        with pytest.raises(DetectorError, match="no detector"):
            require_place(words)
    with pytest.raises(DetectorError, match="did you mean baseline"):
        thb.evaluate("basline", protocol="p1", release=tmp_path / "nowhere")
