"""A detector on videos as released and rendered alike: the right videos, side by side."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.evaluation.result import Result
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import Predictions, Status, read_predictions, write_predictions
from thb.robustness.crop_shift import find_shift
from thb.robustness.shortcuts import ShortcutSettings, shortcuts
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import DetectorError, SettingsError
from thb_dataset.video.reader import VideoReader

if TYPE_CHECKING:
    from thb.robustness.report import ShortcutReport
    from thb_dataset.mini.release import MiniRelease

FOLD = "p3-hallo"
SETTINGS = ShortcutSettings(progress=False, n_bootstrap=0, controlled=True)


@pytest.fixture(scope="module")
def run(
    untrained: Path, tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run folder with a detector and its predictions of one fold as released."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    shutil.copytree(untrained, folder)
    evaluate(
        folder,
        protocol="p3",
        fold="hallo",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        settings=EvaluateSettings(n_bootstrap=0, scoring=PredictSettings(progress=False)),
    )
    return folder


def measure(release: MiniRelease, run: Path, out: Path) -> ShortcutReport:
    return shortcuts(
        ["p3"],
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=out,
        runs=[run],
        settings=SETTINGS,
    )


def test_the_same_videos_are_scored_rendered_alike_and_set_side_by_side(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*.parquet")}
    report = measure(tiny_release, run, tmp_path / "metadata")
    assert before == {path: path.read_bytes() for path in run.rglob("*.parquet")}
    found = report.controlled
    assert found is not None
    place = tmp_path / "metadata-controlled"
    released = read_predictions(run / FOLD / "predictions.parquet")
    alike = read_predictions(place / "1-toy" / FOLD / "predictions.parquet")
    assert [row.video_id for row in alike] == [row.video_id for row in released]
    assert {row.status for row in alike} == {Status.OK}
    assert [row.score for row in alike] != [row.score for row in released]
    assert isinstance(alike.run, FoldScoringRecord)
    assert alike.run.name == "toy (rendered alike)"
    assert alike.run.release.name.endswith("rendered alike")
    assert (found.rendered, found.failed) == (len(alike), {})
    result = Result.load(place / "1-toy" / f"result-{FOLD}.json")
    cells = {cell.generator: cell for cell in found.cells}
    for cell in result.cells:
        assert cells[cell.generator].controlled["auc"].value == pytest.approx(
            cell.measures["auc"].value, abs=1e-6
        )
    for cell in report.results[-1].cells:
        assert cells[cell.generator].released == cell.measures
    assert cells["mean"].released == report.results[-1].mean
    (crop,) = found.crops
    assert (crop.detector, crop.videos) == ("toy", len(alike))
    assert 0 < crop.median_shift < 0.1  # the same faces, found at nearly the same places
    assert crop.median_shift <= crop.largest_shift
    assert crop.video in [row.video_id for row in alike]
    (fold,) = found.folds
    reals = [row.score for row in alike if row.label == 0 and row.score is not None]
    assert fold.n_real == len(reals)
    assert fold.threshold == report.results[-1].thresholds[FOLD]["t1"]
    assert fold.false_alarms == sum(
        fold.threshold is not None and score >= fold.threshold for score in reals
    )
    assert json.loads((tmp_path / "metadata" / "shortcuts-p3-hallo.json").read_text()) == (
        json.loads(json.dumps(report.to_dict()))
    )
    with VideoReader() as reader:
        facts = [reader.read_metadata(path) for path in sorted((place / "release").rglob("*.mp4"))]
    assert len(facts) == len(alike)
    alike_but_for_bits = {
        replace(fact, bits_per_pixel=0, kbit_per_second=0, seconds=0, gop_frames=0)
        for fact in facts
    }
    assert len(alike_but_for_bits) == 1


def test_a_video_in_which_the_face_is_gone_is_named(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    own = tmp_path / "toy"
    shutil.copytree(run, own)
    read = read_predictions(own / FOLD / "predictions.parquet")
    first, *others = read.rows
    changed = replace(first, faces=first.faces + 2)
    write_predictions(
        own / FOLD / "predictions.parquet", Predictions(rows=(changed, *others), run=read.run)
    )
    found = measure(tiny_release, own, tmp_path / "metadata").controlled
    assert found is not None
    (fold,) = found.folds
    assert fold.changed[first.video_id] == f"faces {first.faces + 2} → {first.faces}"


def test_without_a_detector_nothing_is_rendered(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    (tmp_path / "bare" / FOLD).mkdir(parents=True)
    shutil.copy(run / FOLD / "predictions.parquet", tmp_path / "bare" / FOLD)
    with pytest.raises(DetectorError, match="holds no detector"):
        measure(tiny_release, tmp_path / "bare", tmp_path / "metadata")
    with pytest.raises(SettingsError, match="--run"):
        shortcuts(["p3"], release=tiny_release.hub, settings=SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare"]


def make_clips(box: tuple[float, ...], frame_size: tuple[int, int]) -> VideoClips:
    """Return one clip of two frames with the same box."""
    return VideoClips(
        pixels=np.zeros((1, 2, 8, 8, 3), np.uint8),
        frame_index=np.zeros((1, 2), np.int64),
        seconds=np.zeros((1, 2)),
        boxes=np.array([[box, box]], np.float32),
        points=np.zeros((1, 2, 5, 2), np.float32),
        frame_size=frame_size,
        faces=1,
        frames_with_face=2,
        frames_searched=2,
        frames_read=2,
    )


@pytest.mark.parametrize(
    ("frame_size", "box", "placed"),
    [
        ((100, 200), (50, 20, 90, 60), (50, 70, 90, 110)),  # wide: 50 rows of black above
        ((100, 50), (10, 20, 30, 40), (70, 40, 110, 80)),  # tall: twice as large, 50 columns
        ((400, 400), (100, 100, 180, 180), (50, 50, 90, 90)),
    ],
)
def test_a_crop_moves_from_where_scale_and_bars_put_it(
    frame_size: tuple[int, int], box: tuple[float, ...], placed: tuple[float, ...]
) -> None:
    before = make_clips(box, frame_size)
    assert find_shift(before, make_clips(placed, (200, 200)), 200) == pytest.approx(0, abs=1e-6)
    moved = tuple(value + (30 if at % 2 else 0) for at, value in enumerate(placed))  # down
    assert find_shift(before, make_clips(moved, (200, 200)), 200) == pytest.approx(30 / 40)
