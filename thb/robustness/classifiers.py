"""The classifiers that see the metadata of videos only, with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from thb.robustness.features import NAMES, NUMBERS

if TYPE_CHECKING:
    import pandas as pd

    from metrics.talking_head_detection.inputs import FloatArray

Kind = Literal["logistic", "trees"]
KINDS: Final[tuple[Kind, ...]] = ("logistic", "trees")
TITLES: Final[dict[Kind, str]] = {
    "logistic": "metadata only (logistic)",
    "trees": "metadata only (trees)",
}
"""What the classifiers are called in tables."""

_MOST_STEPS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Weight:
    """How much a feature carries of a classifier's decision.

    Attributes:
        feature: A number such as ``fps``, or a value of a name such as ``encoder = Lavf58.29.100``.
        value: For ``logistic`` the standardised weight: the change of the logit when the feature
            rises by one standard deviation of the training videos; above 0 means fake. For
            ``trees`` the share of the impurity that its splits remove, within [0, 1], which has
            no direction.
    """

    feature: str
    value: float


@dataclass(frozen=True, kw_only=True)
class TrainedClassifier:
    """A classifier that was trained on the metadata of videos.

    Attributes:
        kind: ``logistic`` or ``trees``.
        pipeline: The fitted pipeline of scikit-learn.
        weights: What carries its decision, the heaviest first.
    """

    kind: Kind
    pipeline: Any
    weights: tuple[Weight, ...]

    def score(self, table: pd.DataFrame) -> FloatArray:
        """Return P(label 1) of each row of a table of features, float64 (N,) within [0, 1]."""
        if table.empty:
            return np.empty(0, np.float64)
        return np.asarray(self.pipeline.predict_proba(table)[:, 1], np.float64)


def make_pipeline(kind: Kind, seed: int) -> Any:  # noqa: ANN401 — scikit-learn has no types
    """Return a classifier that is not trained yet, with scikit-learn's own settings.

    Missing numbers take the median of the training videos, numbers are standardised, and each value
    of a name becomes a column of 0 and 1; a name that training did not see has no such column.

    Args:
        kind: ``logistic`` for logistic regression (L2, C = 1), ``trees`` for 100 gradient-boosted
            trees of depth 3.
        seed: The random seed.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = Pipeline(
        [
            ("fill", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
        ]
    )
    names = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [("numbers", numbers, list(NUMBERS)), ("names", names, list(NAMES))]
    )
    model = (
        LogisticRegression(max_iter=_MOST_STEPS, random_state=seed)
        if kind == "logistic"
        else GradientBoostingClassifier(random_state=seed)
    )
    return Pipeline([("columns", columns), ("model", model)])


def train_classifier(
    kind: Kind, table: pd.DataFrame, labels: Sequence[int], *, seed: int = 0
) -> TrainedClassifier:
    """Train a classifier on the metadata of videos.

    Args:
        kind: ``logistic`` or ``trees``.
        table: The features of N videos, as :func:`thb.robustness.features.make_table` gives them.
        labels: (N,), 1 or 0, both at least once.
        seed: The random seed; the same seed and videos give the same classifier.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
    """
    pipeline = make_pipeline(kind, seed)
    pipeline.fit(table, np.asarray(labels, np.int64))
    return TrainedClassifier(kind=kind, pipeline=pipeline, weights=_weigh(kind, pipeline, table))


def _weigh(kind: Kind, pipeline: Any, table: pd.DataFrame) -> tuple[Weight, ...]:  # noqa: ANN401
    columns, model = pipeline["columns"], pipeline["model"]
    values = columns.named_transformers_["names"].categories_
    features = [
        *NUMBERS,
        *(
            f"{name} = {value}"
            for name, found in zip(NAMES, values, strict=True)
            for value in found
        ),
    ]
    if kind == "logistic":
        spread = columns.transform(table).std(axis=0)
        heavy = model.coef_[0] * spread
    else:
        heavy = model.feature_importances_
    weights = [
        Weight(feature=feature, value=float(value))
        for feature, value in zip(features, heavy, strict=True)
    ]
    return tuple(sorted(weights, key=lambda weight: (-abs(weight.value), weight.feature)))
