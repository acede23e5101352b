"""Predictions of whole folds with made scores, written as ``thb evaluate`` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.records import make_calibration, make_scoring_record
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.runs.provenance import ScoredDetector
from thb.runtime.records import write_text
from thb_dataset.protocols import Protocol, fold_name
from thb_dataset.records import TRAINING_GENERATORS, Family

GENERATORS = tuple(map(str, TRAINING_GENERATORS))
WEIGHTS = "5" * 64


def make_rows(
    generators: Sequence[str], *, seed: int, n_fake: int = 12, n_real: int = 30
) -> tuple[Prediction, ...]:
    """Return rows of fakes of each generator and of real videos of two datasets."""
    rng = np.random.default_rng(seed)
    sources = ["FaceForensics++"] * (n_real // 3) + ["CelebV-HQ"] * (n_real - n_real // 3)
    names = [(name, 1) for name in generators for _ in range(n_fake)]
    names += [(name, 0) for name in sources]
    return tuple(
        Prediction(
            video_id=f"{name}/{number:03d}",
            label=label,
            generator=name if label else None,
            real_dataset=None if label else name,
            split="test",
            status=Status.OK,
            score=float(np.clip(rng.beta(4, 2) if label else rng.beta(2, 4), 0, 1)),
        )
        for number, (name, label) in enumerate(names)
    )


def write_run(folder: Path, *, protocols: Sequence[str] = ("p1", "p3"), **changes: Any) -> Path:
    """Write the predictions and thresholds of every fold of protocols into a run folder."""
    settings = {"detector": ScoredDetector(model_type="thb_tall", weights_sha256=WEIGHTS)} | changes
    for protocol in protocols:
        for number, held_out in enumerate(Protocol(protocol).held_out):
            fold = fold_name(Protocol(protocol), held_out)
            generators = GENERATORS if held_out is None else (str(held_out),)
            if isinstance(held_out, Family):
                generators = held_out.generators
            run = make_scoring_record(
                protocol=protocol, fold=fold, held_out=held_out and str(held_out), **settings
            )
            # Ids must not depend on the fold: a fake is the same video in every protocol.
            every = make_rows(GENERATORS, seed=10 * number + len(protocol) + ord(protocol[1]))
            rows = tuple(row for row in every if row.label == 0 or row.generator in generators)
            place = folder / fold
            write_predictions(place / "predictions.parquet", Predictions(rows=rows, run=run))
            calibration = make_calibration(
                threshold=0.55, n_real=40, fold=fold, weights_sha256=WEIGHTS
            )
            (place / "thresholds.json").write_text(write_text(calibration), encoding="utf-8")
    return folder
