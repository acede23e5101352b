"""The faces of videos as one table, since a video may show several people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from thb_dataset.identity.groups import BLOCK, group_identities
from thb_dataset.identity.relations import Indices, NameCodes

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ShownFaces:
    """The faces of N videos, those of one video side by side and its main face first.

    Attributes:
        vectors: float32 (F, D), unit length.
        owners: int64 (F,), ascending: the number of the video that shows each face.
        starts: int64 (N + 1,): the faces of video ``v`` are ``starts[v]`` to ``starts[v + 1]``.
    """

    vectors: Vectors
    owners: Indices
    starts: Indices

    @classmethod
    def of(
        cls, names: Sequence[str], mains: Vectors, others: Mapping[str, Vectors] | None
    ) -> ShownFaces:
        """Gather the faces of videos.

        Args:
            names: The N names of the videos.
            mains: float32 (N, D), the main face of each.
            others: float32 (K, D), the other faces of a video, by its name.
        """
        known = others or {}
        counts = [1 + len(known.get(name, ())) for name in names]
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        if len(mains) == starts[-1]:
            vectors = mains
        else:
            pairs = zip(names, mains, strict=True)
            parts = [part for name, main in pairs for part in (main[None], *_rest(known, name))]
            vectors = np.concatenate(parts)
        return cls(vectors, np.repeat(np.arange(len(names)), counts), starts)

    def blocks(self, faces: int = BLOCK) -> list[slice]:
        """Cut the videos into runs of no more than so many faces, but at least one video each."""
        bounds = [0]
        while (begin := bounds[-1]) < len(self.starts) - 1:
            end = int(np.searchsorted(self.starts, self.starts[begin] + faces, side="right")) - 1
            bounds.append(max(begin + 1, end))
        return [slice(a, b) for a, b in pairwise(bounds)]

    def compare(self, rows: slice, columns: slice) -> Vectors:
        """Return the cosine of the two faces most alike of each pair of videos.

        Args:
            rows: A run of videos.
            columns: Another.

        Returns:
            float32 (rows, columns).
        """
        a, b = self._faces(rows), self._faces(columns)
        alike = self.vectors[a] @ self.vectors[b].T
        if a.stop - a.start > rows.stop - rows.start:
            alike = np.maximum.reduceat(alike, self.starts[rows] - a.start, axis=0)
        if b.stop - b.start > columns.stop - columns.start:
            alike = np.maximum.reduceat(alike, self.starts[columns] - b.start, axis=1)
        return np.asarray(alike, np.float32)

    def find_alike(self, a: int, b: int) -> tuple[int, int]:
        """Return which face of each of two videos is most like one of the other; 0 is the main."""
        alike = self.vectors[self._faces(slice(a, a + 1))] @ (
            self.vectors[self._faces(slice(b, b + 1))].T
        )
        first, second = np.unravel_index(int(alike.argmax()), alike.shape)
        return int(first), int(second)

    def group(self, threshold: float, names: NameCodes | None = None) -> list[list[int]]:
        """Group videos that share a person, by chains, as ``group_identities`` does.

        Args:
            threshold: The cosine from which two faces are of one person.
            names: The names of the N videos as numbers; None compares the faces only.

        Returns:
            The groups, single videos included. Each is ascending; they are ordered by first member.
        """
        if names is not None:
            names = NameCodes(shows=names.shows[self.owners], drivers=names.drivers[self.owners])
        group_of = {number: {number} for number in range(len(self.starts) - 1)}
        for same_person in group_identities(self.vectors, threshold, names):
            joined = set[int]().union(*(group_of[int(self.owners[face])] for face in same_person))
            group_of |= dict.fromkeys(joined, joined)
        return sorted({min(group): sorted(group) for group in group_of.values()}.values())

    def _faces(self, videos: slice) -> slice:
        return slice(int(self.starts[videos.start]), int(self.starts[videos.stop]))


def _rest(others: Mapping[str, Vectors], name: str) -> Iterator[Vectors]:
    if len(others.get(name, ())):
        yield others[name]
