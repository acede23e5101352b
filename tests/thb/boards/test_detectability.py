"""How detectable new fakes are, against counts by hand and a detector whose scores are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from detectors.registry import create_detector, find_detector_class
from tests.support.made_boards import write_small_results
from thb.boards.building import build_boards
from thb.boards.detectability import detectability
from thb.boards.detectability_page import list_lines
from thb.boards.neighbours import bootstrap_share
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb_dataset.errors import SettingsError

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb_dataset.mini.release import MiniRelease


@pytest.fixture(scope="module")
def detector() -> Detector:
    kind = find_detector_class("baseline")
    return create_detector(kind, seed=3, config=kind.tiny)


@pytest.fixture
def settings(tmp_path: Path) -> PredictSettings:
    return PredictSettings(progress=False, store=tmp_path / "store", workers=2)


def copy_videos(source: Path, target: Path, most: int) -> Path:
    target.mkdir()
    for file in sorted(source.rglob("*.mp4"))[:most]:
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_shares_are_those_of_scores_counted_by_hand(
    tiny_release: MiniRelease, detector: Detector, settings: PredictSettings, tmp_path: Path
) -> None:
    fakes = copy_videos(tiny_release.hub / "fake", tmp_path / "fakes", 6)
    reals = copy_videos(tiny_release.real_root, tmp_path / "reals", 4)
    root = write_small_results(tmp_path / "results")
    board = build_boards(root, out=root / "boards", n_bootstrap=50).generators
    found = detectability(
        fakes, [detector], reals=reals, board=root, out=tmp_path / "out", settings=settings
    )
    scores = [
        [row.score for row in predict(detector, sorted(folder.iterdir()), settings=settings).rows]
        for folder in (fakes, reals)
    ]
    given, others = (np.array([one for one in row if one is not None]) for row in scores)
    hits = int((given > others.max()).sum())  # with four real videos no false alarm is allowed
    (own,) = found.findings
    for metric in ("t1", "t01"):
        caught = own.caught[metric]
        assert (caught.hits, caught.fakes) == (hits, given.size)
        assert caught.share == pytest.approx(hits / given.size)
        assert caught.below_resolution
        assert caught.low <= caught.share <= caught.high
    assert found.neighbours is not None
    known = {row.name: row.mean["t1"].value for row in board.protocols["p3"].rows if row.mean}
    assert {one.name: one.share for one in found.neighbours.known} == known
    assert found.neighbours.place == 1 + sum(value < hits / given.size for value in known.values())
    order = sorted(own.scores, key=lambda name: own.scores[name])
    assert found.least[0] == order[0]
    assert found.most[0] == order[-1]
    assert not set(found.most) & set(found.least)
    assert found.features
    page = (tmp_path / "out" / "detectability.html").read_text("utf-8")
    assert page.count("<figure>") == len(found.most) + len(found.least)
    assert found.most[0] in page
    written = json.loads((tmp_path / "out" / "detectability.json").read_text("utf-8"))
    assert written["findings"][0]["caught"]["t1"]["hits"] == hits
    assert any("place" in line for line in list_lines(found))


def test_without_threshold_and_reals_it_says_what_to_do(
    tiny_release: MiniRelease, detector: Detector, settings: PredictSettings, tmp_path: Path
) -> None:
    fakes = copy_videos(tiny_release.hub / "fake", tmp_path / "fakes", 1)
    (fakes / "<b>.mp4").write_bytes(b"no video")
    found = detectability(fakes, [detector], out=tmp_path / "out", settings=settings)
    (own,) = found.findings
    assert own.caught == {}
    assert sum(own.unscored.values()) == 1
    assert any("thb calibrate" in note for note in found.notes)
    assert "<b>" not in (tmp_path / "out" / "detectability.html").read_text("utf-8")
    with pytest.raises(SettingsError, match="no folder"):
        detectability(tmp_path / "nowhere", [detector], settings=settings)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="no video"):
        detectability(tmp_path / "empty", [detector], settings=settings)
    with pytest.raises(SettingsError, match="at least one detector"):
        detectability(fakes, [], settings=settings)


def test_videos_of_one_driver_widen_the_interval() -> None:
    rng = np.random.default_rng(5)
    drivers = np.repeat(np.arange(10), 20)
    shared = (rng.random(10) < 0.5)[drivers]  # all videos of a driver are alike
    names = [f"p{place}--d{driver}--X.mp4" for place, driver in enumerate(drivers)]
    alone = [f"p{place}--d{place}--X.mp4" for place in range(200)]
    together = bootstrap_share(names, shared)
    apart = bootstrap_share(alone, shared)
    assert together is not None
    assert apart is not None
    assert together[1] - together[0] > 1.5 * (apart[1] - apart[0])
    assert together[0] < shared.mean() < together[1]
    assert bootstrap_share(["a.mp4", "b.mp4"], np.array([True, False])) is None
