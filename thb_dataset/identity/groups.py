"""Videos that show one person, gathered by chains of pairs."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.identity.relations import Indices, NameCodes, Relation

BLOCK: Final = 1024
"""Videos compared with all others at once."""


def group_identities(
    vectors: npt.NDArray[np.float32], threshold: float, names: NameCodes | None = None
) -> list[list[int]]:
    """Group videos by chains of pairs that show one person.

    Two videos belong together where their cosine reaches the threshold or their names say the
    same person; a fake and its own driver only by name. Memory grows with N, not with its square.

    Args:
        vectors: float32 (N, D), unit length.
        threshold: Cosine.
        names: What is known by name.

    Returns:
        The groups, single videos included, each ascending; ordered by their first member.
    """
    left = np.arange(len(vectors))
    alone = _count_neighbours(left, left, vectors, threshold, names) == 1  # itself
    groups = [[int(i)] for i in left[alone]]
    left = left[~alone]
    while len(left):
        group, frontier, left = [int(left[0])], left[:1], left[1:]
        while len(frontier) and len(left):
            reached = _count_neighbours(left, frontier, vectors, threshold, names) > 0
            frontier, left = left[reached], left[~reached]
            group.extend(int(i) for i in frontier)
        groups.append(sorted(group))
    return sorted(groups)


def _count_neighbours(
    rows: Indices,
    columns: Indices,
    vectors: npt.NDArray[np.float32],
    threshold: float,
    names: NameCodes | None,
) -> Indices:
    """Count, for every row, the columns that show the same person."""
    name, driver = (list(Relation).index(r) for r in (Relation.SAME_NAME, Relation.OWN_DRIVER))
    counts = np.zeros(len(rows), np.int64)
    others = vectors[columns].T
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        joined = vectors[part] @ others >= threshold
        if names is not None:
            relation = names.relate(part, columns)
            joined = (joined & (relation != driver)) | (relation == name)
        counts[start : start + BLOCK] = (joined | (part[:, None] == columns[None, :])).sum(axis=1)
    return counts
