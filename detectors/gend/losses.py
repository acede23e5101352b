"""The two losses by which GenD spreads its features, besides the cross-entropy.

Written from Wang and Isola, "Understanding Contrastive Representation Learning through Alignment
and Uniformity on the Hypersphere", ICML 2020 (arXiv:2005.10242), in the form that GenD takes.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

TEMPERATURE: Final = 2.0
LEAST: Final = 1e-6
"""The least mean whose logarithm is taken, so that features far apart give no infinity."""


def measure_pairs(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Measure how evenly features are spread, and how close those of one label are.

    Every pair of two different rows counts once; rows of other batches are not seen.

    Args:
        features: (N, D), of unit length.
        labels: (N,).

    Returns:
        The uniformity, log of the mean of exp(-2 d²) over all pairs, and the alignment, the mean of
        d² over the pairs of one label. Each is 0 if there is no such pair.
    """
    if len(features) < 2:
        nothing = features.sum() * 0.0
        return nothing, nothing
    squares = torch.pdist(features.float()).pow(2)
    first, other = torch.triu_indices(len(labels), len(labels), offset=1, device=labels.device)
    alike = squares[labels[first] == labels[other]]
    uniformity = squares.mul(-TEMPERATURE).exp().mean().clamp(min=LEAST).log()
    return uniformity, alike.mean() if len(alike) else alike.sum()
