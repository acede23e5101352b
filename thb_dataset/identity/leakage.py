"""Find people who are in two splits, by comparing all faces of every pair of videos.

A fake shows the person of its portrait and moves like its driver. Two fakes of one portrait
therefore show the same person by name already, which the protocols' own check finds. A fake may
resemble its own driver because that clip drives it; such pairs are listed apart. Any other pair
of videos that show the same face is a leak.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import combinations_with_replacement
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from thb_dataset.identity.relations import Indices, NameCodes, Relation, Subject, number_values
from thb_dataset.identity.shown_faces import ShownFaces

Vectors = npt.NDArray[np.float32]

REVIEW_MARGIN: Final = 0.08
"""Pairs this far below the threshold are worth a look."""

MAX_PAIRS: Final = 20_000
"""Pairs that a report holds by default, leaks before all others; all pairs are counted."""


class PairVerdict(StrEnum):
    """What a pair of similar faces means, in the order of the report."""

    LEAK = "leak"
    REVIEW = "review"
    NAMED = "named"
    DRIVER = "driver"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two videos of different splits whose faces are alike.

    Attributes:
        a: The id of the first video.
        b: The id of the second video.
        splits: Their splits.
        similarity: The cosine of the two faces that are most alike, -1 to 1.
        faces: Which face of each video that is: 0 is the main one.
        middle_similarity: The cosine of the main faces in the middle frames.
        relation: What the names of the videos say.
        verdict: What the pair means.
    """

    a: str
    b: str
    splits: tuple[str, str]
    similarity: float
    faces: tuple[int, int] = (0, 0)
    middle_similarity: float
    relation: Relation
    verdict: PairVerdict


@dataclass(frozen=True, kw_only=True)
class LeakReport:
    """The result of comparing the videos of different splits.

    Attributes:
        pack: The record of the face pack.
        threshold: The cosine from which a pair shows one person.
        review_from: The cosine from which a pair is listed.
        measure: The embeddings of main faces that were compared: ``mean`` or ``middle``.
        several: The number of videos compared by more than one face.
        videos: The number of videos compared, by split.
        compared: The number of pairs compared; the two videos of a pair are in different splits.
        unrelated: The number of these pairs that show different people by their names.
        counts: The number of pairs found, by verdict.
        pairs: The pairs found, by verdict and the most alike first; no more than were asked for.
        groups: Videos that show one person and lie in several splits, gathered by chains of
            pairs at or above the threshold; pairs of one name count too.
        unread: The reason why a video could not be compared, by its id.
    """

    pack: Mapping[str, Any]
    threshold: float
    review_from: float
    measure: str
    several: int = 0
    videos: Mapping[str, int]
    compared: int
    unrelated: int
    counts: Mapping[PairVerdict, int]
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]
    unread: Mapping[str, str]

    @property
    def flagged_share(self) -> float:
        """The leaks per unrelated pair: the false alarm rate, where no real leak exists."""
        return self.counts[PairVerdict.LEAK] / self.unrelated if self.unrelated else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "pack": dict(self.pack),
            "threshold": self.threshold,
            "review_from": self.review_from,
            "measure": self.measure,
            "several": self.several,
            "videos": dict(self.videos),
            "compared": self.compared,
            "unrelated": self.unrelated,
            "flagged_share": self.flagged_share,
            "counts": {verdict.value: count for verdict, count in self.counts.items()},
            "pairs": [asdict(pair) for pair in self.pairs],
            "groups": [list(group) for group in self.groups],
            "unread": dict(self.unread),
        }


