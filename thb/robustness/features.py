"""The metadata of videos as features, and what each of them tells on its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.delong import area_interval
from metrics.talking_head_detection.roc import MetricError, roc_curve
from thb_dataset.video.values import VideoMetadata

if TYPE_CHECKING:
    import pandas as pd

    from metrics.talking_head_detection.inputs import FloatArray

NUMBERS: Final = (
    "fps",
    "width",
    "height",
    "bits_per_pixel",
    "kbit_per_second",
    "seconds",
    "gop_frames",
    "has_audio",
)
"""The features that are numbers; ``has_audio`` is 0 or 1."""

NAMES: Final = ("encoder", "codec", "profile")
"""The features that are names."""

ABSENT: Final = "(none)"
"""The name where a file has none."""


@dataclass(frozen=True, kw_only=True)
class FeatureArea:
    """How well one feature alone tells two groups of videos apart.

    The direction is chosen on the same videos, so that a useless feature lies above .5 as well:
    look at the interval.

    Attributes:
        feature: A number such as ``fps``, or a value of a name such as ``encoder = Lavf58.29.100``.
        higher_in: The group in which the number is higher, or the name more frequent.
        auc: The larger of AUC and 1 - AUC.
        low: The lower end of DeLong's 95 % interval.
        high: Its upper end.
        n_first: The number of videos of the first group (fake, where fakes are compared).
        n_second: The number of videos of the second group.
    """

    feature: str
    higher_in: str
    auc: float
    low: float
    high: float
    n_first: int
    n_second: int


def make_table(metadata: Mapping[str, VideoMetadata]) -> pd.DataFrame:
    """Return the features of videos: a row for each, sorted by name, so that no order matters.

    Numbers are logarithms, because twice the bit rate is the same step at every bit rate. A number
    that a file does not declare, or that is no positive finite number, is missing (NaN).

    Args:
        metadata: The metadata of each video by its ``video_id``.
    """
    import pandas as pd

    names = sorted(metadata)
    rows = [metadata[name] for name in names]
    columns: dict[str, list[float] | list[str]] = {
        feature: [_measure(row, feature) for row in rows] for feature in NUMBERS
    }
    for feature in NAMES:
        columns[feature] = [str(getattr(row, feature)) or ABSENT for row in rows]
    return pd.DataFrame(columns, index=names)


def _measure(row: VideoMetadata, feature: str) -> float:
    if feature == "has_audio":
        return float(row.has_audio)
    value = getattr(row, feature)
    if value is None or not math.isfinite(value) or value <= 0:
        return math.nan
    return math.log(value)


def measure_features(
    table: pd.DataFrame, labels: Sequence[int], groups: tuple[str, str]
) -> tuple[FeatureArea, ...]:
    """Return how well each feature alone tells two groups apart, the best first.

    Args:
        table: The features of N videos, as :func:`make_table` gives them.
        labels: (N,), 1 for the first group and 0 for the second.
        groups: What the first and the second group are called.

    Returns:
        An entry for each number and each value of a name that varies among these videos; none if
        a group has no video.
    """
    marks = np.asarray(labels, np.int64)
    columns = {name: table[name].to_numpy(np.float64) for name in NUMBERS}
    for name in NAMES:
        for value in sorted(set(table[name])):
            columns[f"{name} = {value}"] = (table[name] == value).to_numpy(np.float64)
    found = []
    for name, values in columns.items():
        known = np.isfinite(values)
        if len(np.unique(values[known])) > 1 and len(np.unique(marks[known])) > 1:
            found.append(_measure_area(name, marks[known].tolist(), values[known], groups))
    return tuple(sorted(found, key=lambda area: (-area.auc, area.feature)))


def find_area(
    feature: str, labels: Sequence[int], values: FloatArray, groups: tuple[str, str]
) -> FeatureArea | None:
    """Return how well finite values tell two groups apart; None if a group has no video."""
    try:
        return _measure_area(feature, labels, values, groups)
    except MetricError:
        return None


def _measure_area(
    feature: str, labels: Sequence[int], values: FloatArray, groups: tuple[str, str]
) -> FeatureArea:
    # The curve takes scores within [0, 1]; ranks keep the order and the ties of any numbers.
    ranks = np.unique(values, return_inverse=True)[1] / max(1, len(values) - 1)
    curve = roc_curve(labels, ranks)
    interval = area_interval(curve)
    upright = curve.area >= 0.5
    return FeatureArea(
        feature=feature,
        higher_in=groups[0] if upright else groups[1],
        auc=curve.area if upright else 1 - curve.area,
        low=interval.low if upright else 1 - interval.high,
        high=interval.high if upright else 1 - interval.low,
        n_first=curve.n_fake,
        n_second=curve.n_real,
    )
