"""Import scores of other software: they become predictions like any others, and are marked."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from metrics.talking_head_detection.roc import RocCurve, roc_curve
from thb.exchange.score_files import GivenScore, ScoreFile, read_score_file
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.runs.folders import PREDICTIONS_FILE, claim_folders
from thb.runs.folds import build_all_folds
from thb.runs.provenance import (
    IMPORTED_KIND,
    FoldScoringRecord,
    ImportRecord,
    ScoredDetector,
)
from thb.runs.record import ClassCounts, describe_fold
from thb.runtime.environment import package_versions
from thb.runtime.records import to_json
from thb.runtime.text import escape
from thb_dataset.errors import ResultError
from thb_dataset.files import VIDEO_SUFFIXES
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import HeldOut, Label, Video
from thb_dataset.wording import shorten_list

if TYPE_CHECKING:
    from thb_dataset.release.scan import Release

Polarity = Literal["fake-high", "real-high"]
_SHOWN: Final = 5
_CERTAIN: Final = 1.96
"""The deviations below one half from which an AUC is no chance, at the level of 95 %."""


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """How the scores of other software are read.

    Attributes:
        polarity: What a high score means, ``fake-high`` or ``real-high``; it is never guessed.
        logits: Whether the scores are logits, of which the sigmoid is the probability.
        name: What the detector is called in tables; None for the name of the file.
        split_by: The reading of the release's splits, ``release`` or ``driver``.
        overwrite: Replace predictions that are there.

    Examples:
        >>> settings = thb.ImportSettings(polarity="real-high", name="theirs")
        >>> settings.logits
        False
    """

    polarity: Polarity
    logits: bool = False
    name: str | None = None
    split_by: str = "release"
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class ImportedFold:
    """What became of the scores on one fold.

    Attributes:
        file: The file ``predictions.parquet`` that was written.
        predictions: Its rows, one for each test video of the fold.
        scored: The numbers of its videos with a score.
        expected: The numbers of all its videos.
        missing: The ids of the videos without a score.
        elsewhere: The number of scores of videos that the fold does not test.
        auc: The area under the ROC curve over all its videos.
        warnings: What is suspicious, a sentence each.
    """

    file: Path
    predictions: Predictions
    scored: ClassCounts
    expected: ClassCounts
    missing: tuple[str, ...]
    elsewhere: int
    auc: float
    warnings: tuple[str, ...]

    @property
    def fold(self) -> str:
        """The name of the fold."""
        run = self.predictions.run
        return run.fold if isinstance(run, FoldScoringRecord) else ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "fold": self.fold,
            "file": str(self.file),
            "scored": to_json(self.scored),
            "expected": to_json(self.expected),
            "missing": list(self.missing),
            "elsewhere": self.elsewhere,
            "auc": self.auc,
            "warnings": list(self.warnings),
            "run": to_json(self.predictions.run),
        }


def import_scores(
    scores: str | Path,
    *,
    protocol: Protocol | str,
    out: str | Path,
    settings: ImportSettings,
    fold: HeldOut | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
) -> tuple[ImportedFold, ...]:
    """Turn a file of scores into predictions of a protocol's folds.

    The labels are those of the release. A video of the fold that the file does not name gets a row
    of status ``missing``. All folds are checked before the first is written.

    Args:
        scores: CSV with the columns ``video_id`` and ``score``, and perhaps ``label``, which must
            then agree with the release; or the workbench's ``<name>.scores.csv``.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        out: The run folder; ``<fold>/predictions.parquet`` is written into it.
        settings: How the scores are read.
        fold: Only the fold that holds this generator, or family, out; None for all folds.
        release: A folder, a Hub id, ``"mini"``, or a release that is already open. Its videos are
            not needed.

    Raises:
        ResultError: The file cannot be read, names a video twice or one that the release does not
            have, holds a score that is no probability, or has no fake or no real video of a fold;
            or predictions are there already.
        ReleaseError: The release cannot be read.
        ProtocolError: The folds cannot be built.

    Examples:
        >>> from thb.exchange.importing import ImportSettings
        >>> (fold,) = thb.import_scores(
        ...     "scores.csv", protocol="p1", out="runs/theirs", release="release",
        ...     settings=ImportSettings(polarity="fake-high"),
        ... )
        >>> fold.auc, fold.missing
        (1.0, ())
    """
    file = read_score_file(scores)
    _check_format(file, settings)
    opened = open_release(release)
    _check_videos(file, opened.release)
    folds = build_all_folds(opened, [protocol], fold=fold, split_by=settings.split_by)
    folder = Path(out).expanduser()
    places = [folder / each.name / PREDICTIONS_FILE for each in folds]
    taken = [str(place) for place in places if place.exists()]
    if taken and not settings.overwrite:
        raise ResultError(f"{', '.join(taken)} is there already: pass another --out or --overwrite")
    done = [
        _import_fold(file, each, opened.release, place, settings)
        for each, place in zip(folds, places, strict=True)
    ]
    with claim_folders(place.parent for place in places):
        for each in done:
            write_predictions(each.file, each.predictions)
    return tuple(done)


def _check_format(file: ScoreFile, settings: ImportSettings) -> None:
    if file.format == "workbench" and (settings.polarity != "fake-high" or settings.logits):
        raise ResultError(
            f"{file.path}: scores of the workbench are P(fake), that is fake-high and no logits"
        )
    outside = [row for row in file.rows if row.value is not None and not 0 <= row.value <= 1]
    if outside and not settings.logits:
        named = [f"{escape(row.video_id)} {row.value:g} (line {row.line})" for row in outside]
        raise ResultError(
            f"{file.path}: {len(outside)} scores are not within [0, 1]: "
            f"{shorten_list(named, _SHOWN)}; pass --logits if they are logits"
        )


def _check_videos(file: ScoreFile, release: Release) -> None:
    """Refuse videos that the release does not have, and labels that it contradicts.

    Raises:
        ResultError: There are such lines; the message names them.
    """
    videos = {video.video_id: video for video in release.videos}
    unknown = [row.video_id for row in file.rows if row.video_id not in videos]
    if unknown:
        raise ResultError(
            f"{file.path}: {len(unknown)} videos are not in the release {release.name}: "
            f"{shorten_list([escape(name) for name in unknown], _SHOWN)}"
            f"{_suggest(unknown, videos)}"
        )
    wrong = [
        f"{row.video_id} (line {row.line})"
        for row in file.rows
        if row.label is not None and row.label != videos[row.video_id].label
    ]
    if wrong:
        raise ResultError(
            f"{file.path}: {len(wrong)} labels are not those of the release (1 is fake): "
            f"{shorten_list(wrong, _SHOWN)}"
        )


def _suggest(unknown: Sequence[str], known: Collection[str]) -> str:
    """Return what an unknown video is called in the release, if its name alone tells."""
    by_stem: dict[str, list[str]] = {}
    for name in known:
        by_stem.setdefault(name.rpartition("/")[2], []).append(name)
    for name in unknown:
        stem = name.replace("\\", "/").rpartition("/")[2]
        ending = Path(stem).suffix.lower()
        stem = stem[: -len(ending)] if ending in VIDEO_SUFFIXES else stem
        if len(found := by_stem.get(stem, [])) == 1:
            return f"; {escape(name)} is perhaps {found[0]}, whose video_id is written like that"
    return ""


def _import_fold(
    file: ScoreFile, fold: Fold, release: Release, place: Path, settings: ImportSettings
) -> ImportedFold:
    given = {row.video_id: row for row in file.rows}
    parts = {"test": fold.test, "extra": fold.extra}
    tested = [(part, video) for part, videos in parts.items() for video in videos]
    rows = [_make_row(file, video, part, given, settings) for part, video in tested]
    scored = [row for row in rows if row.score is not None]
    counts = _count([row for row in scored if row.split == "test"])
    if not counts.fake or not counts.real:
        raise ResultError(
            f"{file.path} has scores of {counts.fake} fake and {counts.real} real test videos of"
            f" {fold.name}, and both are needed: name the fold that it holds (--fold)"
        )
    values = [0.0 if row.score is None else row.score for row in scored]
    curve = roc_curve([int(row.label or 0) for row in scored], values)
    return ImportedFold(
        file=place,
        predictions=Predictions(
            rows=tuple(sorted(rows, key=lambda row: row.video_id)),
            run=_describe(file, fold, release, settings),
        ),
        scored=_count(scored),
        expected=_count(rows),
        missing=tuple(sorted(row.video_id for row in rows if row.score is None)),
        elsewhere=len(set(given) - {video.video_id for _, video in tested}),
        auc=curve.area,
        warnings=tuple(_warn(fold.name, curve, scored, given, settings)),
    )


def _make_row(
    file: ScoreFile,
    video: Video,
    part: str,
    given: Mapping[str, GivenScore],
    settings: ImportSettings,
) -> Prediction:
    found = given.get(video.video_id)
    if found is None or found.value is None:
        reason = f"no score in {file.path.name}"
        return Prediction.of_video(video, split=part, status=Status.MISSING, reason=reason)
    is_turned = settings.polarity == "real-high"
    if not settings.logits:
        score = 1 - found.value if is_turned else found.value
        return Prediction.of_video(video, split=part, status=Status.OK, score=score)
    logit = -found.value if is_turned else found.value
    return Prediction.of_video(
        video, split=part, status=Status.OK, score=_sigmoid(logit), clip_logits=(logit,)
    )


def _sigmoid(logit: float) -> float:
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    power = math.exp(logit)
    return power / (1 + power)


def _count(rows: Sequence[Prediction]) -> ClassCounts:
    fakes = sum(row.label == Label.FAKE for row in rows)
    return ClassCounts(fake=fakes, real=len(rows) - fakes)


def _describe(
    file: ScoreFile, fold: Fold, release: Release, settings: ImportSettings
) -> FoldScoringRecord:
    name = settings.name or file.path.name.removesuffix(".csv").removesuffix(".scores")
    return FoldScoringRecord(
        **vars(describe_fold(fold, release)),
        detector=ScoredDetector(name=name, model_type=IMPORTED_KIND),
        precision="unknown",
        versions=package_versions(),
        name=name,
        imported=ImportRecord(
            file=file.path.name,
            sha256=file.sha256,
            format=file.format,
            polarity=settings.polarity,
            scale="logit" if settings.logits else "probability",
            origin=file.origin,
        ),
    )


def _warn(
    fold: str,
    curve: RocCurve,
    scored: Sequence[Prediction],
    given: Mapping[str, GivenScore],
    settings: ImportSettings,
) -> list[str]:
    warnings = []
    if curve.area < 0.5:
        other = "fake-high" if settings.polarity == "real-high" else "real-high"
        # Mann and Whitney's test: the AUC of scores that know nothing has this deviation.
        n_real, n_fake = curve.n_real, curve.n_fake
        deviation = math.sqrt((n_real + n_fake + 1) / (12 * n_real * n_fake))
        is_certain = 0.5 - curve.area > _CERTAIN * deviation
        warnings.append(
            f"{fold}: THE AUC IS {curve.area:.3f}, BELOW ONE HALF. Real videos score higher than"
            f" fakes{'' if is_certain else ', which may be chance'}; the polarity"
            f" {'is probably' if is_certain else 'may be'} {other}. Nothing was turned: check it."
        )
    before = len({given[row.video_id].value for row in scored})
    lost = before - len({row.score for row in scored})
    if lost:
        warnings.append(
            f"{fold}: {lost} scores became equal to others when they were turned into P(fake),"
            " because numbers near 1 have few digits; this may change T1 and T0.1"
        )
    return warnings
