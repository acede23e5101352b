"""The threshold that a detector comes with: its record, how it follows from scores, its file."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from detectors.fetching import find_weights_folder
from detectors.references import read_reference
from thb.runs.record import ReleaseRecord
from thb.runtime.records import FINITE, read_json
from thb.runtime.text import write_scores
from thb_dataset.errors import DetectorError, ReleaseError
from thb_dataset.hub.files import read_hub_file

THRESHOLDS_FILE: Final = "thresholds.json"
FORMAT: Final = "thb-thresholds/1"
TARGET_FPR: Final = 0.01

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The threshold of a detector: a video is called fake if its score reaches the threshold.

    Attributes:
        format: The version of the record.
        target_fpr: The share of real videos that may be called fake.
        threshold: The lowest threshold that keeps to the target; above 1 if a real video has the
            score 1 and must not be called fake.
        n_real: The number of real validation videos that have a score.
        false_alarms: The number of those that reach the threshold, at most
            floor(target_fpr x n_real).
        n_fake: The number of validation fakes that have a score.
        true_positive_rate: The share of those that reach the threshold; 0 if there are none.
        excluded: The numbers of validation videos without a score, by class and status.
        release: The release that the validation videos belong to.
        fold: The name of the fold that they belong to.
        split_by: The reading of the release's splits, ``release`` or ``driver``.
        weights_sha256: The digest of the weights of the detector that gave the scores.
        face_pack: The face pack that found the faces.
        precision: The precision of the detector.
        resolved: Whether n_real is at least 1 / target_fpr. If not, one false alarm is more than
            the target allows, and the threshold lies above every real video.
        reals_only: Whether the videos are a folder of real ones, so that nobody knows how many
            fakes reach the threshold.
    """

    __pydantic_config__ = FINITE

    format: Literal["thb-thresholds/1"] = FORMAT
    target_fpr: float
    threshold: float
    n_real: int
    false_alarms: int
    n_fake: int
    true_positive_rate: float
    excluded: Mapping[str, Mapping[str, int]]
    release: ReleaseRecord
    fold: str
    split_by: str
    weights_sha256: str
    face_pack: str
    precision: str
    resolved: bool
    reals_only: bool = False

    def __post_init__(self) -> None:
        """Refuse a threshold that contradicts itself.

        Raises:
            ValueError: A rate or a count is impossible, or the counts do not keep to the target.
        """
        counts = (self.n_real, self.false_alarms, self.n_fake)
        if min(counts) < 0:
            raise ValueError("a count is negative")
        if not 0 < self.target_fpr < 1 or not 0 <= self.true_positive_rate <= 1:
            raise ValueError("a rate is not between 0 and 1")
        allowed, resolved = count_allowed(self.n_real, self.target_fpr)
        if self.false_alarms > allowed or self.resolved is not resolved:
            raise ValueError("the counts do not keep to the target")

    @property
    def hits(self) -> int:
        """The number of validation fakes that reach the threshold."""
        return round(self.true_positive_rate * self.n_fake)

    def __str__(self) -> str:
        """Return the threshold, and what it did on the validation videos, in two sentences."""
        (threshold,) = write_scores(self.threshold)
        percent = f"{100 * self.target_fpr:g} %"
        if self.resolved:
            target = f"At most {percent} false alarms were allowed."
        else:
            target = f"{self.n_real} real videos are too few to check a {percent} false-alarm rate."
        if self.reals_only:
            return (
                f"Threshold {threshold}: called {self.false_alarms} of {self.n_real} real videos"
                f" fake. No fakes were scored, so how many it finds is unknown. {target}"
            )
        return (
            f"Threshold {threshold}: called {self.false_alarms} of {self.n_real} real validation"
            f" videos fake and found {self.hits} of {self.n_fake} fakes. {target}"
        )


def find_threshold(reals: Iterable[float], target_fpr: float = TARGET_FPR) -> float:
    """Return the lowest threshold that at most floor(target_fpr x n) real scores reach.

    Args:
        reals: P(fake) of n real videos.
        target_fpr: The share of real videos that may reach the threshold, within (0, 1).

    Raises:
        ReleaseError: There is no score.
        ValueError: The target is impossible.
    """
    if not 0 < target_fpr < 1:
        raise ValueError(f"the false-alarm rate must be within (0, 1), not {target_fpr}")
    falling = sorted(reals, reverse=True)
    if not falling:
        raise ReleaseError("no real video has a score, so there is no threshold")
    allowed, _ = count_allowed(len(falling), target_fpr)
    # The metric's threshold is one of the scores; a verdict needs the lowest possible number.
    return math.nextafter(falling[allowed], math.inf)


def count_allowed(n_real: int, target_fpr: float) -> tuple[int, bool]:
    """Return how many false alarms a target allows, and whether it allows one at all."""
    rate = Fraction(str(target_fpr))
    return math.floor(rate * n_real), rate * n_real >= 1


def read_calibration(
    detector: str | Path, *, weights_sha256: str | None = None
) -> Calibration | None:
    """Return the threshold that a detector comes with; None if it has none.

    Args:
        detector: A folder or a Hub id; any other reference has no threshold.
        weights_sha256: The digest of the weights that need the threshold. A threshold of other
            weights is ignored, with a warning.

    Raises:
        DetectorError: The file is damaged.
    """
    reference = read_reference(detector)
    file: Path | None = None
    folder = find_weights_folder(reference)
    if folder is not None:
        file = folder / THRESHOLDS_FILE
    elif reference.hub_id is not None and reference.published is None:
        file = read_hub_file(reference.hub_id, THRESHOLDS_FILE)
    if file is None or not file.is_file():
        return None
    try:
        calibration = read_json(Calibration, file.read_bytes())
    except ValueError as error:
        raise DetectorError(f"{file} is damaged: {error}; run thb calibrate again") from error
    if weights_sha256 is not None and calibration.weights_sha256 != weights_sha256:
        _log.warning("%s is for other weights and is ignored: run thb calibrate again", file)
        return None
    return calibration


def read_first_calibration(
    places: Iterable[Path], *, weights_sha256: str | None
) -> Calibration | None:
    """Return the first threshold of these weights that lies in one of the folders; None without.

    Args:
        places: The folders, the likeliest first.
        weights_sha256: The digest of the weights, as :func:`read_calibration` takes it.

    Raises:
        DetectorError: A file is damaged.
    """
    for place in places:
        if (place / THRESHOLDS_FILE).is_file():  # a folder that is not there is no Hub id
            calibration = read_calibration(place, weights_sha256=weights_sha256)
            if calibration is not None:
                return calibration
    return None
