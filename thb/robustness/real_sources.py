"""Real against real: whether scores tell the datasets of the real videos apart.

A detector that calls one dataset's videos fake more often than the other's has learned where a
video comes from. The measures here see real videos only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thb.evaluation.result import Result
from thb.prediction.predictions import Prediction, Predictions
from thb.prediction.thresholds import read_first_calibration
from thb.robustness.features import FeatureArea, find_area
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.records import RealDataset

SOURCES = (RealDataset.FACEFORENSICS.value, RealDataset.CELEBV_HQ.value)
"""The two datasets of real videos; areas compare the first with the second."""

_T1 = "T1"
_CALIBRATED = "validation"


@dataclass(frozen=True, kw_only=True)
class FalseAlarms:
    """The real test videos that a threshold calls fake, by their dataset.

    Attributes:
        rule: ``T1`` for T1's threshold over all fakes of the fold, which is chosen on these very
            videos and allows at most 1 % of them; ``validation`` for the threshold in the run's
            ``thresholds.json``, which was chosen on other videos.
        threshold: The lowest score that is called fake; None if no video is called fake.
        alarms: The number of videos called fake, by dataset.
        reals: The number of videos with a score, by dataset.
    """

    rule: str
    threshold: float | None
    alarms: Mapping[str, int]
    reals: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class SourceScores:
    """How a detector's scores treat the datasets of the real test videos of a fold.

    Attributes:
        detector: What the detector is called in tables.
        fold: The name of the fold.
        area: How well the scores tell the datasets apart; None if one of them has no scored video.
        false_alarms: The false alarms by dataset, for each threshold at hand.
    """

    detector: str
    fold: str
    area: FeatureArea | None
    false_alarms: tuple[FalseAlarms, ...]


def measure_sources(
    result: Result, folds: Iterable[Predictions], folder: Path | None = None
) -> tuple[SourceScores, ...]:
    """Measure how scores treat the datasets of the real videos, for each fold of a result.

    Args:
        result: The result of the predictions, which holds T1's thresholds.
        folds: The predictions of the folds.
        folder: The run folder, whose folds may hold a ``thresholds.json``; None for none.

    Raises:
        DetectorError: A ``thresholds.json`` is damaged.
    """
    return tuple(
        _measure_fold(result, predictions.rows, predictions.run, folder)
        for predictions in folds
        if isinstance(predictions.run, FoldScoringRecord)
    )


def _measure_fold(
    result: Result, rows: Sequence[Prediction], run: FoldScoringRecord, folder: Path | None
) -> SourceScores:
    reals = [row for row in rows if row.label == 0 and row.score is not None]
    known = [row for row in reals if row.real_dataset in SOURCES]
    thresholds = {_T1: result.thresholds[run.fold]["t1"]}
    places = () if folder is None else (folder / run.fold, folder)
    calibration = read_first_calibration(places, weights_sha256=run.detector.weights_sha256)
    if calibration is not None:
        thresholds[_CALIBRATED] = calibration.threshold
    return SourceScores(
        detector=result.title,
        fold=run.fold,
        area=find_area(
            "score",
            [int(row.real_dataset == SOURCES[0]) for row in known],
            np.array([row.score for row in known], np.float64),
            SOURCES,
        ),
        false_alarms=tuple(
            _count_alarms(rule, threshold, reals) for rule, threshold in thresholds.items()
        ),
    )


def _count_alarms(rule: str, threshold: float | None, reals: Sequence[Prediction]) -> FalseAlarms:
    called = [
        row.real_dataset
        for row in reals
        if threshold is not None and row.score is not None and row.score >= threshold
    ]
    alarms, totals = Counter(called), Counter(row.real_dataset for row in reals)
    names = sorted(map(str, totals), key=lambda name: (name not in SOURCES, name))
    return FalseAlarms(
        rule=rule,
        threshold=threshold,
        alarms={name: alarms[name] for name in names},
        reals={name: totals[name] for name in names},
    )
