"""The detectors that stand beside GenD in the tables of ``benchmarks.gend_on_sample``.

The baseline keeps its own size and recipe. The others cannot be had with weights, and do not fit a
processor at full size: each is its small network, trained briefly, as in ``detectors_on_sample``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.detectors_on_sample import RATES, SETTINGS
from benchmarks.gend_tables import find_scores, write_scores
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import read_predictions
from thb.releases.opening import OpenRelease
from thb.robustness.shortcuts import ShortcutSettings, shortcuts
from thb.runtime.console import say
from thb.training.settings import TrainOptions
from thb.training.train import train
from thb_dataset.protocols import Fold

BESIDE: Final[Mapping[str, str]] = {
    "baseline": "baseline network",
    **{name: f"small {name}" for name in ("caddm", "df_adapter", "lipfd", "tall")},
    "metadata_logistic": "metadata alone, logistic regression",
    "metadata_trees": "metadata alone, decision trees",
}
"""The titles of the detectors, by their registered names."""


def measure_beside(
    name: str, folds: Sequence[Fold], opened: OpenRelease, given: argparse.Namespace
) -> None:
    """Train a detector on every fold with every seed, and write the scores of the test videos."""
    if name.startswith("metadata"):
        for seed in given.seeds:
            _measure_metadata(name, folds, opened, given.out, seed)
        return
    small = name != "baseline"
    recipe: dict[str, Any] = {**SETTINGS} if small else {}
    if name in RATES:
        recipe["learning_rate"] = RATES[name]
    for seed in given.seeds:
        folder = given.out / "runs" / f"{name}-{seed}"
        for fold in folds:
            path = find_scores(given.out, name, fold.name, seed)
            if path.is_file():
                continue
            began = time.perf_counter()
            where: dict[str, Any] = {
                "protocol": fold.protocol,
                "fold": fold.held_out,
                "release": opened,
                "out": folder / fold.name,
            }
            options = TrainOptions(tiny=small, progress=False)
            train(name, **where, settings={**recipe, "seed": seed}, options=options)
            settings = EvaluateSettings(n_bootstrap=0, scoring=PredictSettings(progress=False))
            evaluate(folder / fold.name, **where, settings=settings)
            (found,) = (folder / fold.name).rglob("predictions.parquet")
            _keep_scores(path, found, time.perf_counter() - began)
            say(f"{name} {fold.name} seed {seed}: {time.perf_counter() - began:.1f} s")


def _measure_metadata(
    name: str, folds: Sequence[Fold], opened: OpenRelease, out: Path, seed: int
) -> None:
    """Do the same for the classifiers that see no picture."""
    wanted = [fold for fold in folds if not find_scores(out, name, fold.name, seed).is_file()]
    if not wanted:
        return
    began, folder = time.perf_counter(), out / "runs" / f"metadata-{seed}"
    settings = ShortcutSettings(seed=seed, n_bootstrap=0, progress=False)
    protocols = list(dict.fromkeys(fold.protocol for fold in wanted))
    shortcuts(protocols, release=opened, out=folder, settings=settings)
    seconds = (time.perf_counter() - began) / len(wanted)
    for fold in wanted:
        found = folder / name.removeprefix("metadata_") / fold.name / "predictions.parquet"
        _keep_scores(find_scores(out, name, fold.name, seed), found, seconds)


def _keep_scores(path: Path, predictions: Path, seconds: float) -> None:
    rows = read_predictions(predictions).rows
    scores = {row.video_id: row.score for row in rows if row.score is not None}
    write_scores(path, scores, seconds)