def check_leaks(  # noqa: PLR0913 — the tables of a release and what to do with them
    subjects: Sequence[Subject],
    means: Vectors,
    middles: Vectors,
    *,
    pack: Mapping[str, Any],
    threshold: float,
    others: Mapping[str, Vectors] | None = None,
    measure: Literal["mean", "middle"] = "mean",
    unread: Mapping[str, str] | None = None,
    max_pairs: int = MAX_PAIRS,
) -> LeakReport:
    """Compare every pair of videos in different splits.

    Args:
        subjects: The N videos.
        means: float32 (N, D), unit length: the mean embedding of each video.
        middles: float32 (N, D), unit length: the embedding of its middle frame.
        pack: The record of the face pack that made the embeddings.
        threshold: The cosine from which a pair shows one person; a pack's ``same_person``.
        others: The other people in a video by its id, float32 (K, D); the two most alike count.
        measure: The embeddings of the main faces that decide.
        unread: The videos without an embedding, and the reason for each.
        max_pairs: The number of pairs that the report may hold; all pairs are counted.
    """
    mains = means if measure == "mean" else middles
    faces = ShownFaces.of([subject.video_id for subject in subjects], mains, others)
    names = NameCodes.of(subjects)
    splits = number_values([subject.split for subject in subjects])
    review_from = threshold - REVIEW_MARGIN
    compared = unrelated = 0
    counts = dict.fromkeys(PairVerdict, 0)
    kept = _Candidates()
    for rows, columns in combinations_with_replacement(faces.blocks(), 2):
        across = splits[rows][:, None] != splits[columns][None, :]
        if rows.start == columns.start:
            across = np.triu(across, 1)
        compared += int(across.sum())
        unrelated += int((across & (names.relate(rows, columns) == 0)).sum())
        alike = faces.compare(rows, columns)
        i, j = np.nonzero(across & (alike >= review_from))
        found = _judge(rows.start + i, columns.start + j, alike[i, j], names, threshold)
        for verdict, number in zip(PairVerdict, found.count_verdicts(), strict=True):
            counts[verdict] += number
        kept = kept.joined_with(found, max_pairs)
    pairs = [_describe(subjects, faces, middles, names, pair) for pair in kept.ranked()]
    return LeakReport(
        pack=pack,
        threshold=threshold,
        review_from=review_from,
        measure=measure,
        several=int((np.diff(faces.starts) > 1).sum()),
        videos=dict(sorted(Counter(subject.split for subject in subjects).items())),
        compared=compared,
        unrelated=unrelated,
        counts=counts,
        pairs=tuple(pairs),
        groups=_group_across(subjects, faces, names, threshold),
        unread=dict(unread or {}),
    )


@dataclass(frozen=True)
class _Candidates:
    """The pairs found so far.

    Attributes:
        a: int64 (P,), the index of the first video of each pair.
        b: int64 (P,), the index of the second video.
        alike: float32 (P,), the cosine of each pair.
        verdicts: int64 (P,), the index of its verdict in ``PairVerdict``.
    """

    a: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    b: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    alike: Vectors = field(default_factory=lambda: np.empty(0, np.float32))
    verdicts: Indices = field(default_factory=lambda: np.empty(0, np.int64))

    def count_verdicts(self) -> list[int]:
        """Count the pairs of each verdict."""
        return [int(n) for n in np.bincount(self.verdicts, minlength=len(PairVerdict))]

    def joined_with(self, other: _Candidates, max_pairs: int) -> _Candidates:
        """Return the pairs of both, and of these no more than the first ``max_pairs``."""
        both = _Candidates(
            np.concatenate([self.a, other.a]),
            np.concatenate([self.b, other.b]),
            np.concatenate([self.alike, other.alike]),
            np.concatenate([self.verdicts, other.verdicts]),
        )
        return both._take(both._order()[:max_pairs]) if len(both.a) > max_pairs else both

    def ranked(self) -> Iterator[tuple[int, int, float, PairVerdict]]:
        """Yield the pairs by verdict, the most alike first."""
        order = list(PairVerdict)
        for k in self._order():
            yield int(self.a[k]), int(self.b[k]), float(self.alike[k]), order[self.verdicts[k]]

    def _order(self) -> Indices:
        return np.lexsort((self.b, self.a, -self.alike, self.verdicts))

    def _take(self, places: Indices) -> _Candidates:
        return _Candidates(
            self.a[places], self.b[places], self.alike[places], self.verdicts[places]
        )


def _judge(
    a: Indices, b: Indices, alike: Vectors, names: NameCodes, threshold: float
) -> _Candidates:
    verdicts, relations = list(PairVerdict), list(Relation)
    found = names.relate_pairs(a, b)
    judged = np.where(
        alike >= threshold, verdicts.index(PairVerdict.LEAK), verdicts.index(PairVerdict.REVIEW)
    )
    judged[found == relations.index(Relation.SAME_NAME)] = verdicts.index(PairVerdict.NAMED)
    judged[found == relations.index(Relation.OWN_DRIVER)] = verdicts.index(PairVerdict.DRIVER)
    return _Candidates(a, b, alike, judged)


def _describe(
    subjects: Sequence[Subject],
    faces: ShownFaces,
    middles: Vectors,
    names: NameCodes,
    pair: tuple[int, int, float, PairVerdict],
) -> Pair:
    a, b, alike, verdict = pair
    relation = list(Relation)[int(names.relate_pairs(np.array([a]), np.array([b]))[0])]
    return Pair(
        a=subjects[a].video_id,
        b=subjects[b].video_id,
        splits=(subjects[a].split, subjects[b].split),
        similarity=alike,
        faces=faces.find_alike(a, b),
        middle_similarity=float(middles[a] @ middles[b]),
        relation=relation,
        verdict=verdict,
    )


def _group_across(
    subjects: Sequence[Subject], faces: ShownFaces, names: NameCodes, threshold: float
) -> tuple[tuple[str, ...], ...]:
    groups = faces.group(threshold, names)
    return tuple(
        tuple(subjects[i].video_id for i in group)
        for group in groups
        if len({subjects[i].split for i in group}) > 1
    )
