"""Which videos a board is about, and which submissions have scored them.

A board compares detectors on the same videos only. Of every protocol it takes the release and the
reading of the splits that most submissions scored, and of every fold the rows that most of these
hold; the published release, and then the order of their names, decides a tie.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.inputs import IntArray
from thb.boards.board import Count
from thb.boards.collection import FOLDS, Entry
from thb.releases.opening import DEFAULT_RELEASE
from thb.runs.provenance import UNTRAINED
from thb.runs.record import ReleaseRecord

if TYPE_CHECKING:
    import pyarrow as pa


_OF_ANOTHER_FOLD: Final = "‡"
"""The mark of a detector that was trained for another fold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldVideos:
    """The test videos of a fold: the real ones, and the fakes of each generator.

    Attributes:
        fold: The name of the fold.
        digest: The digest of the rows, as in ``FoldColumns``.
        videos: The rows, sorted by ``video_id``.
    """

    fold: str
    digest: str
    videos: pa.Table

    @cached_property
    def reals(self) -> IntArray:
        """The places of the real videos among the rows."""
        return np.flatnonzero(self.videos["label"].to_numpy() == 0)

    @cached_property
    def fakes(self) -> dict[tuple[str, str], IntArray]:
        """The places of the fakes by part (``test``, ``extra``) and generator."""
        labels = self.videos["label"].to_numpy()
        parts, names = (self.videos[name].to_pylist() for name in ("split", "generator"))
        places: dict[tuple[str, str], list[int]] = {}
        for place in np.flatnonzero(labels == 1):
            places.setdefault((str(parts[place]), str(names[place])), []).append(int(place))
        return {key: np.array(own, np.int64) for key, own in sorted(places.items())}


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """The videos of one protocol that a board is about.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``.
        release: The release.
        split_by: The reading of its splits.
        folds: The test videos by fold.
    """

    protocol: str
    release: ReleaseRecord
    split_by: str
    folds: Mapping[str, FoldVideos]

    @property
    def counts(self) -> dict[str, Count]:
        """The numbers of fakes and real videos by generator."""
        return {
            generator: Count(fake=places.size, real=fold.reals.size)
            for fold in self.folds.values()
            for (_, generator), places in fold.fakes.items()
        }

    def has(self, entry: Entry) -> bool:
        """Return whether a submission has predictions of this protocol."""
        return any(fold in entry.folds for fold in FOLDS[self.protocol])


def choose_reference(protocol: str, entries: Sequence[Entry]) -> Reference | None:
    """Return the videos of a protocol that most submissions scored; None if nobody did."""
    own = [
        (entry, fold)
        for entry in entries
        for name in FOLDS[protocol]
        if (fold := entry.folds.get(name)) is not None
    ]
    if not own:
        return None
    releases = Counter(
        {
            (entry.folder, *_identify(fold.origin.release, fold.origin.split_by))
            for entry, fold in own
        }
    )
    votes = Counter(key[1:] for key in releases)
    chosen = min(votes, key=lambda key: (-votes[key], key[1] != DEFAULT_RELEASE, key))
    agreeing = [
        fold for _, fold in own if _identify(fold.origin.release, fold.origin.split_by) == chosen
    ]
    folds = {}
    for name in FOLDS[protocol]:
        digests = Counter(fold.digest for fold in agreeing if fold.origin.fold == name)
        if digests:
            digest = min(digests, key=lambda key: (-digests[key], key))
            videos = next(
                fold.videos
                for fold in agreeing
                if fold.origin.fold == name and fold.digest == digest
            )
            folds[name] = FoldVideos(fold=name, digest=digest, videos=videos)
    release = min((fold.origin.release for fold in agreeing), key=lambda own: (own.name, str(own)))
    return Reference(protocol=protocol, release=release, split_by=chosen[2], folds=folds)


def _identify(release: ReleaseRecord, split_by: str) -> tuple[str, str, str]:
    """Return what a release is known by, and a name that decides a tie."""
    name = DEFAULT_RELEASE if release.name == DEFAULT_RELEASE else ""
    return release.identity, name, split_by


def explain_no_rank(entry: Entry, reference: Reference, least_coverage: float) -> str | None:
    """Return why a submission has no rank on a protocol; None if it has one.

    Args:
        entry: A submission with predictions of the protocol.
        reference: The videos of the board.
        least_coverage: The share of the fakes and of the real videos of each generator that must
            have a score.
    """
    own = {name: entry.folds[name] for name in FOLDS[reference.protocol] if name in entry.folds}
    for fold in own.values():
        if _identify(fold.origin.release, fold.origin.split_by) != _identify(
            reference.release, reference.split_by
        ):
            return f"it scored another release: {fold.origin.release}, by {fold.origin.split_by}"
    missing = [name for name in reference.folds if name not in own]
    if missing:
        done = len(reference.folds) - len(missing)
        return f"it covers {done} of {len(reference.folds)} folds: {', '.join(missing)} missing"
    other = [name for name, fold in own.items() if fold.digest != reference.folds[name].digest]
    if other:
        return f"its rows are not the videos of the other submissions in {', '.join(other)}"
    marks = entry.list_marks(reference.folds)
    odd = [mark for mark in marks if mark.symbol in (_OF_ANOTHER_FOLD, UNTRAINED.symbol)]
    if odd:
        return odd[0].sentence
    return _find_gap(entry, reference, least_coverage)


def _find_gap(entry: Entry, reference: Reference, least_coverage: float) -> str | None:
    for name, fold in reference.folds.items():
        if fold.reals.size == 0 or not any(part == "test" for part, _ in fold.fakes):
            return f"there is nothing to measure in {name}: it lacks real videos or test fakes"
        scored = ~np.isnan(entry.folds[name].scores)
        groups = {"real videos": fold.reals} | {
            f"fakes of {generator}": places for (_, generator), places in fold.fakes.items()
        }
        for what, places in groups.items():
            if scored[places].mean() < least_coverage:
                count = int(scored[places].sum())
                return f"it scored {count} of {places.size} {what} in {name}"
    return None
