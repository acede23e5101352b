"""The metric against torchmetrics: where both define the same, and where they do not.

Every difference has a name here, so that nobody takes it for a fault of either.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from metrics.talking_head_detection import roc
from tests.support.scored_cases import make_case

torch = pytest.importorskip("torch", reason="torchmetrics needs torch")
pytest.importorskip("torchmetrics", reason="an oracle of the extra 'dev'")

from torchmetrics import functional as other  # noqa: E402 — only where it is installed
from torchmetrics.functional import classification as binary  # noqa: E402

SEEDS = range(200)
SINGLE = 1e-6
"""Its rates are in single precision, whatever the scores are in; ours are in double precision."""


def as_tensors(labels: np.ndarray, scores: np.ndarray) -> tuple[Any, Any]:
    return torch.tensor(scores, dtype=torch.float64), torch.tensor(labels)


def test_auc_average_precision_and_brier_are_the_same() -> None:
    for seed in SEEDS:
        labels, scores = make_case(seed)
        curve, given = roc.roc_curve(labels, scores), as_tensors(labels, scores)
        assert curve.area == pytest.approx(float(binary.binary_auroc(*given)), abs=SINGLE)
        assert curve.average_precision == pytest.approx(
            float(binary.binary_average_precision(*given)), abs=SINGLE
        )
        # It has no Brier score; for two classes that is the mean squared error.
        squared = float(other.mean_squared_error(given[0], given[1].double()))
        assert roc.brier(labels, scores) == pytest.approx(squared, abs=1e-12)


def test_tpr_at_fpr_is_sensitivity_at_specificity() -> None:
    for seed in SEEDS:
        labels, scores = make_case(seed)
        n_real = int((labels == 0).sum())
        for target in (Fraction(1, 100), Fraction(1, 10), Fraction(1, 3)):
            point = roc.tpr_at_fpr(labels, scores, target)
            # Half a false alarm more than is allowed: no rounding can then decide.
            least = 1 - (point.allowed_false_alarms + 0.5) / n_real
            found, _ = binary.binary_sensitivity_at_specificity(
                *as_tensors(labels, scores), min_specificity=max(least, 0.0)
            )
            assert point.tpr == pytest.approx(float(found), abs=SINGLE)


def test_at_a_rate_that_a_curve_meets_exactly_its_rounding_may_lose_the_point() -> None:
    # In single precision the specificity of one false alarm in three is a little below 2/3.
    labels, scores = np.array([0, 0, 0, 1]), np.array([0.1, 0.1, 0.9, 0.5])
    found, _ = binary.binary_sensitivity_at_specificity(
        *as_tensors(labels, scores), min_specificity=1 - 1 / 3
    )
    assert float(found) == 0
    assert roc.tpr_at_fpr(labels, scores, Fraction(1, 3)).tpr == 1


def test_its_thresholds_are_exclusive_and_ours_are_inclusive() -> None:
    for seed in SEEDS:
        labels, scores = make_case(seed)
        threshold = float(np.random.default_rng(seed).choice([0.3, 0.5, 0.77, 1.0]))
        given, below = as_tensors(labels, scores), math.nextafter(threshold, 0)
        point = roc.roc_curve(labels, scores).at_threshold(threshold)
        for ours, theirs in (
            (point.accuracy, binary.binary_accuracy),
            (point.precision, binary.binary_precision),
            (point.f1, binary.binary_f1_score),
            (point.tpr, binary.binary_recall),
        ):
            assert ours == pytest.approx(float(theirs(*given, threshold=below)), abs=SINGLE)
    half = as_tensors(np.array([0, 1]), np.array([0.1, 0.5]))
    assert float(binary.binary_recall(*half, threshold=0.5)) == 0
    assert roc.roc_curve([0, 1], [0.1, 0.5]).at_threshold(0.5).tpr == 1


def test_its_equal_error_rate_is_that_of_the_nearest_point_and_ours_lies_on_the_line() -> None:
    for seed in SEEDS:
        labels, scores = make_case(seed)
        given = as_tensors(labels, scores)
        fpr, tpr, _ = (rates.numpy() for rates in binary.binary_roc(*given))
        nearest = np.abs(fpr - (1 - tpr)).argmin()
        apart = abs(fpr[nearest] - (1 - tpr[nearest]))
        theirs = float(binary.binary_eer(*given))
        ours = roc.roc_curve(labels, scores).equal_error_rate
        assert abs(ours - theirs) <= apart / 2 + SINGLE
    # Between (0, 1/2) and (1/2, 1): the line meets the diagonal at 1/4; both ends are 1/2 away.
    assert roc.roc_curve([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9]).equal_error_rate == 0.25
