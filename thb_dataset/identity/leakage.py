"""Whether one person is in two splits: every pair compared, by faces and not by names.

A fake shows its portrait's person and moves by its driver. So two fakes of one portrait are the
same person by name already, which the protocols' own check sees; a fake that resembles its own
driver may owe it the driving, and is listed apart; any other pair of the same face is a leak.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from thb_dataset.identity.groups import group_identities
from thb_dataset.identity.relations import Indices, NameCodes, Relation, Subject, number_values

Vectors = npt.NDArray[np.float32]

BLOCK: Final = 1024
"""Videos compared with as many at once: 4 MiB of similarities, however many videos there are."""

REVIEW_MARGIN: Final = 0.08
"""Pairs this far below the threshold are worth a look."""

MAX_PAIRS: Final = 20_000
"""Pairs kept for the report, leaks before all others; all are counted."""


class Verdict(StrEnum):
    """What becomes of a pair that looks alike, in the order of the report."""

    LEAK = "leak"
    REVIEW = "review"
    NAMED = "named"
    DRIVER = "driver"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two videos of different splits whose faces are alike.

    Attributes:
        a: Id of the one.
        b: Id of the other.
        splits: Their splits.
        similarity: Cosine of what was compared, -1 to 1.
        middle_similarity: Cosine of the middle frames.
        relation: What their names say.
        verdict: What follows.
    """

    a: str
    b: str
    splits: tuple[str, str]
    similarity: float
    middle_similarity: float
    relation: Relation
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class LeakReport:
    """What the comparison found.

    Attributes:
        pack: The face pack's record.
        threshold: Cosine from which a pair shows one person.
        review_from: Cosine from which a pair is listed.
        measure: ``mean`` or ``middle``: which embeddings were compared.
        videos: Videos compared, by split.
        compared: Pairs of different splits compared.
        unrelated: Those of them that the names call different people.
        counts: Pairs found, by verdict.
        pairs: They themselves, by verdict and the most alike first; at most ``MAX_PAIRS``.
        groups: Videos that show one person and lie in several splits, by chains of pairs at or
            above the threshold; names count as pairs too.
        unread: Why a video could not be compared, by id.
    """

    pack: Mapping[str, Any]
    threshold: float
    review_from: float
    measure: str
    videos: Mapping[str, int]
    compared: int
    unrelated: int
    counts: Mapping[Verdict, int]
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]
    unread: Mapping[str, str]

    @property
    def flagged_share(self) -> float:
        """Leaks over unrelated pairs: where there is no leak in truth, the false alarm rate."""
        return self.counts[Verdict.LEAK] / self.unrelated if self.unrelated else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "pack": dict(self.pack),
            "threshold": self.threshold,
            "review_from": self.review_from,
            "measure": self.measure,
            "videos": dict(self.videos),
            "compared": self.compared,
            "unrelated": self.unrelated,
            "flagged_share": self.flagged_share,
            "counts": {verdict.value: count for verdict, count in self.counts.items()},
            "pairs": [asdict(pair) for pair in self.pairs],
            "groups": [list(group) for group in self.groups],
            "unread": dict(self.unread),
        }


