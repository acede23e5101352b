"""The detectors that stand beside GenD in the tables of ``benchmarks.gend_on_sample``.

The baseline keeps its own size and recipe. The others cannot be had with weights, and do not fit a
processor at full size: each is its small network, trained briefly, as in ``detectors_on_sample``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.detectors_on_sample import RATES, SETTINGS
from benchmarks.gend_tables import find_scores
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import read_predictions
from thb.releases.opening import OpenRelease
from thb.runtime.console import say
from thb.training.settings import TrainOptions
from thb.training.train import train
from thb_dataset.protocols import Fold

BESIDE: Final[Mapping[str, str]] = {
    "baseline": "baseline network",
    **{name: f"small {name}" for name in ("caddm", "df_adapter", "lipfd", "tall")},
}
"""The titles of the detectors, by their registered names."""


def measure_beside(
    name: str, folds: Sequence[Fold], opened: OpenRelease, given: argparse.Namespace
) -> None:
    """Train a detector on every fold with every seed, and write the scores of the test videos."""
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
            scores = _score(folder, fold, where)
            path.parent.mkdir(parents=True, exist_ok=True)
            seconds = round(time.perf_counter() - began, 1)
            path.write_text(json.dumps({"seconds": seconds, "scores": scores}), encoding="utf-8")
            say(f"{name} {fold.name} seed {seed}: {seconds} s")


def _score(folder: Path, fold: Fold, where: Mapping[str, Any]) -> dict[str, float]:
    """Return P(fake) of the test videos that can be scored."""
    settings = EvaluateSettings(n_bootstrap=0, scoring=PredictSettings(progress=False))
    evaluate(folder / fold.name, **where, settings=settings)
    (found,) = (folder / fold.name).rglob("predictions.parquet")
    rows = read_predictions(found).rows
    return {row.video_id: row.score for row in rows if row.score is not None}
