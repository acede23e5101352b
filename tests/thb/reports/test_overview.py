"""One picture of a run: what is on it, and that it is the same again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from detectors.registry import create_detector, find_detector_class
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import read_predictions
from thb.reports.overview import draw_overview
from thb.runs.folders import PREDICTIONS_FILE
from thb_dataset.errors import ResultError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease


@pytest.fixture(scope="module")
def run(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a detector for P1 alone."""
    folder = tmp_path_factory.mktemp("run")
    kind = find_detector_class("baseline")
    create_detector(kind, seed=1, config=kind.tiny).save_pretrained(folder / "p1")
    evaluate(
        folder,
        protocol="p1",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        settings=EvaluateSettings(n_bootstrap=20, scoring=PredictSettings(progress=False)),
    )
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    return folder


def draw(run: Path, release: MiniRelease, out: Path) -> Path:
    return draw_overview(
        run, out=out, release=release.hub, real_root=release.real_root, progress=False
    )


def test_the_picture_is_small_is_the_same_again_and_tells_what_it_shows(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    first = draw(run, tiny_release, tmp_path / "first.png")
    again = draw(run, tiny_release, tmp_path / "deep" / "again.png")
    assert first.read_bytes() == again.read_bytes()
    assert first.stat().st_size < 150_000
    rows = read_predictions(run / "p1" / PREDICTIONS_FILE).rows
    scores = {row.video_id: row.score for row in rows if row.label and row.split == "test"}
    surest = max(scores, key=lambda name: scores[name] or 0.0)
    with Image.open(first) as picture:
        assert surest in picture.info["Description"]
        assert run.name in picture.info["Title"]
        pixels = np.asarray(picture.convert("RGB"), np.int16)
    left = pixels[:, : pixels.shape[1] // 4]
    assert (left.max(axis=2) - left.min(axis=2) > 60).sum() > 1000  # a frame in colour


def test_a_video_that_is_not_there_is_named(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    with pytest.raises(ResultError, match="not on this machine") as refused:
        draw_overview(run, out=tmp_path / "picture.png", release=tiny_release.hub, progress=False)
    assert "CelebV-HQ" in str(refused.value) or "FaceForensics" in str(refused.value)


def test_without_a_score_of_a_class_there_is_no_picture(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    with pytest.raises(ResultError, match="p1"):
        draw(tmp_path / "nothing", tiny_release, tmp_path / "picture.png")
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "p1" / PREDICTIONS_FILE).write_bytes(b"damaged")
    with pytest.raises(ResultError, match=PREDICTIONS_FILE):
        draw(copy, tiny_release, tmp_path / "picture.png")
