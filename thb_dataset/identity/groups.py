"""Group videos that show one person, by chains of similar pairs."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.identity.relations import Indices, NameCodes, Relation

BLOCK: Final = 1024
"""Videos that are compared with all others at once by default."""


def group_identities(
    vectors: npt.NDArray[np.float32],
    threshold: float,
    names: NameCodes | None = None,
    *,
    block: int = BLOCK,
) -> list[list[int]]:
    """Group videos by chains of pairs that show one person.

    Two videos belong together if their cosine reaches the threshold or if their names tell of the
    same person; a fake and its own driver belong together only by name. Memory grows with N and
    not with its square.

    Args:
        vectors: float32 (N, D), unit length.
        threshold: The cosine from which two videos show one person.
        names: The names of the N videos as numbers; None compares the faces only.
        block: The number of videos compared with all others at once. It bounds the memory and
            does not change the groups.

    Returns:
        The groups, single videos included. Each is ascending; they are ordered by first member.
    """
    left = np.arange(len(vectors))

    def count_neighbours(rows: Indices, columns: Indices) -> Indices:
        """Return the number of columns that show the same person as each row."""
        return _count_neighbours(rows, columns, vectors, threshold, names, block)

    alone = count_neighbours(left, left) == 1  # itself
    groups = [[int(i)] for i in left[alone]]
    left = left[~alone]
    while len(left):
        group, frontier, left = [int(left[0])], left[:1], left[1:]
        while len(frontier) and len(left):
            reached = count_neighbours(left, frontier) > 0
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
    block: int,
) -> Indices:
    """Return the number of columns that show the same person as each row."""
    name, driver = (list(Relation).index(r) for r in (Relation.SAME_NAME, Relation.OWN_DRIVER))
    counts = np.zeros(len(rows), np.int64)
    others = vectors[columns].T
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        joined = vectors[part] @ others >= threshold
        if names is not None:
            relation = names.relate(part, columns)
            joined = (joined & (relation != driver)) | (relation == name)
        counts[start : start + block] = (joined | (part[:, None] == columns[None, :])).sum(axis=1)
    return counts
