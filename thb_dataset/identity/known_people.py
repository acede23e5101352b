"""Test the threshold of a face pack on people whose names are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ReleaseError

MAX_FLAGGED: Final = 10
"""The number of false alarms that are named; all are counted."""


@dataclass(frozen=True, kw_only=True)
class PeopleCalibration:
    """How well a threshold tells known people apart.

    Attributes:
        threshold: The cosine from which a pair counts as one person.
        same: The number of pairs of one person.
        found: The number of these pairs at or above the threshold.
        different: The number of pairs of two people.
        false_alarms: The number of these pairs at or above the threshold.
        flagged: The pictures of the false alarms, the most alike first, at most ``MAX_FLAGGED``.
            Often one of the pictures has the wrong name.
        least_same: The lowest cosine of a pair of one person.
        most_different: The highest cosine of a pair of two people.
        suggested: The middle between these two if they do not cross; otherwise the threshold at
            which the share of pairs of one person that are missed equals the share of pairs of two
            people that are flagged.
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
        """The share of the pairs of two people that count as one person."""
        return self.false_alarms / self.different

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
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
        people: The N names of people; equal names are one person.
        threshold: The cosine to test.
        pictures: The N names by which to call false alarms; None stands for the people's names.

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
    alike_same, alike_different = alike[same], alike[~same]
    strangers = np.stack(upper, axis=1)[~same]
    called = people if pictures is None else pictures
    worst = np.argsort(-alike_different, kind="stable")[:MAX_FLAGGED]
    worst = worst[alike_different[worst] >= threshold]
    return PeopleCalibration(
        threshold=threshold,
        same=len(alike_same),
        found=int((alike_same >= threshold).sum()),
        different=len(alike_different),
        false_alarms=int((alike_different >= threshold).sum()),
        flagged=tuple((called[a], called[b]) for a, b in strangers[worst]),
        least_same=float(alike_same.min()),
        most_different=float(alike_different.max()),
        suggested=_suggest(alike_same, alike_different),
    )


def _suggest(same: npt.NDArray[np.float64], different: npt.NDArray[np.float64]) -> float:
    if same.min() > different.max():
        return float((same.min() + different.max()) / 2)
    places = np.unique(np.concatenate([same, different]))
    missed = np.searchsorted(np.sort(same), places) / len(same)
    flagged = 1 - np.searchsorted(np.sort(different), places) / len(different)
    return float(places[np.argmin(np.abs(missed - flagged))])
