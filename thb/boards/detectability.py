"""How detectable a new generator is: for its author, before it is proposed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.binomial import binomial_interval
from metrics.talking_head_detection.roc import T01, T1, roc_curve
from thb.boards.detectability_record import Caught, Detectability, Finding, Neighbours
from thb.boards.reading import PublishedBoards, read_boards
from thb.prediction.predictions import Prediction, Status
from thb.preprocessing.metadata import read_all_metadata
from thb.robustness.features import FeatureArea, make_table, measure_features
from thb.runtime.video_folders import list_videos
from thb_dataset.errors import SettingsError
from thb_dataset.video.values import VideoMetadata

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.prediction.inference import PredictSettings

TARGETS: Final = {"t1": T1, "t01": T01}
REPLICATES: Final = 1000
EXTREMES: Final = 3
"""The most and the least detectable videos that are named."""


def detectability(
    videos: str | Path,
    detectors: Sequence[Detector | str | Path],
    *,
    reals: str | Path | None = None,
    board: str | Path | None = None,
    protocol: str = "p3",
    out: str | Path | None = None,
    settings: PredictSettings | None = None,
) -> Detectability:
    """Say how detectable a folder of new fakes is, and what gives it away.

    Args:
        videos: A folder with fakes of one generator; ``portrait--driver--generator.mp4`` tells
            which of them share a driver or a portrait.
        detectors: Detectors, or what ``thb.detector`` takes.
        reals: A folder with real videos, which the thresholds and the shortcuts are read off; None
            to use the threshold that each detector comes with.
        board: A results repo whose board of generators is compared with: a folder or ``org/name``.
        protocol: The protocol of that board.
        out: A new folder for ``detectability.json``, ``.html`` and pictures of where the first
            detector looked; None to write nothing.
        settings: How videos are scored; None for the defaults.

    Raises:
        SettingsError: There is no video, or no detector.
        DetectorError: A detector cannot be loaded.
        ResultError: There is no such board.
        OSError: The report cannot be written.

    Examples:
        >>> found = thb.detectability("videos", ["runs/baseline/p3-hallo"], reals="reals")
        >>> found.fakes, found.reals
        (4, 11)
    """
    from thb.prediction.inference import PredictSettings

    rules = settings or PredictSettings()
    fakes = list_fakes(videos)
    real_files = list_fakes(reals) if reals is not None else []
    if not detectors:
        raise SettingsError("name at least one detector")
    boards = read_boards(board) if board is not None else None
    findings = tuple(_examine(own, fakes, real_files, rules) for own in detectors)
    ranked = _rank_videos(findings)
    shown = min(EXTREMES, len(ranked) // 2)
    features, unread = _find_shortcuts(fakes, real_files, rules)
    found = Detectability(
        fakes=len(fakes),
        reals=len(real_files) if reals is not None else None,
        findings=findings,
        neighbours=_compare(findings, boards, protocol) if boards else None,
        features=features,
        most=tuple(ranked[::-1][:shown]),
        least=tuple(ranked[:shown]),
        notes=tuple(_list_notes(findings, real_files, unread)),
    )
    if out is not None:
        from thb.boards.detectability_page import save_detectability

        save_detectability(found, Path(out), {path.name: path for path in fakes}, detectors[0])
    return found


def list_fakes(folder: str | Path) -> list[Path]:
    """Return the videos in a folder and the folders in it, whose names must differ.

    Raises:
        SettingsError: There is no such folder or no video in it, or two have one name.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise SettingsError(f"there is no folder {place}")
    files = list_videos(place, deep=True)
    if not files:
        raise SettingsError(f"there is no video in {place}")
    twice = [name for name, n in Counter(path.name for path in files).items() if n > 1]
    if twice:
        raise SettingsError(f"two videos in {place} are called {twice[0]}: rename one")
    return files


def _examine(
    reference: Detector | str | Path,
    fakes: Sequence[Path],
    reals: Sequence[Path],
    settings: PredictSettings,
) -> Finding:
    from detectors.registry import load_detector
    from thb.prediction.calls import Grounds
    from thb.prediction.predict import predict

    named = isinstance(reference, str | Path)
    model = load_detector(reference) if isinstance(reference, str | Path) else reference
    grounds = Grounds.find(model, str(reference) if named else None)
    rows = predict(model, fakes, settings=settings, grounds=grounds).rows
    scores = _take_scores(rows)
    caught: dict[str, Caught] = {}
    if reals and scores:
        others = _take_scores(predict(model, reals, settings=settings, grounds=grounds).rows)
        caught = _read_off(scores, others) if others else {}
    elif grounds.calibration is not None and scores and grounds.calibration.target_fpr == float(T1):
        source = f"{grounds.calibration.n_real} real validation videos"
        caught = {"t1": _count(scores, grounds.calibration.threshold, source)}
    return Finding(
        detector=str(reference) if named else type(model).__name__,
        caught=caught,
        unscored=dict(Counter(str(row.status) for row in rows if row.status != Status.OK)),
        scores=scores,
    )


