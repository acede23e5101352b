"""Detectors that were scored on videos of a benchmark in full size, without any video."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tests.support.records import make_scoring_record
from thb.evaluation.score import score
from thb.prediction.predictions import Prediction, Predictions, Status
from thb.reports.evaluations import Evaluation
from thb.runs.provenance import ScoredDetector
from thb.runs.record import ReleaseRecord
from thb_dataset.records import TRAINING_GENERATORS

PUBLISHED = ReleaseRecord(name="o/published", revision="abc", counts_agree=True)
OTHER = ReleaseRecord(name="other", revision="def", counts_agree=False)


def make_fold(
    fold: str,
    *,
    model_type: str,
    generators: Sequence[str],
    strength: float,
    n: int = 120,
    seed: int = 0,
    release: ReleaseRecord = PUBLISHED,
) -> Predictions:
    """Return scores of n real videos and n fakes of each generator.

    Args:
        fold: ``p1`` or for instance ``p3-hallo``.
        model_type: The detector's kind.
        generators: The generators of the fakes; MAGI-1 and Hallo3 count as test-only.
        strength: The share of the fakes that score higher than every real video; the others score
            like real videos.
        n: The number of videos of a kind.
        seed: Which videos score how.
        release: The release.
    """
    chance = random.Random(f"{seed} {fold}")
    rows = [
        Prediction(
            video_id=f"CelebV-HQ/real{at}_0",
            label=0,
            real_dataset="CelebV-HQ",
            split="test",
            status=Status.OK,
            score=chance.uniform(0, 0.5),
        )
        for at in range(n)
    ]
    for generator in generators:
        caught = set(chance.sample(range(n), round(strength * n)))
        rows += [
            Prediction(
                video_id=f"{generator}/{at}",
                label=1,
                generator=generator,
                driver=f"driver{at}_0",
                portrait=f"{at:05d}",
                split="extra" if generator in ("MAGI-1", "Hallo3") else "test",
                status=Status.OK,
                score=chance.uniform(0.6, 1) if at in caught else chance.uniform(0, 0.4),
            )
            for at in range(n)
        ]
    record = make_scoring_record(
        protocol=fold[:2],
        fold=fold,
        release=release,
        detector=ScoredDetector(model_type=model_type),
    )
    return Predictions(rows=tuple(rows), run=record)


def evaluate_folds(name: str, folds: Sequence[Predictions], **settings: Any) -> Evaluation:
    """Return the evaluation of a detector from its scores."""
    result = score(list(folds), name=name, **({"n_bootstrap": 400} | settings))
    return Evaluation(result=result, folds=tuple(folds))


def make_p1(
    name: str,
    *,
    model_type: str = "thb_baseline",
    strength: float = 0.9,
    generators: Sequence[str] = tuple(map(str, TRAINING_GENERATORS)),
    **values: Any,
) -> Evaluation:
    """Return a detector that was scored on P1, as :func:`make_fold` makes its scores."""
    fold = make_fold(
        "p1", model_type=model_type, generators=generators, strength=strength, **values
    )
    return evaluate_folds(name, [fold])


def make_p3(
    name: str, *, model_type: str = "thb_baseline", strength: float = 0.9, **values: Any
) -> Evaluation:
    """Return a detector that was scored on every fold of P3, MAGI-1 and Hallo3 among them."""
    folds = [
        make_fold(
            f"p3-{str(generator).lower()}",
            model_type=model_type,
            generators=[str(generator), "MAGI-1", "Hallo3"],
            strength=strength,
            **values,
        )
        for generator in TRAINING_GENERATORS
    ]
    return evaluate_folds(name, folds)
