"""Galleries: picks follow the rules, gaps are explained, scores of another run are refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from detectors.registry import create_detector, find_detector_class
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.explanations.explain import ExplainSettings
from thb.explanations.gallery import Gallery, GallerySettings, make_gallery
from thb.explanations.gallery_sheet import WIDTH
from thb.explanations.picks import PickCounts, pick_videos
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import Prediction, Status, read_predictions
from thb.prediction.verdicts import VerdictRule
from thb_dataset.errors import ResultError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

FOLD = "p3-hallo"
RULE = VerdictRule(threshold=0.6)


def scored(name: str, score: float | None, generator: str | None = None) -> Prediction:
    return Prediction(
        video_id=name,
        label=int(generator is not None),
        generator=generator,
        status=Status.ERROR if score is None else Status.OK,
        score=score,
    )


@pytest.fixture(scope="module")
def evaluated(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a detector that has been evaluated on one fold."""
    folder = tmp_path_factory.mktemp("evaluated")
    kind = find_detector_class("baseline")
    create_detector(kind, seed=3, config=kind.tiny).save_pretrained(folder)
    evaluate(
        folder,
        protocol="p3",
        fold="hallo",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        settings=EvaluateSettings(n_bootstrap=0, scoring=PredictSettings(progress=False)),
    )
    return folder


def make(folder: Path, release: MiniRelease, out: Path, real_root: Path | None) -> Gallery:
    return make_gallery(
        folder,
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=real_root,
        out=out,
        settings=GallerySettings(explaining=ExplainSettings(progress=False, workers=1)),
    )


def test_picks_follow_the_rules_and_ties_go_by_id() -> None:
    rows = [
        scored("h/a", 0.9, "Hallo"),
        scored("h/c", 0.95, "Hallo"),
        scored("h/b", 0.95, "Hallo"),
        scored("h/e", 0.1, "Hallo"),
        scored("h/d", 0.1, "Hallo"),
        scored("h/f", 0.3, "Hallo"),
        scored("h/g", None, "Hallo"),
        scored("m/a", 0.7, "MAGI-1"),
        scored("r/a", 0.8),
        scored("r/b", 0.6),
        scored("r/c", 0.5),
    ]
    counts = PickCounts(hits=1, misses=2, false_alarms=3)
    picks = pick_videos(rows, FOLD, RULE, counts)
    assert [(pick.kind, pick.generator, pick.video_id) for pick in picks] == [
        ("hit", "Hallo", "h/b"),
        ("miss", "Hallo", "h/d"),
        ("miss", "Hallo", "h/e"),
        ("hit", "MAGI-1", "m/a"),
        ("miss", "MAGI-1", None),
        ("false alarm", None, "r/a"),
        ("false alarm", None, "r/b"),
    ]
    assert picks == pick_videos(reversed(rows), FOLD, RULE, counts)
    assert picks[4].problem == "no fake was judged wrong (1 scored)"
    assert (picks[0].call, picks[1].call) == ("called fake", "not called fake")


def test_a_pick_without_any_video_says_so() -> None:
    (*_, last) = pick_videos([scored("h/a", 0.9, "Hallo")], FOLD, RULE, PickCounts())
    assert (last.kind, last.video_id) == ("false alarm", None)
    assert last.problem == "no such video has a score"


def test_the_sheet_shows_each_pick_of_an_evaluated_run(
    evaluated: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    done = make(evaluated, tiny_release, tmp_path / "new" / "g.png", tiny_release.real_root)
    rows = read_predictions(evaluated / FOLD / "predictions.parquet").rows
    scores = {row.video_id: row.score for row in rows}
    shown = [pick for pick in done.picks if pick.video_id]
    assert shown
    assert all(pick.problem is None for pick in shown)
    assert all(scores[pick.video_id or ""] == pick.score for pick in shown)
    assert {pick.generator for pick in done.picks} == {"Hallo", "Hallo3", "MAGI-1", None}
    with Image.open(done.path) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == WIDTH
        colours = sheet.convert("RGB").getcolors(2**24)
        assert colours is not None
        assert len(colours) > 1000, "the sheet shows pictures"
    again = make(evaluated, tiny_release, tmp_path / "again.png", tiny_release.real_root)
    assert again.picks == done.picks
    assert again.path.read_bytes() == done.path.read_bytes()
    assert done.to_dict()["picks"][0]["fold"] == FOLD


def test_a_pick_whose_video_is_damaged_stays_on_the_sheet(
    evaluated: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    copied = replace(tiny_release, hub=tmp_path / tiny_release.hub.name)
    shutil.copytree(tiny_release.hub, copied.hub)
    for path in copied.hub.glob("fake/Hallo/test/*.mp4"):
        path.write_text("no longer a video")
    done = make(evaluated, copied, tmp_path / "g.png", tiny_release.real_root)
    lost = [pick for pick in done.picks if pick.video_id and pick.generator == "Hallo"]
    assert lost
    assert all(pick.problem and str(tmp_path) not in pick.problem for pick in lost)
    assert done.path.is_file()


def test_scores_of_other_weights_and_absent_scores_are_refused(
    evaluated: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    kind = find_detector_class("baseline")
    other = tmp_path / "other"
    create_detector(kind, seed=4, config=kind.tiny).save_pretrained(other)
    with pytest.raises(ResultError, match="evaluate the detector first"):
        make(other, tiny_release, tmp_path / "g.png", tiny_release.real_root)
    shutil.copytree(evaluated / FOLD, other / FOLD)
    with pytest.raises(ResultError, match="weights differ"):
        make(other, tiny_release, tmp_path / "g.png", tiny_release.real_root)
    assert not (tmp_path / "g.png").exists()
