"""The detectors on offer: trained runs in folders, and Hub ids that the publisher named."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from detectors.published import PublishedWeights, find_by_name
from detectors.references import read_reference, refuse_untrained
from space_limits import MAX_DETECTORS
from thb.runs.folders import find_run_folders
from thb.runs.record import read_record
from thb_dataset.errors import DetectorError, THBError
from thb_dataset.hub.release import resolve_commit

if TYPE_CHECKING:
    from detectors.base import Detector

DEFAULT_DETECTOR: Final = "gend"
OFFERS_FILE: Final = "detectors.json"
_KEYS: Final = {"name", "protocol", "fold", "reference"}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A detector with trained weights.

    Attributes:
        name: The name that the visitor reads; the folds of one detector share it.
        protocol: ``p1``, ``p2`` or ``p3``; None for weights that belong to no protocol.
        fold: ``p1``, ``p3-hallo``, …; None for weights that belong to no protocol.
        reference: A folder or a Hub id, as ``thb.detector`` takes it; ``module:Class@`` may stand
            before it, for a class of whoever runs this page.
    """

    name: str
    protocol: str | None
    fold: str | None
    reference: str

    @property
    def trained_on_synthetic(self) -> bool:
        """Whether its folder says that it was trained on drawings; a Hub id is not asked."""
        folder = read_reference(self.reference).folder
        try:
            record = None if folder is None else read_record(folder)
        except DetectorError:
            return False
        return record is not None and record.release.synthetic


def find_runs(folders: Iterable[str | Path]) -> tuple[Offer, ...]:
    """Find the detectors in folders that ``thb train`` wrote, each with one fold or all folds.

    Detectors of one name in different places get the names of the folders above them as well, as
    many as tell them apart; a folder that is given twice is offered once.

    Args:
        folders: The folders; ``module:Class@`` may stand before each. A name such as ``gend`` and
            its repo stand for the weights that its authors have on the Hub.

    Raises:
        DetectorError: A folder holds no detector, or a detector has two runs of one fold.
    """
    given = list(folders)
    named = {str(folder): read_reference(folder).published for folder in given}
    offers = tuple(offer_published(weights) for weights in named.values() if weights is not None)
    trained = [folder for folder in given if named[str(folder)] is None]
    runs = {run.folder: run for folder in trained for run in find_run_folders(folder)}
    names = _tell_apart({run.home for run in runs.values()})
    offers += tuple(
        Offer(
            name=names[run.home],
            protocol=run.protocol,
            fold=run.fold,
            reference=str(run.reference),
        )
        for run in runs.values()
    )
    _refuse_doubles(offers, "the command line")
    return offers


def offer_published(weights: PublishedWeights) -> Offer:
    """Return the offer of weights that their authors have on the Hub."""
    return Offer(name=weights.weights, protocol=None, fold=None, reference=str(weights.repo))


def find_default() -> tuple[Offer, ...]:
    """Return the detector of a page that names none, if its weights can be had; else nothing.

    They can be had if they are on this machine, or if the Hub answers at once.
    """
    from detectors.fetching import find_conversion

    weights = find_by_name(DEFAULT_DETECTOR)
    if weights is None:
        return ()
    try:
        if find_conversion(weights) is None:
            resolve_commit(str(weights.repo), repo_type="model")
    except THBError:
        return ()
    return (offer_published(weights),)


def _tell_apart(homes: Collection[Path]) -> dict[Path, str]:
    """Return a name for each folder: its own, or with so many above it that no two are equal."""
    names = {}
    for home in homes:
        others = [other for other in homes if other != home]
        for length in range(1, len(home.parts) + 1):
            if all(other.parts[-length:] != home.parts[-length:] for other in others):
                break
        names[home] = Path(*home.parts[-length:]).as_posix()
    return names


def _refuse_doubles(offers: Sequence[Offer], where: str) -> None:
    """Refuse detectors that a visitor could not tell apart.

    Raises:
        DetectorError: Two of them have one name and fold.
    """
    seen: dict[tuple[str, str | None], Offer] = {}
    for offer in offers:
        key = (offer.name, offer.fold)
        if key in seen:
            raise DetectorError(
                f"{where} has two detectors of one name and fold, {seen[key].reference} and"
                f" {offer.reference}: rename one, or leave it out"
            )
        seen[key] = offer