def check_leaks(
    subjects: Sequence[Subject],
    means: Vectors,
    middles: Vectors,
    *,
    pack: Mapping[str, Any],
    threshold: float,
    measure: Literal["mean", "middle"] = "mean",
    unread: Mapping[str, str] | None = None,
) -> LeakReport:
    """Compare every pair of videos in different splits.

    Args:
        subjects: The N videos.
        means: float32 (N, D), unit length.
        middles: float32 (N, D), unit length.
        pack: Record of the face pack that made the embeddings.
        threshold: Cosine from which a pair shows one person; a pack's ``same_person``.
        measure: Which embeddings decide.
        unread: Videos that have no embedding, and why.
    """
    vectors = means if measure == "mean" else middles
    names = NameCodes.of(subjects)
    splits = number_values([subject.split for subject in subjects])
    review_from = threshold - REVIEW_MARGIN
    compared = unrelated = 0
    counts = dict.fromkeys(Verdict, 0)
    kept = _Candidates()
    for rows, columns in _blocks(len(subjects)):
        across = splits[rows][:, None] != splits[columns][None, :]
        if rows.start == columns.start:
            across = np.triu(across, 1)
        compared += int(across.sum())
        unrelated += int((across & (names.relate(rows, columns) == 0)).sum())
        alike = vectors[rows] @ vectors[columns].T
        i, j = np.nonzero(across & (alike >= review_from))
        found = _judge(rows.start + i, columns.start + j, alike[i, j], names, threshold)
        for verdict, number in zip(Verdict, found.count_verdicts(), strict=True):
            counts[verdict] += number
        kept = kept.joined_with(found)
    pairs = [_describe(subjects, middles, names, one) for one in kept.ranked()]
    return LeakReport(
        pack=pack,
        threshold=threshold,
        review_from=review_from,
        measure=measure,
        videos=dict(sorted(Counter(subject.split for subject in subjects).items())),
        compared=compared,
        unrelated=unrelated,
        counts=counts,
        pairs=tuple(pairs),
        groups=_group_across(subjects, vectors, names, threshold),
        unread=dict(unread or {}),
    )


@dataclass(frozen=True)
class _Candidates:
    """Pairs found so far: places of both videos, how alike they are, places in ``Verdict``."""

    a: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    b: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    alike: Vectors = field(default_factory=lambda: np.empty(0, np.float32))
    verdicts: Indices = field(default_factory=lambda: np.empty(0, np.int64))

    def count_verdicts(self) -> list[int]:
        """Count the pairs of each verdict."""
        return [int(n) for n in np.bincount(self.verdicts, minlength=len(Verdict))]

    def joined_with(self, other: _Candidates) -> _Candidates:
        """Put two together, and keep no more than the report can show."""
        both = _Candidates(
            np.concatenate([self.a, other.a]),
            np.concatenate([self.b, other.b]),
            np.concatenate([self.alike, other.alike]),
            np.concatenate([self.verdicts, other.verdicts]),
        )
        return both._take(both._order()[:MAX_PAIRS]) if len(both.a) > MAX_PAIRS else both

    def ranked(self) -> Iterator[tuple[int, int, float, Verdict]]:
        """Go through them by verdict, the most alike first."""
        order = list(Verdict)
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
    verdicts, relations = list(Verdict), list(Relation)
    found = names.relate_pairs(a, b)
    judged = np.where(
        alike >= threshold, verdicts.index(Verdict.LEAK), verdicts.index(Verdict.REVIEW)
    )
    judged[found == relations.index(Relation.SAME_NAME)] = verdicts.index(Verdict.NAMED)
    judged[found == relations.index(Relation.OWN_DRIVER)] = verdicts.index(Verdict.DRIVER)
    return _Candidates(a, b, alike, judged)


def _describe(
    subjects: Sequence[Subject],
    middles: Vectors,
    names: NameCodes,
    pair: tuple[int, int, float, Verdict],
) -> Pair:
    a, b, alike, verdict = pair
    relation = list(Relation)[int(names.relate_pairs(np.array([a]), np.array([b]))[0])]
    return Pair(
        a=subjects[a].video_id,
        b=subjects[b].video_id,
        splits=(subjects[a].split, subjects[b].split),
        similarity=alike,
        middle_similarity=float(middles[a] @ middles[b]),
        relation=relation,
        verdict=verdict,
    )


def _blocks(count: int) -> Iterator[tuple[slice, slice]]:
    """Go through the blocks on and above the diagonal."""
    starts = range(0, count, BLOCK)
    for row in starts:
        for column in starts:
            if column >= row:
                yield slice(row, min(row + BLOCK, count)), slice(column, min(column + BLOCK, count))


def _group_across(
    subjects: Sequence[Subject], vectors: Vectors, names: NameCodes, threshold: float
) -> tuple[tuple[str, ...], ...]:
    groups = group_identities(vectors, threshold, names)
    return tuple(
        tuple(subjects[i].video_id for i in group)
        for group in groups
        if len({subjects[i].split for i in group}) > 1
    )
