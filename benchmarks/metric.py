"""Time the metric beside scikit-learn: AUC, T1 and T0.1 of many scores, and a bootstrap.

python benchmarks/metric.py [--scores 10000000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import sklearn
from sklearn.metrics import auc as area_under
from sklearn.metrics import roc_curve as sklearn_curve

from metrics.talking_head_detection.bootstrap import cluster_bootstrap
from metrics.talking_head_detection.roc import T01, T1, FloatArray, IntArray, roc_curve


def measure_ours(labels: IntArray, scores: FloatArray) -> tuple[float, float, float]:
    """Return AUC, T1 and T0.1."""
    curve = roc_curve(labels, scores)
    return curve.area, curve.at_fpr(T1).tpr, curve.at_fpr(T01).tpr


def measure_theirs(labels: IntArray, scores: FloatArray) -> tuple[float, float, float]:
    """Return the same three numbers by scikit-learn's curve."""
    fpr, tpr, _ = sklearn_curve(labels, scores, drop_intermediate=False)
    points = [tpr[np.searchsorted(fpr, float(target), side="right") - 1] for target in (T1, T01)]
    return area_under(fpr, tpr), *points


def time_call(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Print medians and the ratio, measured in turns."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scores", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, given.scores)
    scores = 1 / (1 + np.exp(-(rng.normal(size=given.scores) + labels)))
    ours, theirs = measure_ours(labels, scores), measure_theirs(labels, scores)
    times = [
        (
            time_call(lambda: measure_ours(labels, scores)),
            time_call(lambda: measure_theirs(labels, scores)),
        )
        for _ in range(given.rounds)
    ]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    ratio = statistics.median(own / other for own, other in times)
    print(f"AUC, T1, T0.1 of {given.scores:,} scores, median of {given.rounds} rounds in turns")
    print(f"  here {medians[0]:.2f} s, scikit-learn {sklearn.__version__} {medians[1]:.2f} s")
    print(f"  ratio {ratio:.2f}; largest difference {np.abs(np.subtract(ours, theirs)).max():.1e}")
    labels, scores = labels[:3000], scores[:3000]
    drivers = rng.integers(0, 400, 3000).tolist()
    faces = rng.integers(0, 300, 3000).tolist()
    portraits = [face if fake else None for face, fake in zip(faces, labels, strict=True)]
    spent = [
        time_call(lambda: cluster_bootstrap(labels, scores, (drivers, portraits), replicates=2000))
        for _ in range(given.rounds)
    ]
    print(f"2,000 clustered resamples of 3,000 videos: median {statistics.median(spent):.2f} s")


if __name__ == "__main__":
    main()