def read_offers(file: Path) -> tuple[Offer, ...]:
    """Read the list of detectors beside the app; its folders are relative to the list.

    Raises:
        DetectorError: The list is malformed, or names a folder outside its own.
    """
    try:
        entries = json.loads(file.read_text("utf-8"))
        offers = [_read_offer(entry, file.parent.resolve()) for entry in entries]
    except (OSError, ValueError, TypeError) as error:
        raise DetectorError(f"{file} is not a list of detectors: {error}") from error
    _refuse_doubles(offers, str(file))
    return tuple(offers)


def _read_offer(entry: dict[str, Any], home: Path) -> Offer:
    if set(entry) != _KEYS:
        raise ValueError(f"an entry must have the keys {', '.join(sorted(_KEYS))}: {entry}")
    offer = Offer(**entry)
    refuse_untrained(offer.reference)
    given = read_reference(offer.reference)
    if given.published is not None:
        return replace(offer, reference=str(given.published.repo))
    folder = (home / str(given.place)).resolve()
    if not folder.is_dir():
        if given.hub_id is None:
            raise ValueError(f"there is no folder {given.place} beside it")
        return offer
    if not folder.is_relative_to(home):
        raise ValueError(f"{given.place} is outside {home.name}")
    return replace(offer, reference=str(given.at(folder)))


@dataclass(frozen=True)
class Shelf:
    """All detectors on offer.

    Attributes:
        offers: The detectors, in the order in which they are shown.
    """

    offers: tuple[Offer, ...]

    @property
    def names(self) -> list[str]:
        """The names of the detectors, each once."""
        return list(dict.fromkeys(offer.name for offer in self.offers))

    @property
    def folds(self) -> list[str | None]:
        """The protocol runs; P1 comes first, whose detectors have seen the most generators.

        Weights that belong to no protocol can be used beside any run. The only run is ``None`` if
        all weights are such.
        """
        known = list(dict.fromkeys(offer.fold for offer in self.offers if offer.fold))
        ordered = sorted(known, key=lambda fold: ("p1", "p3", "p2").index(fold[:2]))
        return [*ordered] or [None]

    @property
    def trained_on_synthetic(self) -> list[str]:
        """The names of the detectors that are known to be trained on drawings."""
        return [
            name
            for name in self.names
            if any(offer.trained_on_synthetic for offer in self.offers if offer.name == name)
        ]

    def list_absent(self, fold: str | None) -> dict[str, list[str]]:
        """Return the detectors that cannot be used for a protocol run, and the runs they have."""
        runs = {
            name: [offer.fold for offer in self.offers if offer.name == name] for name in self.names
        }
        return {
            name: sorted(map(str, folds))
            for name, folds in runs.items()
            if fold not in folds and None not in folds
        }

    def choose(self, names: Sequence[str], fold: str | None) -> list[str]:
        """Return those of the chosen names that have a protocol run, or else the first that has."""
        absent = self.list_absent(fold)
        present = [name for name in self.names if name not in absent]
        return [name for name in present if name in names] or present[:1]

    def find(self, names: Sequence[str], fold: str | None) -> list[Offer]:
        """Return the detectors that a visitor chose, in the order of the shelf.

        Raises:
            DetectorError: No detector or too many were chosen, or a detector has no such run.
        """
        if not names:
            raise DetectorError("choose at least one detector")
        if len(names) > MAX_DETECTORS:
            raise DetectorError(f"choose at most {MAX_DETECTORS} detectors at a time")
        unknown = sorted(set(names) - set(self.names))
        if unknown:
            raise DetectorError(f"there is no detector {unknown[0]!r} here")
        return [self._pick(name, fold) for name in self.names if name in names]

    def _pick(self, name: str, fold: str | None) -> Offer:
        runs = {offer.fold: offer for offer in self.offers if offer.name == name}
        found = runs.get(fold) or runs.get(None)
        if found is None:
            others = ", ".join(sorted(str(run) for run in runs))
            raise DetectorError(f"{name} has no run {fold or 'other'!r} here; it has {others}")
        return found


@lru_cache(maxsize=MAX_DETECTORS)
def load(reference: str) -> Detector:
    """Load a detector once; code from its folder or repo is never run.

    A class that the owner of this page names in the reference is imported from Python's path.

    Raises:
        DetectorError: The detector cannot be found or loaded.
    """
    from detectors.registry import load_detector

    return load_detector(reference)
