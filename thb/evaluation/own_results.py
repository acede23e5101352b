"""The results and the predictions of a detector's weights, where ``thb evaluate`` left them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from thb.evaluation.result import Result
from thb.prediction.predictions import Predictions, read_predictions
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import ResultError


def find_results(folder: Path, weights_sha256: str) -> tuple[list[tuple[str, Result]], list[str]]:
    """Find the results of a detector's weights, in its folder and in the one above.

    Args:
        folder: The detector's folder.
        weights_sha256: The digest of its weights; results of other weights are passed over.

    Returns:
        Pairs of a fold's name and the result that holds it, and notes for the publisher.
    """
    found: dict[str, Result] = {}
    notes = []
    for file in sorted((*folder.glob("result-*.json"), *folder.parent.glob("result-*.json"))):
        try:
            result = Result.load(file)
        except ResultError as error:
            notes.append(f"{file.name} was passed over: {error}")
            continue
        for fold, run in result.runs.items():
            if run.detector.weights_sha256 == weights_sha256:
                found.setdefault(fold, result)
    if not found:
        notes.append("there is no result of these weights: run thb evaluate first")
    return sorted(found.items()), notes


def find_fold_predictions(
    places: Iterable[Path], *, fold: str, weights_sha256: str
) -> tuple[Predictions, FoldScoringRecord] | None:
    """Return the predictions of a detector's weights on a fold, from the first folder with them.

    Args:
        places: Folders that may hold ``predictions.parquet``.
        fold: The fold.
        weights_sha256: The digest of the weights; predictions of others are passed over.

    Returns:
        The predictions and what scored them; None without any.

    Raises:
        ResultError: A file is damaged.
    """
    for place in places:
        file = place / PREDICTIONS_FILE
        if not file.is_file():
            continue
        predictions = read_predictions(file)
        run = predictions.run
        if (
            isinstance(run, FoldScoringRecord)
            and run.fold == fold
            and run.detector.weights_sha256 == weights_sha256
        ):
            return predictions, run
    return None
