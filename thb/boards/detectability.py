"""How detectable a new generator is: for its author, before it is proposed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from metrics.talking_head_detection.binomial import binomial_interval
from thb.boards.detectability_record import RATES, Caught, Detectability, Finding
from thb.boards.reading import PublishedBoards, read_boards
from thb.prediction.predictions import Prediction, Status
from thb.preprocessing.metadata import read_all_metadata
from thb.robustness.features import FeatureArea, make_table, measure_features
from thb.runtime.video_folders import list_videos
from thb_dataset.errors import SettingsError
from thb_dataset.video.values import VideoMetadata

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.boards.alarm_thresholds import OwnResult
    from thb.prediction.calls import Grounds
    from thb.prediction.inference import PredictSettings
    from thb.prediction.thresholds import Calibration

EXTREMES: Final = 3
"""The most and the least detectable videos that are named."""


def detectability(
    videos: str | Path,
    detectors: Sequence[Detector | str | Path],
    *,
    reals: str | Path | None = None,
    board: PublishedBoards | str | Path | None = None,
    results: Sequence[str | Path] = (),
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
            to take the real test videos of the detector's own evaluation (the predictions beside
            its weights), or else the threshold that it comes with.
        board: A results repo whose board of generators is compared with: a folder, ``org/name``, or
            boards that were read before.
        results: Files ``result-<protocol>.json`` of these detectors, whose generators are compared
            with; empty to search beside the weights of each.
        protocol: The protocol of that board, and of the results that are searched for.
        out: A new folder for ``detectability.json``, ``.html`` and pictures of where the first
            detector looked; None to write nothing.
        settings: How videos are scored; None for the defaults.

    Raises:
        SettingsError: There is no video, or no detector; a result is of none of them.
        DetectorError: A detector cannot be loaded.
        ResultError: There is no such board or result.
        OSError: The report cannot be written.

    Examples:
        >>> found = thb.detectability("videos", ["runs/baseline/p3-hallo"], reals="reals")
        >>> found.fakes, found.reals
        (4, 11)
    """
    from thb.boards.alarm_thresholds import refuse_foreign_results
    from thb.boards.detectability_page import save_detectability
    from thb.boards.neighbours import compare_with_board
    from thb.prediction.inference import PredictSettings

    if not detectors:
        raise SettingsError("name at least one detector")
    boards = read_boards(board) if isinstance(board, str | Path) else board
    request = _Request(
        fakes=list_fakes(videos),
        results=[Path(file).expanduser() for file in results],
        protocol=protocol,
        reals=None if reals is None else Path(reals),
        real_files=list_fakes(reals) if reals is not None else [],
        settings=settings or PredictSettings(),
    )
    examined = [_examine(own, request) for own in detectors]
    refuse_foreign_results(request.results, [own for _, _, own in examined])
    found = _put_together(tuple(finding for finding, _, _ in examined), request)
    if boards is not None:
        found = replace(found, neighbours=compare_with_board(found.findings, boards, protocol))
    if out is not None:
        named = {path.name: path for path in request.fakes}
        save_detectability(found, Path(out), named, detectors[0], grounds=examined[0][1])
    return found


def _put_together(findings: tuple[Finding, ...], request: _Request) -> Detectability:
    """Return what is found without a board."""
    fakes, reals = request.fakes, request.real_files
    ranked = _rank_videos(findings)
    shown = min(EXTREMES, len(ranked) // 2)
    features, unread = _find_shortcuts(fakes, reals, request.settings)
    return Detectability(
        fakes=len(fakes),
        reals=len(reals) or None,
        findings=findings,
        features=features,
        most=tuple(ranked[::-1][:shown]),
        least=tuple(ranked[:shown]),
        notes=tuple(_list_notes(findings, reals, unread)),
    )


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


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What every detector is asked."""

    fakes: Sequence[Path]
    results: Sequence[Path]
    protocol: str
    reals: Path | None
    real_files: Sequence[Path]
    settings: PredictSettings


def _examine(
    reference: Detector | str | Path, request: _Request
) -> tuple[Finding, Grounds, OwnResult | None]:
    """Return what a detector catches, what decides on its verdicts, and its own result."""
    from detectors.registry import load_detector
    from thb.boards.alarm_thresholds import find_own_result, find_thresholds
    from thb.boards.neighbours import compare_with_result
    from thb.explanations.explain import name_detector
    from thb.prediction.calls import Grounds
    from thb.prediction.predict import predict

    named = reference if isinstance(reference, str | Path) else None
    model = load_detector(reference) if isinstance(reference, str | Path) else reference
    grounds = Grounds.find(model, None if named is None else str(named))
    own = find_own_result(model, request.results, request.protocol, reference=named)
    rows = predict(model, request.fakes, settings=request.settings, grounds=grounds).rows
    scores = _take_scores(rows)
    thresholds = find_thresholds(
        model,
        grounds,
        own,
        reals=request.reals,
        files=request.real_files,
        settings=request.settings,
    )
    finding = Finding(
        detector=name_detector(model),
        caught={
            metric: _count(scores, calibration, thresholds.source)
            for metric, calibration in thresholds.by_metric.items()
            if scores
        },
        unscored=dict(Counter(str(row.status) for row in rows if row.status != Status.OK)),
        scores=scores,
    )
    if own is not None:
        finding = replace(finding, neighbours=compare_with_result(finding, own))
    return finding, thresholds.ground(grounds), own


def _take_scores(rows: Sequence[Prediction]) -> dict[str, float]:
    return {Path(row.video_id).name: row.score for row in rows if row.score is not None}


def _count(scores: Mapping[str, float], calibration: Calibration, source: str) -> Caught:
    from thb.boards.neighbours import bootstrap_share

    hits = np.array([score >= calibration.threshold for score in scores.values()])
    exact = binomial_interval(int(hits.sum()), hits.size)
    clusters = bootstrap_share(list(scores), hits)
    return Caught(
        threshold=calibration.threshold,
        source=source,
        hits=int(hits.sum()),
        fakes=hits.size,
        share=float(hits.mean()),
        low=exact.low,
        high=exact.high,
        cluster_low=clusters[0] if clusters else None,
        cluster_high=clusters[1] if clusters else None,
        below_resolution=not calibration.resolved,
    )


def _rank_videos(findings: Sequence[Finding]) -> list[str]:
    """Return the fakes that every detector scored, the least detectable first."""
    common = set.intersection(*(set(own.scores) for own in findings))
    places: Counter[str] = Counter()
    for own in findings:
        for place, name in enumerate(sorted(common, key=lambda name: (own.scores[name], name))):
            places[name] += place
    return sorted(common, key=lambda name: (places[name], name))


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
        notes.append("Without --reals there is nothing to tell of shortcuts.")
    for own in findings:
        missing = [
            rate for metric, rate in RATES.items() if own.scores and metric not in own.caught
        ]
        if missing:
            notes.append(
                f"{own.detector} has no threshold for {' and '.join(missing)} false alarms: give"
                " --reals, run thb evaluate, or thb calibrate with that rate."
            )
    caught = [one for own in findings for one in own.caught.values()]
    places = [own.neighbours for own in findings if own.neighbours is not None]
    if places:
        notes.append(
            "A place among known generators is certain only where 95 % intervals do not overlap;"
            " its span counts all that do. A detector's own result has each generator scored by the"
            " detector of the fold that held it out."
        )
    if any(place.protocol == "p1" for place in places):
        notes.append("On P1 the detector was trained with fakes of the known generators.")
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
