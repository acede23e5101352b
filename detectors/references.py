"""What the words for a detector mean; the only place that decides it, and it imports no torch.

A detector is named by its trained weights: a folder, or a Hub id ``org/name``. The name of a
detector whose authors' weights are on the Hub (``gend``) means those, except in a training. The
class of your own weights is named before them: ``my_module:MyDetector@runs/mine``. Any other name
of :data:`~detectors.listing.DETECTORS`, or ``module:Class`` alone, is a network without trained
weights: training begins with it, and nothing else takes it unless it is asked to. Write ``./name``
for a folder that has the name of a detector.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from detectors.listing import CONVERTIBLE, DETECTORS, is_hub_id
from detectors.published import PublishedWeights, find_by_name, find_by_repo
from thb_dataset.errors import DetectorError
from thb_dataset.wording import suggest

_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A detector as a user names it.

    Attributes:
        class_name: A registered name or ``module:Class``; None where the weights name their class.
        place: The folder or the Hub id of the weights; None for a network without trained weights.
    """

    class_name: str | None = None
    place: str | None = None

    @property
    def published(self) -> PublishedWeights | None:
        """The weights of others on the Hub that a detector's name means, or their repo."""
        if self.place is None:
            return find_by_name(self.class_name or "")
        return None if self.hub_id is None else find_by_repo(self.hub_id)

    @property
    def folder(self) -> Path | None:
        """The folder of the weights; None if they are not in a folder that exists."""
        folder = None if self.place is None else Path(self.place).expanduser()
        return folder if folder is not None and folder.is_dir() else None

    @property
    def hub_id(self) -> str | None:
        """The Hub id of the weights; None if they are in a folder."""
        return self.place if self.place is not None and is_hub_id(self.place) else None

    def at(self, folder: Path) -> str | Path:
        """Return the reference of the weights in another folder, of the same class."""
        return folder if self.class_name is None else f"{self.class_name}@{folder}"


def is_class_path(name: str) -> bool:
    """Return whether a text has the form ``module:Class``."""
    return _CLASS.fullmatch(name) is not None


def read_reference(given: str | Path) -> Reference:
    """Return what a user's words for a detector mean; whether it exists is not checked.

    Args:
        given: The words; a ``Path`` is always a folder.
    """
    if isinstance(given, Path):
        return Reference(place=str(given))
    if given in DETECTORS or is_class_path(given):
        return Reference(class_name=given)
    name, at, place = given.partition("@")
    if at and place and is_class_path(name):
        return Reference(class_name=name, place=place)
    return Reference(place=given)


def refuse_untrained(given: str | Path) -> None:
    """Refuse a network without trained weights, whose scores would be chance.

    Raises:
        DetectorError: The words name such a network; the message says what to do.
    """
    reference = read_reference(given)
    if reference.place is not None or reference.published is not None:
        return
    ways = [f"name the folder here (./{given})"] if Path(given).is_dir() else []
    ways.append(f"train it (thb train {given} …)")
    if given in CONVERTIBLE:
        ways.append(f"convert the authors' weights (thb convert {given} FILE --out DIR)")
    own = "" if given in DETECTORS else f", as in {given}@DIR"
    ways.append(f"name a folder or a Hub id that holds trained weights{own}")
    raise DetectorError(
        f"{given} has no trained weights, so its scores would be chance: {', or '.join(ways)}."
        " Tests may use random weights (--untrained, or untrained=True in Python), and the results"
        " are marked"
    )


def require_place(given: str | Path) -> None:
    """Refuse words that can be no detector: no name of one, no path that exists, no Hub id.

    Raises:
        DetectorError: The message names what is similar.
    """
    place = read_reference(given).place
    if place is not None and not Path(place).expanduser().exists() and not is_hub_id(place):
        raise DetectorError(explain_miss(place))


def explain_miss(name: str) -> str:
    """Return the message that says that there is no such detector, and how one is named."""
    hint = suggest(name, DETECTORS, most=3)
    return (
        f"no detector {name!r}: {f'{hint} ' if hint else ''}give a folder with trained weights, a"
        f" Hub id org/name, or module:Class@FOLDER; training begins with module:Class or one of"
        f" {', '.join(sorted(DETECTORS))}"
    )
