"""Predictions of a made-up detector on made-up videos, with drivers that fakes and reals share."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from tests.support.records import make_scoring_record
from thb.prediction.predictions import Prediction, Predictions, Status

GENERATORS = ("Hallo", "Hallo2", "AniPortraitAudio", "LivePortrait")


def make_predictions(
    generators: tuple[str, ...] = GENERATORS,
    *,
    fold: str = "p1",
    seed: int = 0,
    n_real: int = 20,
    **run: Any,
) -> Predictions:
    """Return a fold: six fakes per generator, two of MAGI-1, and reals that drive some fakes."""
    rng = random.Random(seed)

    def draw(mean: float) -> float:
        return min(1.0, max(0.0, rng.gauss(mean, 0.2)))

    rows = [
        Prediction(
            video_id=f"CelebV-HQ/driver{at}_1",
            label=0,
            real_dataset="CelebV-HQ",
            split="test",
            status=Status.OK,
            score=draw(0.4),
        )
        for at in range(n_real)
    ]
    for name, part, count in [*((name, "test", 6) for name in generators), ("MAGI-1", "extra", 2)]:
        rows.extend(
            Prediction(
                video_id=f"{name}/{at}",
                label=1,
                generator=name,
                portrait=f"{at // 2:05}",
                driver=f"driver{at}_1",
                split=part,
                status=Status.OK,
                score=draw(0.6),
            )
            for at in range(count)
        )
    return Predictions(rows=tuple(rows), run=make_scoring_record(fold=fold, **run))


def change(predictions: Predictions, video_id: str, **values: Any) -> Predictions:
    rows = tuple(
        replace(row, **values) if row.video_id == video_id else row for row in predictions.rows
    )
    return Predictions(rows=rows, run=predictions.run)
