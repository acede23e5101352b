"""Random labels and scores, on which the metric is compared with other programs."""

from __future__ import annotations

import numpy as np


def make_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of several sizes, balanced or not, with few, some or no ties."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([2, 3, 5, 20, 200, 1500], p=[0.1, 0.1, 0.2, 0.3, 0.25, 0.05]))
    labels = (rng.random(n) < rng.choice([0.02, 0.3, 0.5, 0.95])).astype(int)
    labels[rng.permutation(n)[:2]] = [0, 1]
    scores = np.clip(rng.normal(0.4 + 0.3 * labels * rng.random(), 0.25), 0, 1)
    digits = rng.choice([0, 1, 2, 16])
    return labels, np.round(scores, digits)
