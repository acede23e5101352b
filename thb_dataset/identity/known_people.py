"""A pack's threshold, held against people whose names are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ReleaseError

MAX_FLAGGED: Final = 10
"""False alarms named; all are counted."""


@dataclass(frozen=True, kw_only=True)
class PeopleCalibration:
    """How well a threshold tells known people apart.

    Attributes:
        threshold: Cosine from which a pair is taken for one person.
        same: Pairs of one person.
        found: Those of them at or above the threshold.
        different: Pairs of two people.
        false_alarms: Those of them at or above the threshold.
        flagged: The pictures of the false alarms, the most alike first, at most ``MAX_FLAGGED``:
            often it is a picture under the wrong name.
        least_same: Lowest cosine of one person.
        most_different: Highest cosine of two people.
        suggested: Middle between these two where they do not cross; else the threshold at which
            as large a share of people is missed as of strangers is flagged.
    """

    threshold: float
    same: int
    found: int
    different: int
    false_alarms: int
    flagged: tuple[tuple[str, str], ...]
    least_same: float
    most_different: float
    suggested: float

    @property
    def false_alarm_rate(self) -> float:
        """Share of the pairs of two people that are taken for one."""
        return self.false_alarms / self.different

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"false_alarm_rate": self.false_alarm_rate}


def calibrate_threshold(
    vectors: npt.NDArray[np.float32],
    people: Sequence[str],
    threshold: float,
    *,
    pictures: Sequence[str] | None = None,
) -> PeopleCalibration:
    """Compare every pair of pictures or videos of known people.

    Args:
        vectors: float32 (N, D), unit length.
        people: N names; equal names are one person.
        threshold: Cosine to judge.
        pictures: N names to call false alarms by; the people's own names unless given.

    Raises:
        ReleaseError: There is no pair of pictures of one person, or none of two people.
    """
    upper = np.triu_indices(len(people), 1)
    alike = (vectors @ vectors.T)[upper].astype(np.float64)
    names = np.array(people)
    same = (names[:, None] == names[None, :])[upper]
    if not same.any() or same.all():
        raise ReleaseError(
            "calibration needs two pictures of one person and a picture of a second person"
        )
    one, two = alike[same], alike[~same]
    strangers = np.stack(upper, axis=1)[~same]
    called = people if pictures is None else pictures
    worst = np.argsort(-two, kind="stable")[:MAX_FLAGGED]
    return PeopleCalibration(
        threshold=threshold,
        same=len(one),
        found=int((one >= threshold).sum()),
        different=len(two),
        false_alarms=int((two >= threshold).sum()),
        flagged=tuple((called[a], called[b]) for a, b in strangers[worst[two[worst] >= threshold]]),
        least_same=float(one.min()),
        most_different=float(two.max()),
        suggested=_suggest(one, two),
    )


def _suggest(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> float:
    if one.min() > two.max():
        return float((one.min() + two.max()) / 2)
    places = np.unique(np.concatenate([one, two]))
    missed = np.searchsorted(np.sort(one), places) / len(one)
    flagged = 1 - np.searchsorted(np.sort(two), places) / len(two)
    return float(places[np.argmin(np.abs(missed - flagged))])
