"""The resamples of a board against the metric, on videos that are repeated as often as drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metrics.talking_head_detection.roc import T01, T1, auc, brier, tpr_at_fpr
from tests.support.made_boards import FOLDS, by_strength, make_videos, write_submission
from thb.boards.columns import read_columns
from thb.boards.reference import FoldVideos
from thb.boards.replicates import FoldWeights, draw_weights, measure_fold
from thb.evaluation.score import score
from thb.prediction.predictions import Prediction, read_predictions


def some_unscored(video: Prediction, rng: np.random.Generator) -> float | None:
    """Return tied scores, and none for some videos."""
    value = by_strength(1.0)(video, rng)
    return None if rng.random() < 0.1 or value is None else round(value, 1)


def open_fold(path: Path) -> FoldVideos:
    columns = read_columns(path)
    return FoldVideos(fold=columns.origin.fold, digest=columns.digest, videos=columns.videos)


@pytest.mark.parametrize("scorer", [by_strength(2.0), some_unscored])
def test_the_numbers_are_those_of_score(tmp_path: Path, scorer: object) -> None:
    folder = write_submission(tmp_path, "acme/one", scorer)  # type: ignore[arg-type]
    for protocol in ("p1", "p3"):
        files = [
            folder / name / "predictions.parquet" for name in FOLDS if name.startswith(protocol)
        ]
        result = score([read_predictions(file) for file in files], n_bootstrap=0)
        weights = draw_weights([open_fold(file) for file in files], 5, 0)
        for cell in result.cells:
            scores = read_columns(folder / cell.fold / "predictions.parquet").scores
            (measured,) = measure_fold(weights[cell.fold], [scores])
            numbers = measured[cell.part, cell.generator][:, 0]
            expected = [cell.measures[name].value for name in ("auc", "t1", "t01", "brier")]
            np.testing.assert_allclose(numbers, expected, atol=1e-12)


@pytest.mark.parametrize("scorer", [by_strength(1.0), some_unscored])
def test_a_resample_is_the_metric_of_repeated_videos(tmp_path: Path, scorer: object) -> None:
    videos = lambda fold: make_videos(fold, reals=230, fakes=30, drivers=20)  # noqa: E731
    folder = write_submission(
        tmp_path,
        "acme/one",
        scorer,  # type: ignore[arg-type]
        folds=["p1"],
        videos=videos,
    )
    path = folder / "p1" / "predictions.parquet"
    fold, scores = open_fold(path), read_columns(path).scores
    weights = draw_weights([fold], 40, 3)["p1"]
    (measured,) = measure_fold(weights, [scores])
    for part, places in fold.fakes.items():
        for at in range(1, 41):
            drawn = np.concatenate([weights.fakes[part][:, at], weights.reals[:, at]]).astype(int)
            values = np.repeat(np.concatenate([scores[places], scores[fold.reals]]), drawn)
            labels = np.repeat([1] * places.size + [0] * fold.reals.size, drawn)
            values, labels = values[~np.isnan(values)], labels[~np.isnan(values)]
            numbers = measured[part][:, at]
            assert numbers[1] == pytest.approx(tpr_at_fpr(labels, values, T1).tpr)
            assert numbers[2] == pytest.approx(tpr_at_fpr(labels, values, T01).tpr)
            assert numbers[3] == pytest.approx(brier(labels, values), abs=1e-6)
            # The AUC is linear in the weights of fakes and of real videos: near, but not the same.
            assert numbers[0] == pytest.approx(auc(labels, values), abs=0.06)


def test_several_detectors_at_a_time_are_measured_as_one_alone(tmp_path: Path) -> None:
    paths = [
        write_submission(tmp_path, f"acme/d{at}", some_unscored, folds=["p1"], seed=at)
        / "p1/predictions.parquet"
        for at in range(3)
    ]
    scores = [read_columns(path).scores for path in paths]
    weights = draw_weights([open_fold(paths[0])], 20, 0)["p1"]
    together = measure_fold(weights, scores)
    for own, measured in zip(scores, together, strict=True):
        (alone,) = measure_fold(weights, [own])
        for part, numbers in alone.items():
            np.testing.assert_allclose(measured[part], numbers, atol=1e-6)


def test_a_video_is_drawn_equally_often_in_every_fold_whatever_else_is_drawn(
    tmp_path: Path,
) -> None:
    folder = write_submission(tmp_path, "acme/one", by_strength(1))
    folds = [open_fold(folder / name / "predictions.parquet") for name in FOLDS]
    weights = draw_weights(folds, 50, 0)
    again = draw_weights(folds[::-1], 50, 0)
    for name in FOLDS:
        np.testing.assert_array_equal(weights[name].reals, weights["p1"].reals)
        np.testing.assert_array_equal(weights[name].reals, again[name].reals)
        for part, drawn in weights[name].fakes.items():
            if part[0] == "test" or name == "p1":
                np.testing.assert_array_equal(drawn, weights["p1"].fakes[part])
    assert not np.array_equal(draw_weights(folds, 50, 1)["p1"].reals, weights["p1"].reals)


def test_a_real_clip_is_drawn_with_the_fakes_that_it_drives(tmp_path: Path) -> None:
    folder = write_submission(tmp_path, "acme/one", by_strength(1), folds=["p1"])
    fold = open_fold(folder / "p1" / "predictions.parquet")
    weights: FoldWeights = draw_weights([fold], 200, 0)["p1"]
    ids, drivers = (fold.videos[name].to_pylist() for name in ("video_id", "driver"))
    places = fold.fakes["test", "Hallo"]
    real = [ids[place] for place in fold.reals].index(f"CelebV-HQ/{drivers[places[0]]}")
    undrawn = weights.reals[real] == 0
    assert undrawn[1:].any()
    assert (weights.fakes["test", "Hallo"][0, undrawn] == 0).all()
    assert weights.reals[:, 1:].mean() == pytest.approx(1, abs=0.05)
    assert weights.reals[:, 1:].var() == pytest.approx(1, abs=0.15)
