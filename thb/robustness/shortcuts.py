"""What reaches good numbers without a look at a face: the metadata of the videos.

The main flow goes from top to bottom: :func:`shortcuts` reads the metadata of all videos
(``thb.preprocessing.metadata``), trains two classifiers on each fold's training videos and scores
its test videos (``thb.robustness.fold_scoring``), and computes the numbers as for any detector
(``thb.evaluation.score``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from thb.evaluation.gathering import GatheredFolds, gather_predictions
from thb.evaluation.pairs import Pair, pair_folds
from thb.evaluation.result import Result, result_file_name
from thb.evaluation.score import score
from thb.prediction.predictions import Predictions, write_predictions
from thb.preprocessing.metadata import read_all_metadata
from thb.preprocessing.settings import Preparation
from thb.releases.files import fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.releases.test_sets import fetch_test_sets
from thb.robustness.classifiers import Kind
from thb.robustness.comparison import Difference, compare_pairs
from thb.robustness.controlled import (
    RENDER,
    ControlledReport,
    compare_crops,
    evaluate_controlled,
    lay_out_controlled,
    make_evaluate_settings,
)
from thb.robustness.fold_scoring import (
    Metadata,
    compare_real_sources,
    examine_fold,
    score_test_set,
    train_on_fold,
)
from thb.robustness.real_sources import SourceScores, measure_sources
from thb.robustness.report import FoldShortcuts, ShortcutReport, SourceClassifier
from thb.runs.folders import PREDICTIONS_FILE, claim_folders, find_run_folders
from thb.runs.folds import build_all_folds
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import ResultError, SettingsError
from thb_dataset.protocols import PAPER_PROTOCOLS, Fold, Protocol, place_videos
from thb_dataset.records import HeldOut, Label, Split

if TYPE_CHECKING:
    from thb.runs.record import FoldRecord

DEFAULT_OUT: Final = Path("runs") / "metadata"


@dataclass(frozen=True, kw_only=True)
class ShortcutSettings(Preparation):
    """How the shortcuts are measured.

    Attributes:
        split_by: The reading of the release's splits: ``"release"`` or ``"driver"``.
        strict: Refuse to start if a video of a test set is missing.
        n_bootstrap: The number of resamples behind the bootstrap intervals; 0 for no intervals.
        seed: The random seed of the classifiers and of the resampling.
        controlled: Also render the test videos alike, and score the detectors of the runs on them.
    """

    split_by: str = "release"
    strict: bool = False
    n_bootstrap: int = 1000
    seed: int = 0
    controlled: bool = False


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """A classifier or a detector on one protocol."""

    result: Result
    folds: tuple[Predictions, ...]
    kind: Kind | None = None
    folder: Path | None = None

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return pair_folds(self.folds, self.result.settings.no_face)


def shortcuts(
    protocols: Sequence[Protocol | str] = PAPER_PROTOCOLS,
    *,
    fold: HeldOut | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path | None = DEFAULT_OUT,
    runs: Sequence[str | Path] = (),
    settings: ShortcutSettings | None = None,
) -> ShortcutReport:
    """Measure what the metadata of the videos alone reach on every fold of protocols.

    A logistic regression and gradient-boosted trees see frame rate, size, bits per pixel, bit rate,
    length, sound, encoder tag, distance of key frames, codec and profile, and no picture. They are
    trained on the training videos of a fold and scored on its test videos, like any detector.

    Args:
        protocols: One or more of ``p1``, ``p2``, ``p3`` and ``p3-family``.
        fold: Only the fold that holds this generator, or family, out; None for all folds.
        release: A folder, a Hub id, ``"mini"``, or a release that is already open.
        real_root: The folder of the real videos.
        out: Where to write ``<classifier>/<fold>/predictions.parquet``,
            ``<classifier>/result-<protocol>.json`` and ``shortcuts-<protocols>.json``; None for
            no files.
        runs: Run folders with the predictions of detectors, which are compared with the metadata.
        settings: How to measure; None for the defaults.

    Raises:
        ReleaseError: The release cannot be read, or a fold has no real video or no fake to train or
            to test on.
        ProtocolError: The folds cannot be built.
        ResultError: A run holds no predictions of these protocols on this release.
        SettingsError: ``controlled`` is set, and no run is named.
        DetectorError: ``controlled`` is set, and a run has no detector for one of its folds.
        ModuleNotFoundError: scikit-learn is not installed.

    Examples:
        >>> found = thb.shortcuts(
        ...     ["p3"], fold="hallo", release="release", real_root="reals", out=None
        ... )
        >>> [result.detector for result in found.results]
        ['metadata_logistic', 'metadata_trees']
    """
    import sklearn  # noqa: F401 — before a file is touched, since nothing can be done without it

    settings = settings or ShortcutSettings()
    if settings.controlled:
        _require_detectors(runs)
    opened = open_release(release, real_root=real_root, progress=settings.progress)
    folds = build_all_folds(opened, protocols, fold=fold, split_by=settings.split_by)
    metadata = _read_metadata(folds, opened, settings)
    found, examined = _score_folds(folds, metadata, opened, settings)
    classified = [_rate(predictions, settings, kind) for (_, kind), predictions in found.items()]
    tested = [_rate_run(group, settings) for group in _find_runs(runs, classified)]
    report = ShortcutReport(
        results=tuple(scored.result for scored in (*classified, *tested)),
        folds=examined,
        differences=_compare(tested, classified),
        real_sources=_compare_sources(opened, metadata, settings),
        source_scores=_measure_sources([*classified, *tested]),
        controlled=_control(folds, opened, tested, out, settings) if settings.controlled else None,
    )
    if out is not None:
        _save(report, classified, Path(out).expanduser())
    return report


def _read_metadata(
    folds: Sequence[Fold], opened: OpenRelease, settings: ShortcutSettings
) -> Metadata:
    """Read the metadata of all videos of the folds, and of all real videos of the release."""
    tested = fetch_test_sets(folds, opened, strict=settings.strict, progress=settings.progress)
    others = {video.video_id: video for fold in folds for video in fold.train}
    others |= {
        video.video_id: video for video in opened.release.videos if video.label is Label.REAL
    }
    files = fetch_files(opened, tuple(others.values()), progress=settings.progress)
    faults = {**tested.faults, **files.faults}
    return {**faults, **read_all_metadata({**files.videos, **tested.videos}, settings)}


def _score_folds(
    folds: Sequence[Fold], metadata: Metadata, opened: OpenRelease, settings: ShortcutSettings
) -> tuple[dict[tuple[str, Kind], list[Predictions]], tuple[FoldShortcuts, ...]]:
    """Return the predictions by protocol and kind of classifier, and what each fold rests on."""
    grouped: dict[tuple[str, Kind], list[Predictions]] = {}
    examined = []
    for fold in folds:
        classifiers = train_on_fold(fold, metadata, seed=settings.seed)
        examined.append(examine_fold(fold, classifiers, metadata))
        for classifier in classifiers:
            predictions = score_test_set(fold, classifier, metadata, opened.release)
            grouped.setdefault((fold.protocol, classifier.kind), []).append(predictions)
    return grouped, tuple(examined)


def _rate(folds: Sequence[Predictions], settings: ShortcutSettings, kind: Kind) -> _Scored:
    result = score(folds, n_bootstrap=settings.n_bootstrap, seed=settings.seed)
    return _Scored(result=result, folds=tuple(folds), kind=kind)


def _rate_run(group: GatheredFolds, settings: ShortcutSettings) -> _Scored:
    result = score(
        group.folds, n_bootstrap=settings.n_bootstrap, seed=settings.seed, name=group.name
    )
    return _Scored(result=result, folds=group.folds, folder=group.folder)


def _find_runs(runs: Sequence[str | Path], classified: Sequence[_Scored]) -> list[GatheredFolds]:
    """Return the predictions of detectors on the same folds.

    Raises:
        ResultError: A run has none of them.
    """
    folds = {
        name: record.fold_record
        for scored in classified
        for name, record in scored.result.runs.items()
    }
    found = [
        GatheredFolds(folder=group.folder, name=group.name, folds=same)
        for group in (gather_predictions(runs) if runs else ())
        if (same := tuple(one for one in group.folds if _is_of(one, folds)))
    ]
    for run in runs:
        place = Path(run).resolve()
        if not any(
            place == group.folder or place in group.folder.parents or group.folder in place.parents
            for group in found
        ):
            raise ResultError(
                f"{run} holds no predictions of {', '.join(sorted(folds))} on this release: run"
                " thb evaluate first"
            )
    return found


def _is_of(predictions: Predictions, folds: Mapping[str, FoldRecord]) -> bool:
    run = predictions.run
    return isinstance(run, FoldScoringRecord) and (
        run.fold in folds and not folds[run.fold].differing(run.fold_record)
    )


def _compare(tested: Sequence[_Scored], classified: Sequence[_Scored]) -> tuple[Difference, ...]:
    return tuple(
        difference
        for one in tested
        for other in classified
        if other.result.protocol == one.result.protocol
        for difference in compare_pairs(
            (one.result.title, other.result.title), one.pairs, other.pairs
        )
    )


def _compare_sources(
    opened: OpenRelease, metadata: Metadata, settings: ShortcutSettings
) -> tuple[SourceClassifier, ...]:
    placed = place_videos(opened.release.videos, split_by=settings.split_by)
    train, test = (
        [video for video, at in placed.items() if video.label is Label.REAL and at is split]
        for split in (Split.TRAIN, Split.TEST)
    )
    return compare_real_sources(train, test, metadata, seed=settings.seed)


def _measure_sources(scored: Sequence[_Scored]) -> tuple[SourceScores, ...]:
    return tuple(
        scores for one in scored for scores in measure_sources(one.result, one.folds, one.folder)
    )


def _require_detectors(runs: Sequence[str | Path]) -> None:
    """Refuse to render videos that no detector can score, before hours are spent.

    Raises:
        SettingsError: No run is named.
        DetectorError: A run folder holds no detector.
    """
    if not runs:
        raise SettingsError("videos rendered alike need a detector: name its run folder (--run)")
    for run in runs:
        find_run_folders(run)


def _control(
    folds: Sequence[Fold],
    opened: OpenRelease,
    tested: Sequence[_Scored],
    out: str | Path | None,
    settings: ShortcutSettings,
) -> ControlledReport:
    """Score the detectors of the runs on the test videos rendered alike, beside ``out``."""
    place = Path(out or DEFAULT_OUT).expanduser()
    place = place.with_name(f"{place.name}-controlled")  # no folder of released videos holds it
    controlled = lay_out_controlled(folds, opened, place / "release", settings)
    rating = make_evaluate_settings(settings, n_bootstrap=settings.n_bootstrap, seed=settings.seed)
    runs: dict[Path, list[Result]] = {}
    for one in tested:
        runs.setdefault(one.folder or place, []).append(one.result)
    compared = [
        evaluate_controlled(
            run, results, controlled.opened, out=place / f"{at}-{run.name}", settings=rating
        )
        for at, (run, results) in enumerate(runs.items(), 1)
    ]
    crops = [compare_crops(results, controlled, settings) for results in runs.values()]
    return ControlledReport(
        render=RENDER,
        rendered=len(controlled.pairs),
        failed=controlled.failed,
        cells=tuple(cell for cells, _ in compared for cell in cells),
        folds=tuple(fold for _, folds in compared for fold in folds),
        crops=tuple(crop for crop in crops if crop is not None),
    )


def _save(report: ShortcutReport, classified: Sequence[_Scored], out: Path) -> None:
    """Write predictions and results as an evaluation does, a run folder for each classifier.

    Raises:
        THBError: Another process is writing to a folder.
        OSError: A file cannot be written.
    """
    names: list[str] = []
    for scored in classified:
        home = out / str(scored.kind)
        for fold in scored.folds:
            assert isinstance(fold.run, FoldScoringRecord)  # noqa: S101 — we made them
            with claim_folders([home / fold.run.fold]):
                write_predictions(home / fold.run.fold / PREDICTIONS_FILE, fold)
        file = result_file_name(scored.result)
        scored.result.save(home / file)
        names.append(file.removeprefix("result-").removesuffix(".json"))
    report.save(out / f"shortcuts-{'-'.join(dict.fromkeys(names))}.json")