def _take_scores(rows: Sequence[Prediction]) -> dict[str, float]:
    return {Path(row.video_id).name: row.score for row in rows if row.score is not None}


def _read_off(fakes: Mapping[str, float], reals: Mapping[str, float]) -> dict[str, Caught]:
    scores = np.array([*fakes.values(), *reals.values()])
    curve = roc_curve(np.repeat([1, 0], [len(fakes), len(reals)]), scores)
    found = {}
    for metric, target in TARGETS.items():
        point = curve.at_fpr(target)
        found[metric] = _count(
            fakes,
            point.threshold,
            f"{len(reals)} real videos",
            below_resolution=point.below_resolution,
        )
    return found


def _count(
    scores: Mapping[str, float], threshold: float, source: str, *, below_resolution: bool = False
) -> Caught:
    hits = np.array([score >= threshold for score in scores.values()])
    exact = binomial_interval(int(hits.sum()), hits.size)
    clusters = bootstrap_share(list(scores), hits)
    return Caught(
        threshold=threshold if np.isfinite(threshold) else None,
        source=source,
        hits=int(hits.sum()),
        fakes=hits.size,
        share=float(hits.mean()),
        low=exact.low,
        high=exact.high,
        cluster_low=clusters[0] if clusters else None,
        cluster_high=clusters[1] if clusters else None,
        below_resolution=below_resolution,
    )


def bootstrap_share(
    names: Sequence[str], hits: np.ndarray, *, seed: int = 0
) -> tuple[float, float] | None:
    """Return the 95 % interval of a share over resampled drivers and portraits, drawn crosswise.

    Args:
        names: (N,) file names ``portrait--driver--generator.mp4``.
        hits: bool (N,), which of them are caught.
        seed: The seed of the resamples.

    Returns:
        The ends; None if the names do not tell drivers and portraits, or all videos share one.
    """
    parts = [Path(name).stem.split("--") for name in names]
    if any(len(part) != len(("portrait", "driver", "generator")) for part in parts):
        return None
    rng = np.random.default_rng(seed)
    weights = np.ones((REPLICATES, len(names)))
    for factor in (0, 1):
        keys, place = np.unique([part[factor] for part in parts], return_inverse=True)
        if len(keys) > 1:
            drawn = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), REPLICATES)
            weights *= drawn[:, place]
    totals = weights.sum(axis=1)
    if not np.ptp(weights):
        return None
    shares = (weights @ hits)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def _rank_videos(findings: Sequence[Finding]) -> list[str]:
    """Return the fakes that every detector scored, the least detectable first."""
    common = set.intersection(*(set(own.scores) for own in findings))
    places: Counter[str] = Counter()
    for own in findings:
        for place, name in enumerate(sorted(common, key=lambda name: (own.scores[name], name))):
            places[name] += place
    return sorted(common, key=lambda name: (places[name], name))


def _compare(
    findings: Sequence[Finding], boards: PublishedBoards, protocol: str
) -> Neighbours | None:
    shares = [own.caught["t1"].share for own in findings if "t1" in own.caught]
    table = boards.generators.protocols.get(protocol)
    if not shares or table is None:
        return None
    known = sorted(
        ((row.name, row.mean["t1"].value) for row in table.rows if "t1" in row.mean),
        key=lambda one: (one[1], one[0]),
    )
    mean = float(np.mean(shares))
    place = 1 + sum(share < mean for _, share in known)
    return Neighbours(protocol=protocol, share=mean, place=place, known=tuple(known))


def _find_shortcuts(
    fakes: Sequence[Path], reals: Sequence[Path], settings: PredictSettings
) -> tuple[tuple[FeatureArea, ...], int]:
    """Return what single features of the files tell, and how many files could not be read."""
    if not reals:
        return (), 0
    files = {f"fake/{path.name}": path for path in fakes}
    files |= {f"real/{path.name}": path for path in reals}
    read = read_all_metadata(files, settings)
    known = {name: one for name, one in read.items() if isinstance(one, VideoMetadata)}
    table = make_table(known)
    labels = [int(name.startswith("fake/")) for name in table.index]
    return measure_features(table, labels, ("fakes", "real videos")), len(read) - len(known)


def _list_notes(findings: Sequence[Finding], reals: Sequence[Path], unread: int) -> list[str]:
    notes = []
    if not reals:
        notes.append("Without real videos there are no shortcuts, and T0.1 has no threshold.")
    notes += [
        f"{own.detector} has no threshold for 1 % false alarms: give --reals, or run thb calibrate."
        for own in findings
        if "t1" not in own.caught
    ]
    caught = [one for own in findings for one in own.caught.values()]
    if any(one.below_resolution for one in caught):
        notes.append(
            "† too few real videos for one false alarm at this rate: the share without any."
        )
    if caught and all(one.cluster_low is None for one in caught):
        notes.append(
            "The names of the files do not tell drivers and portraits"
            " (portrait--driver--generator.mp4), so the intervals take the videos as independent."
        )
    if unread:
        notes.append(f"The metadata of {unread} files could not be read.")
    return notes
