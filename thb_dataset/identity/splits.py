"""Splits in which no person is twice: for maintainers who add a generator's videos."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ProtocolError
from thb_dataset.identity.groups import group_identities
from thb_dataset.identity.leakage import REVIEW_MARGIN
from thb_dataset.records import Split

DEFAULT_RATIOS: Final[Mapping[Split, float]] = {
    Split.TRAIN: 0.8,
    Split.VALIDATION: 0.1,
    Split.TEST: 0.1,
}


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """Which video goes where.

    Attributes:
        assignments: Split by video, sorted by video.
        groups: Videos taken for one person each, the largest group first.
        wanted: Share of the videos wanted in each split.
        threshold: Cosine from which two videos were taken for one person.
        unread: Videos in no split, and why.
    """

    assignments: Mapping[str, Split]
    groups: tuple[tuple[str, ...], ...]
    wanted: Mapping[Split, float]
    threshold: float
    unread: Mapping[str, str]

    @property
    def achieved(self) -> dict[Split, float]:
        """Share of the videos that each split really has; groups cannot be cut in two."""
        count = max(len(self.assignments), 1)
        values = list(self.assignments.values())
        return {split: values.count(split) / count for split in Split}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "assignments": {name: split.value for name, split in self.assignments.items()},
            "groups": [list(group) for group in self.groups],
            "wanted": {split.value: share for split, share in self.wanted.items()},
            "achieved": {split.value: share for split, share in self.achieved.items()},
            "threshold": self.threshold,
            "unread": dict(self.unread),
        }


def split_videos(
    names: Sequence[str],
    vectors: npt.NDArray[np.float32],
    *,
    same_person: float,
    ratios: Mapping[Split, float] = DEFAULT_RATIOS,
    unread: Mapping[str, str] | None = None,
) -> SplitPlan:
    """Share videos out so that no person is in two splits.

    People are put together from ``REVIEW_MARGIN`` below the pack's threshold already: two people
    taken for one cost nothing here, one taken for two is a leak. The largest groups go first,
    each to the split that lacks most of its share; equal ones in the order of their sha256. The
    same videos give the same splits, in whatever order they come.

    Args:
        names: N different names.
        vectors: float32 (N, D), unit length.
        same_person: The pack's threshold.
        ratios: Share of the videos wanted in each split; scaled to sum to one.
        unread: Videos that have no embedding, and why; they go into no split.

    Raises:
        ProtocolError: No videos, double names, or ratios that are negative or all zero.
    """
    if not names or len(set(names)) != len(names):
        raise ProtocolError("a split needs videos, each with a name of its own")
    total = sum(ratios.values())
    if min(ratios.values()) < 0 or not total > 0:
        raise ProtocolError(f"ratios {list(ratios.values())} must be 0 or more, and not all 0")
    wanted = {split: ratios.get(split, 0.0) / total for split in Split}
    order = sorted(range(len(names)), key=lambda i: names[i])
    threshold = same_person - REVIEW_MARGIN
    groups = [
        tuple(names[order[i]] for i in group)
        for group in group_identities(vectors[order], threshold)
    ]
    groups.sort(key=lambda group: (-len(group), hashlib.sha256(group[0].encode()).digest()))
    lacking = {split: share * len(names) for split, share in wanted.items() if share > 0}
    assignments: dict[str, Split] = {}
    for group in groups:
        split = max(lacking, key=lambda one: lacking[one])
        lacking[split] -= len(group)
        assignments |= dict.fromkeys(group, split)
    return SplitPlan(
        assignments=dict(sorted(assignments.items())),
        groups=tuple(groups),
        wanted=wanted,
        threshold=threshold,
        unread=dict(sorted((unread or {}).items())),
    )
