"""CADDM's anchors, on which the artifact module looks for swapped regions, and its detection loss.

They follow the single-shot detector (Liu et al. 2016, arXiv:1512.02325), with CADDM's own sizes and
a 2:1 ratio of hard negatives (Dong et al. 2023, arXiv:2210.14457).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CANVAS = 224
GRIDS = (7, 5, 3, 1)
STEPS = (32, 45, 75, 224)
SHORT_SIDES = (40, 80, 120, 224)
LONG_SIDES = (80, 120, 160, 224)
SHAPES = 2
POSITIVE_OVERLAP = 0.5
NEGATIVES_PER_POSITIVE = 2
CENTRE_VARIANCE = 0.1
SIZE_VARIANCE = 0.2


def make_anchors(device: torch.device | None = None) -> Tensor:
    """Return two anchors for every cell of the four maps.

    Returns:
        float32 (168, 4): centre x, centre y, width and height as shares of the canvas, clipped to
        0..1, in the order of map, row, column and shape (upright, lying).
    """
    anchors: list[tuple[float, float, float, float]] = []
    for grid, step, short, long in zip(GRIDS, STEPS, SHORT_SIDES, LONG_SIDES, strict=True):
        for row in range(grid):
            for column in range(grid):
                centre = ((column + 0.5) * step / CANVAS, (row + 0.5) * step / CANVAS)
                anchors.append((*centre, short / CANVAS, long / CANVAS))
                anchors.append((*centre, long / CANVAS, short / CANVAS))
    return torch.tensor(anchors, device=device).clamp(0, 1)


def to_corners(boxes: Tensor) -> Tensor:
    """Turn centres and sizes (…, 4) into corners x0, y0, x1, y1."""
    half = boxes[..., 2:] / 2
    return torch.cat((boxes[..., :2] - half, boxes[..., :2] + half), dim=-1)


def measure_overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the intersection over union of every pair.

    Args:
        boxes: (B, 4) corners.
        others: (A, 4) corners.

    Returns:
        (B, A).
    """
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(group[:, 2:] - group[:, :2]).prod(dim=-1) for group in (boxes, others)]
    return shared / (areas[0][:, None] + areas[1][None, :] - shared)


def match_anchors(boxes: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
    """Return which anchors should fire on one image, and what they should answer.

    Args:
        boxes: (B, 4) swapped regions, corners as shares of the canvas; B = 0 for a real image.
        anchors: (A, 4), as :func:`make_anchors` returns them.

    Returns:
        positive (A,) bool: the overlap is at least one half, or the anchor is the best one of a
        box; and offsets (A, 4), which mean something only where positive is true.
    """
    if not len(boxes):
        return anchors.new_zeros(len(anchors), dtype=torch.bool), torch.zeros_like(anchors)
    overlap = measure_overlap(boxes, to_corners(anchors))
    best_overlap, best_box = overlap.max(dim=0)
    for number, anchor in enumerate(overlap.argmax(dim=1).tolist()):
        best_box[anchor] = number
        best_overlap[anchor] = 1.0
    matched = boxes[best_box]
    centre = (matched[:, :2] + matched[:, 2:]) / 2
    shift = (centre - anchors[:, :2]) / (CENTRE_VARIANCE * anchors[:, 2:])
    scale = ((matched[:, 2:] - matched[:, :2]) / anchors[:, 2:]).log() / SIZE_VARIANCE
    return best_overlap >= POSITIVE_OVERLAP, torch.cat((shift, scale), dim=1)


def compute_detection_loss(
    offsets: Tensor, confidences: Tensor, boxes: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the two terms of the anchor loss.

    Args:
        offsets: (N, A, 4), predicted.
        confidences: (N, A, 2), logits of background and swapped.
        boxes: The swapped regions of each image, (B, 4) corners as shares of the canvas.

    Returns:
        The location loss (smooth L1 over positive anchors) and the confidence loss (cross-entropy
        over positives and twice as many hard negatives of the same image). Each is a sum divided by
        the number of positives in the batch, or by 1 if there are none.
    """
    anchors = make_anchors(offsets.device).to(offsets.dtype)
    matches = [match_anchors(found.to(anchors), anchors) for found in boxes]
    positive = torch.stack([match[0] for match in matches])
    wanted = torch.stack([match[1] for match in matches])
    location = functional.smooth_l1_loss(offsets[positive], wanted[positive], reduction="sum")
    every = functional.cross_entropy(
        confidences.flatten(0, 1), positive.flatten().long(), reduction="none"
    ).view_as(positive)
    with torch.no_grad():
        rank = every.masked_fill(positive, 0).argsort(dim=1, descending=True).argsort(dim=1)
        allowed = (NEGATIVES_PER_POSITIVE * positive.sum(dim=1, keepdim=True)).clamp(
            max=positive.shape[1] - 1
        )
        chosen = positive | (rank < allowed)
    positives = positive.sum().clamp(min=1)
    return location / positives, every[chosen].sum() / positives
