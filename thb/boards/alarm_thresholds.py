"""The thresholds at which new fakes are counted: off reals at hand, off a result, off calibration.

They come from the first of these that there is: a folder of real videos; the real test videos of
the detector's own evaluation, so that its known generators were counted at the same thresholds; the
threshold that the detector comes with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from detectors.references import read_reference
from metrics.talking_head_detection.roc import T01, T1
from thb.evaluation.own_results import find_fold_predictions, find_results
from thb.evaluation.result import Result, result_file_name
from thb.prediction.calibration import count_calls
from thb.prediction.real_folders import score_reals
from thb.prediction.thresholds import Calibration, count_allowed
from thb.runs.provenance import hash_weights
from thb_dataset.errors import SettingsError

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.prediction.calls import Grounds
    from thb.prediction.inference import PredictSettings

TARGETS: Final = {"t1": T1, "t01": T01}


@dataclass(frozen=True, kw_only=True)
class OwnResult:
    """What an evaluation said of a detector's weights.

    Attributes:
        result: The numbers.
        fold: The fold whose detector these weights are.
        file: The name of the file.
        places: The folders in which the predictions may lie.
    """

    result: Result
    fold: str
    file: str
    places: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class AlarmThresholds:
    """The thresholds of one detector.

    Attributes:
        by_metric: The threshold of ``t1`` and of ``t01``, where there is one.
        source: Where they come from, in words.
    """

    by_metric: Mapping[str, Calibration] = field(default_factory=dict)
    source: str = ""

    def ground(self, grounds: Grounds) -> Grounds:
        """Return grounds with the threshold of ``t1``, so that pictures quote the same number."""
        own = self.by_metric.get("t1")
        if own is None:
            return grounds
        # The report counts who reaches it, however many other fakes do: no reason to hide it.
        return replace(grounds, calibration=replace(own, reals_only=True))


def find_own_result(
    detector: Detector,
    given: Sequence[Path],
    protocol: str,
    *,
    reference: str | Path | None = None,
) -> OwnResult | None:
    """Return the result that an evaluation of these weights wrote; None without one.

    Args:
        detector: The detector.
        given: Results that the user named; else it is searched for beside the weights.
        protocol: The protocol to take if there are results of several.
        reference: Where it was loaded from; None for the place that it names itself.

    Raises:
        ResultError: A result that the user named cannot be read.
    """
    weights_sha256 = hash_weights(detector)
    place = reference or detector.config.name_or_path
    folder = read_reference(str(place)).folder if place else None
    for file in given:
        result = Result.load(file)
        for fold, run in result.runs.items():
            if run.detector.weights_sha256 == weights_sha256:
                places = (file.parent / fold, *_list_places(folder, fold))
                return OwnResult(result=result, fold=fold, file=file.name, places=places)
    if given or folder is None:
        return None
    found, _ = find_results(folder, weights_sha256)
    ordered = sorted(found, key=lambda pair: pair[1].protocol != protocol)
    for fold, result in ordered[:1]:
        return OwnResult(
            result=result,
            fold=fold,
            file=result_file_name(result),
            places=_list_places(folder, fold),
        )
    return None


def _list_places(folder: Path | None, fold: str) -> tuple[Path, ...]:
    """Return the folders around the weights in which an evaluation leaves predictions."""
    return () if folder is None else (folder, folder / fold, folder.parent / fold)


def refuse_foreign_results(given: Sequence[Path], used: Sequence[OwnResult | None]) -> None:
    """Refuse results that none of the detectors has made.

    Raises:
        SettingsError: There is one.
    """
    known = {own.file for own in used if own is not None}
    for file in given:
        if file.name not in known:
            raise SettingsError(
                f"{file} is of none of these detectors' weights: name the result that thb evaluate"
                " wrote of them, or leave --result and give --reals"
            )


def find_thresholds(
    detector: Detector,
    grounds: Grounds,
    own: OwnResult | None,
    *,
    reals: Path | None,
    files: Sequence[Path],
    settings: PredictSettings,
) -> AlarmThresholds:
    """Return the thresholds of a detector.

    Args:
        detector: The detector.
        grounds: What is known of it, with the threshold that it comes with.
        own: Its own result.
        reals: A folder of real videos.
        files: The videos in it.
        settings: How they are scored.

    Raises:
        ReleaseError: No real video has a score.
        ResultError: Predictions are damaged.
    """
    if reals is not None:
        rows, run = score_reals(detector, reals, files, scoring=settings)
        only, source = True, "of yours"
    else:
        scored = own and find_fold_predictions(
            own.places, fold=own.fold, weights_sha256=hash_weights(detector)
        )
        if own is None or not scored:
            return _take_own(grounds.calibration)
        rows, run = [*scored[0]], scored[1]
        only, source = False, f"of the test of {own.fold}"
    found = {
        metric: count_calls(
            rows,
            run,
            target_fpr=float(target),
            face_pack=settings.face_pack,
            reals_only=only,
        )
        for metric, target in TARGETS.items()
    }
    return AlarmThresholds(by_metric=found, source=f"{found['t1'].n_real} real videos {source}")


def _take_own(own: Calibration | None) -> AlarmThresholds:
    """Return the threshold that a detector comes with, for every rate that allows as many alarms.

    With fewer than 100 real videos both rates allow none, and share the threshold above all.
    """
    if own is None:
        return AlarmThresholds()
    allowed, _ = count_allowed(own.n_real, own.target_fpr)
    found = {}
    for metric, target in TARGETS.items():
        rate = float(target)
        number, resolved = count_allowed(own.n_real, rate)
        if number == allowed:
            found[metric] = replace(own, target_fpr=rate, resolved=resolved)
    kind = "videos" if own.reals_only else "validation videos"
    return AlarmThresholds(by_metric=found, source=f"{own.n_real} real {kind} of its calibration")
