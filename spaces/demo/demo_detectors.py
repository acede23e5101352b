"""The detectors on offer: trained runs in folders, and Hub ids that the publisher named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from demo_limits import MAX_DETECTORS
from detectors.listing import is_hub_id
from thb.runs.folders import find_run_folders
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from detectors.base import Detector

OFFERS_FILE: Final = "detectors.json"
_KEYS: Final = {"name", "protocol", "fold", "reference"}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A detector with trained weights.

    Attributes:
        name: The name that the visitor reads; the folds of one detector share it.
        protocol: ``p1``, ``p2`` or ``p3``; None for weights that belong to no protocol.
        fold: ``p1``, ``p3-hallo``, …; None for weights that belong to no protocol.
        reference: A folder or a Hub id, as ``thb.detector`` takes it.
    """

    name: str
    protocol: str | None
    fold: str | None
    reference: str


def find_runs(folders: Iterable[Path]) -> tuple[Offer, ...]:
    """Find the detectors in folders that ``thb train`` wrote, each with one fold or all folds.

    Raises:
        DetectorError: A folder holds no detector.
    """
    return tuple(
        Offer(name=run.name, protocol=run.protocol, fold=run.fold, reference=str(run.folder))
        for folder in folders
        for run in find_run_folders(folder)
    )


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
    if len({(offer.name, offer.fold) for offer in offers}) != len(offers):
        raise DetectorError(f"{file} has two detectors of one name and fold")
    return tuple(offers)


def _read_offer(entry: dict[str, Any], home: Path) -> Offer:
    if set(entry) != _KEYS:
        raise ValueError(f"an entry must have the keys {', '.join(sorted(_KEYS))}: {entry}")
    offer = Offer(**entry)
    folder = (home / offer.reference).resolve()
    if not folder.is_dir():
        if not is_hub_id(offer.reference):
            raise ValueError(f"there is no folder {offer.reference} beside it")
        return offer
    if not folder.is_relative_to(home):
        raise ValueError(f"{offer.reference} is outside {home.name}")
    return Offer(**{**asdict(offer), "reference": str(folder)})


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

    Raises:
        DetectorError: The detector cannot be found or loaded.
    """
    from detectors.registry import load_detector

    return load_detector(reference)
