"""Score the validation videos of the fold that a detector was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict_videos
from thb.prediction.prediction_log import PredictionLog
from thb.prediction.predictions import Prediction
from thb.releases.opening import OpenRelease
from thb.runs.identity import digest_scoring
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import ReleaseError
from thb_dataset.protocols import Fold
from thb_dataset.records import Label
from thb_dataset.release.media import explain_missing_reals, locate_videos

if TYPE_CHECKING:
    from accelerate import Accelerator

    from detectors.base import Detector


def score_validation(
    model: Detector,
    fold: Fold,
    opened: OpenRelease,
    folder: Path,
    run: FoldScoringRecord,
    accelerator: Accelerator,
    scoring: PredictSettings,
) -> Sequence[Prediction]:
    """Score the validation videos of a fold; rows of a killed run are taken over.

    Args:
        model: The detector.
        fold: The fold that it was trained on.
        opened: The release.
        folder: The folder of the logs.
        run: What scores the videos.
        accelerator: The processes.
        scoring: How the videos are scored.

    Returns:
        The rows of all processes, one per video.

    Raises:
        ReleaseError: No real validation video is available.
    """
    reals = [video for video in fold.validation if video.label is Label.REAL]
    located = locate_videos(opened.release, opened.real_root, reals)
    if not located.files:
        why = "the list names none"
        if reals:
            why = explain_missing_reals(reals, opened.real_root, faults=located.faults)
        raise ReleaseError(f"{fold.name} has no real validation video for a threshold: {why}")
    # Each log has a folder of its own, so that the log of other weights or versions that a killed
    # run left is not in the way.
    name = digest_scoring(run)[:16]
    with PredictionLog(folder / name, run, rank=accelerator.process_index) as log:
        predictions = predict_videos(
            model,
            opened,
            {"validation": fold.validation},
            log=log,
            accelerator=accelerator,
            settings=scoring,
        )
    return predictions.rows
