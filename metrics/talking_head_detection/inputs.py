"""What every measure takes: labels, where 1 is fake, and scores, which are P(fake) in [0, 1]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .binomial import MetricError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def check_scores(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Return labels as int64 and scores as float64, both (N,).

    Args:
        labels: (N,), 0 for real and 1 for fake.
        scores: (N,), P(fake).

    Raises:
        MetricError: The input is empty, not one-dimensional or of unequal length, a label is not 0
            or 1, a class is missing, or a score is NaN or outside [0, 1].
    """
    try:
        marks = np.asarray(labels, np.float64)
        values = np.asarray(scores, np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"labels and scores must be numbers: {error}") from error
    if marks.ndim != 1 or values.ndim != 1 or marks.shape != values.shape:
        raise MetricError(
            f"labels {marks.shape} and scores {values.shape} must be two lists of equal length"
        )
    if marks.size == 0:
        raise MetricError("there are no scores, so nothing can be measured")
    check_labels(marks)
    if np.isnan(values).any():
        raise MetricError(f"{int(np.isnan(values).sum())} of {values.size} scores are NaN")
    if values.min() < 0 or values.max() > 1:
        raise MetricError(
            f"scores must be P(fake) within [0, 1], but these go from {values.min():g} to "
            f"{values.max():g}; pass logits through a sigmoid first"
        )
    if marks.min() == marks.max():
        raise MetricError(
            f"there are only {'fake' if marks[0] else 'real'} videos, but both classes are needed"
        )
    return marks.astype(np.int64), values


def check_labels(labels: object) -> None:
    """Refuse labels other than 0 and 1.

    Raises:
        MetricError: A label is not a number, or another number.
    """
    try:
        marks = np.asarray(labels, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"labels must be numbers: {error}") from error
    wrong = marks[(marks != 0) & (marks != 1)]
    if wrong.size:
        raise MetricError(
            f"labels must be 0 (real) or 1 (fake), but {wrong.size} of {marks.size} are not, such"
            f" as {wrong.flat[0]:g}; were scores given as labels?"
        )
