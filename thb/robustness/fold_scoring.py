"""Metadata-only classifiers on one fold: trained on its training videos, scored on its test."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from thb.prediction.predictions import Prediction, Predictions, Status
from thb.robustness.classifiers import KINDS, TITLES, Kind, TrainedClassifier, train_classifier
from thb.robustness.features import find_area, make_table, measure_features
from thb.robustness.real_sources import SOURCES
from thb.robustness.report import FoldShortcuts, SourceClassifier
from thb.runs.provenance import FoldScoringRecord, ScoredDetector
from thb.runs.record import ClassCounts, describe_fold
from thb.runtime.environment import package_versions
from thb_dataset.errors import ReleaseError
from thb_dataset.protocols import Fold
from thb_dataset.records import Label, Video
from thb_dataset.release.scan import Release
from thb_dataset.video.values import VideoMetadata

if TYPE_CHECKING:
    import pandas as pd

Metadata = Mapping[str, VideoMetadata | str]
"""The metadata of videos by ``video_id``, or why a video has none; absent if its file is."""

MISSING: Final = "its file is missing"
_GROUPS: Final = ("fake", "real")
_DECIMALS_OF_A_DIGEST: Final = 6


def train_on_fold(
    fold: Fold, metadata: Metadata, *, seed: int = 0
) -> tuple[TrainedClassifier, ...]:
    """Train every kind of classifier on the training videos of a fold.

    Args:
        fold: The fold.
        metadata: The metadata of the release's videos.
        seed: The random seed.

    Raises:
        ReleaseError: No real or no fake training video has metadata.
        ModuleNotFoundError: scikit-learn is not installed.
    """
    table, known = _tabulate(fold.train, metadata)
    labels = [int(video.label) for video in known]
    for label in Label:
        if label not in labels:
            raise ReleaseError(
                f"{fold.name} has no {label.name.lower()} training video whose metadata can be"
                " read: name the folder of the real videos (--real-root), or look at the release"
                " with thb data verify"
            )
    return tuple(train_classifier(kind, table, labels, seed=seed) for kind in KINDS)


def score_test_set(
    fold: Fold, classifier: TrainedClassifier, metadata: Metadata, release: Release
) -> Predictions:
    """Score the test videos of a fold; one without metadata gets a row with the reason.

    Args:
        fold: The fold.
        classifier: The classifier, trained on the fold's training videos.
        metadata: The metadata of the release's videos.
        release: The release that the fold belongs to.
    """
    parts = {"test": fold.test, "extra": fold.extra}
    placed = [(video, part) for part, videos in parts.items() for video in videos]
    table, known = _tabulate((video for video, _ in placed), metadata)
    ids = [video.video_id for video in known]
    scores = dict(zip(ids, classifier.score(table).tolist(), strict=True))
    rows = [_make_row(video, part, scores, metadata) for video, part in placed]
    return Predictions(
        rows=tuple(sorted(rows, key=lambda row: row.video_id)),
        run=_describe(fold, classifier, release),
    )


def _make_row(
    video: Video, part: str, scores: Mapping[str, float], metadata: Metadata
) -> Prediction:
    reason = metadata.get(video.video_id, MISSING)
    score, status = scores.get(video.video_id), Status.OK
    if score is None:
        status = Status.ERROR if video.video_id in metadata else Status.MISSING
    return Prediction.of_video(
        video,
        split=part,
        status=status,
        reason=reason if isinstance(reason, str) else None,
        score=score,
    )


def _describe(fold: Fold, classifier: TrainedClassifier, release: Release) -> FoldScoringRecord:
    kind, described = classifier.kind, describe_fold(fold, release)
    weights = [
        (weight.feature, round(weight.value, _DECIMALS_OF_A_DIGEST))
        for weight in sorted(classifier.weights, key=lambda weight: weight.feature)
    ]
    return FoldScoringRecord(
        **vars(described),
        detector=ScoredDetector(
            name=TITLES[kind],
            class_path=f"{TrainedClassifier.__module__}:{TrainedClassifier.__qualname__}",
            model_type=f"metadata_{kind}",
            weights_sha256=hashlib.sha256(json.dumps(weights).encode()).hexdigest(),
            training_data=f"the metadata of the training videos of {fold.name}",
            metadata_only=True,
        ),
        versions={**package_versions(), "scikit-learn": version("scikit-learn")},
        trained_on=described,
        name=TITLES[kind],
    )


def examine_fold(
    fold: Fold, classifiers: Sequence[TrainedClassifier], metadata: Metadata
) -> FoldShortcuts:
    """Return what each feature tells on a fold's test videos, and what the classifiers rest on."""
    table, known = _tabulate(fold.test, metadata)
    trained = Counter(video.label for video in _tabulate(fold.train, metadata)[1])
    unread = {video.video_id: metadata.get(video.video_id, MISSING) for video in fold.train}
    return FoldShortcuts(
        fold=fold.name,
        trained_on=ClassCounts(fake=trained[Label.FAKE], real=trained[Label.REAL]),
        unread={name: reason for name, reason in unread.items() if isinstance(reason, str)},
        features=measure_features(table, [int(video.label) for video in known], _GROUPS),
        weights={classifier.kind: classifier.weights for classifier in classifiers},
    )


def compare_real_sources(
    train: Sequence[Video], test: Sequence[Video], metadata: Metadata, *, seed: int = 0
) -> tuple[SourceClassifier, ...]:
    """Tell the datasets of real videos apart by their metadata, with every kind of classifier.

    Args:
        train: The real videos to train on.
        test: The real videos to test on.
        metadata: The metadata of the release's videos.
        seed: The random seed.
    """
    return tuple(_tell_apart(kind, train, test, metadata, seed) for kind in KINDS)


def _tell_apart(
    kind: Kind, train: Sequence[Video], test: Sequence[Video], metadata: Metadata, seed: int
) -> SourceClassifier:
    table, known = _tabulate(train, metadata)
    marks = [int(video.real_dataset == SOURCES[0]) for video in known]
    counts = {SOURCES[0]: sum(marks), SOURCES[1]: len(marks) - sum(marks)}
    if not all(counts.values()):
        return SourceClassifier(kind=kind, trained_on=counts, area=None)
    classifier = train_classifier(kind, table, marks, seed=seed)
    tested, reals = _tabulate(test, metadata)
    return SourceClassifier(
        kind=kind,
        trained_on=counts,
        area=find_area(
            TITLES[kind],
            [int(video.real_dataset == SOURCES[0]) for video in reals],
            classifier.score(tested),
            SOURCES,
        ),
        weights=classifier.weights,
    )


def _tabulate(
    videos: Iterable[Video], metadata: Metadata
) -> tuple[pd.DataFrame, tuple[Video, ...]]:
    """Return the features of the videos that have metadata, and these videos in the same order."""
    known = {video.video_id: video for video in videos}
    facts = {
        name: found
        for name in known
        if isinstance(found := metadata.get(name, MISSING), VideoMetadata)
    }
    table = make_table(facts)
    return table, tuple(known[name] for name in table.index)
