"""Split new videos so that no person is in two splits, for maintainers who add a generator."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ProtocolError
from thb_dataset.identity.leakage import REVIEW_MARGIN
from thb_dataset.identity.shown_faces import ShownFaces
from thb_dataset.records import Split
from thb_dataset.wording import shorten_list

DEFAULT_RATIOS: Final[Mapping[Split, float]] = {
    Split.TRAIN: 0.8,
    Split.VALIDATION: 0.1,
    Split.TEST: 0.1,
}


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """The split of each video.

    Attributes:
        assignments: The split of each video, sorted by video.
        groups: Groups of videos that share no person with another group, the largest group first.
        wanted: The wanted share of videos in each split.
        threshold: The cosine from which two videos count as one person.
        unread: The videos that are in no split, and the reason for each.
        ignored: The files that are no videos.
    """

    assignments: Mapping[str, Split]
    groups: tuple[tuple[str, ...], ...]
    wanted: Mapping[Split, float]
    threshold: float
    unread: Mapping[str, str]
    ignored: tuple[str, ...] = ()

    @property
    def achieved(self) -> dict[Split, float]:
        """The real share of videos in each split, which differs since groups are not divided."""
        count = max(len(self.assignments), 1)
        values = list(self.assignments.values())
        return {split: values.count(split) / count for split in Split}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "assignments": {name: split.value for name, split in self.assignments.items()},
            "groups": [list(group) for group in self.groups],
            "wanted": {split.value: share for split, share in self.wanted.items()},
            "achieved": {split.value: share for split, share in self.achieved.items()},
            "threshold": self.threshold,
            "unread": dict(self.unread),
            "ignored": list(self.ignored),
        }


def split_videos(
    names: Sequence[str],
    vectors: npt.NDArray[np.float32],
    *,
    same_person: float,
    others: Mapping[str, npt.NDArray[np.float32]] | None = None,
    ratios: Mapping[Split, float] = DEFAULT_RATIOS,
    unread: Mapping[str, str] | None = None,
) -> SplitPlan:
    """Assign videos to splits so that no person is in two of them.

    Videos count as one person from ``REVIEW_MARGIN`` below the threshold of the pack: two people
    taken for one cost nothing here, while one person taken for two is a leak. A video that shows
    several people ties the videos of all of them together. The largest groups
    are assigned first, each to the split that lacks the most videos; groups of equal size follow
    in the order of their sha256. The same videos in any order give the same splits.

    Args:
        names: The N names of the videos, all different.
        vectors: float32 (N, D), unit length.
        same_person: The threshold of the pack.
        others: float32 (K, D), unit length: the other people in a video, by its name.
        ratios: The wanted share of videos in each split; they are scaled to a sum of one.
        unread: The videos without an embedding, which are in no split, and the reason for each.

    Raises:
        ProtocolError: There are no videos, two have one name, or the ratios are negative or all
            zero.
    """
    if not names:
        raise ProtocolError("there are no videos to split")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ProtocolError(f"two videos have the same name: {shorten_list(twice)}")
    total = sum(ratios.values())
    if min(ratios.values()) < 0 or not total > 0:
        raise ProtocolError(f"ratios {list(ratios.values())} must be 0 or more, and not all 0")
    wanted = {split: ratios.get(split, 0.0) / total for split in Split}
    order = sorted(range(len(names)), key=lambda i: names[i])
    threshold = same_person - REVIEW_MARGIN
    ordered = [names[i] for i in order]
    shown = ShownFaces.of(ordered, vectors[order], others)
    groups = [tuple(ordered[i] for i in group) for group in shown.group(threshold)]
    groups.sort(key=lambda group: (-len(group), hashlib.sha256(group[0].encode()).digest()))
    lacking = {split: share * len(names) for split, share in wanted.items() if share > 0}
    assignments: dict[str, Split] = {}
    for group in groups:
        split = max(lacking, key=lambda name: lacking[name])
        lacking[split] -= len(group)
        assignments |= dict.fromkeys(group, split)
    return SplitPlan(
        assignments=dict(sorted(assignments.items())),
        groups=tuple(groups),
        wanted=wanted,
        threshold=threshold,
        unread=dict(sorted((unread or {}).items())),
    )
