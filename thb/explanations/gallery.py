"""Galleries: the best hits, the worst misses and the worst false alarms of a detector, with heat.

They show what Figs. 4 to 8 of the paper show, but the videos are picked by rules that stand on the
sheet, so that nobody chooses the pictures. The picks come from saved scores, and only the picked
videos are explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb.explanations.alarm import Alarm
from thb.explanations.explain import ExplainSettings, explain_files
from thb.explanations.explanation import Explanation
from thb.explanations.gallery_sheet import CROPS, GallerySheet, Shown, draw_crops
from thb.explanations.picks import Pick, PickCounts, Scored, describe_counts, pick_videos
from thb.explanations.split import EXPLANATIONS_FILE
from thb.explanations.video_rows import read_explanations
from thb.prediction.inference import describe_failure
from thb.prediction.predict import load_fold_detector
from thb.prediction.predictions import read_predictions
from thb.prediction.verdicts import find_rule
from thb.releases.files import fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease
from thb.runs.folders import PREDICTIONS_FILE, default_out
from thb.runs.folds import FoldChoice, FoldDetector, list_names, open_folds
from thb.runs.provenance import Mark, ScoringRecord, hash_weights
from thb.runs.record import FoldRecord, describe_fold
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole
from thb_dataset.protocols import Protocol
from thb_dataset.records import HeldOut

if TYPE_CHECKING:
    from PIL import Image

    from detectors.base import Detector


@dataclass(frozen=True, kw_only=True)
class GallerySettings(FoldChoice):
    """What a gallery shows.

    Attributes:
        explaining: How the picked videos are explained.
        counts: How many videos of each kind are picked.
        scores: The folder that holds ``<fold>/predictions.parquet`` or, failing that,
            ``<fold>/explanations.parquet``; None for the folder that ``thb evaluate`` writes to.
    """

    explaining: ExplainSettings = field(default_factory=ExplainSettings)
    counts: PickCounts = field(default_factory=PickCounts)
    scores: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A gallery that was written.

    Attributes:
        path: The PNG file of the sheet.
        picks: The picks on the sheet, in the same order.
        rules: How the picks were made, as the sheet says it.
    """

    path: Path
    picks: tuple[Pick, ...]
    rules: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        picks = [asdict(pick) for pick in self.picks]
        return {"file": str(self.path), "picks": picks, "rules": list(self.rules)}


def make_gallery(
    run: str | Path,
    *,
    protocol: Protocol | str,
    fold: HeldOut | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path,
    settings: GallerySettings | None = None,
) -> Gallery:
    """Pick videos of every fold of a protocol by rule, explain them, and draw them on one sheet.

    Args:
        run: A detector that was evaluated, or explained over a split: a run folder or a Hub id.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        fold: Only the fold that holds out this generator or family.
        release: The release that the detector was evaluated on.
        real_root: The folder of the real videos.
        out: The PNG file.
        settings: What the gallery shows.

    Raises:
        ResultError: There are no scores for a fold, or they are those of other weights, another
            fold or another release.
        ReleaseError: The release cannot be read.
        ProtocolError: The folds cannot be built.
        DetectorError: There is no detector for a fold, or it cannot be explained.
        OSError: The sheet cannot be written.

    Examples:
        >>> gallery = thb.make_gallery(
        ...     "runs/baseline", protocol="p3", fold="hallo", release="release", real_root="reals",
        ...     out="gallery.png",
        ... )
        >>> gallery.path, len(gallery.picks) > 0
        (PosixPath('gallery.png'), True)
    """
    settings = settings or GallerySettings()
    opened, fold_detectors = open_folds(
        run,
        [protocol],
        fold=fold,
        release=release,
        real_root=real_root,
        choice=settings,
        progress=settings.explaining.progress,
    )
    scores = settings.scores or default_out(run, list_names(fold_detectors))
    picks: list[Pick] = []
    rules = [describe_counts(settings.counts)]
    sheet = GallerySheet(settings.explaining.target)
    for fold_detector in fold_detectors:
        reference, name = fold_detector.reference, fold_detector.fold.name
        model = load_fold_detector(fold_detector, settings)
        weights = hash_weights(model)
        rows, marks = _read_scores(scores / name, fold_detector, weights, opened)
        answers = ((row.label, row.score) for row in rows)
        rule = find_rule(reference, answers, weights_sha256=weights)
        rules += [f"{name}: {rule}.", *(f"{mark.symbol} {name}: {mark.sentence}" for mark in marks)]
        picked = pick_videos(rows, name, rule, settings.counts)
        shown, alarms = _explain_picks(picked, fold_detector, model, opened, settings.explaining)
        picks += [pick for pick, _ in shown]
        sheet.add_fold(name, _name_layer(model, settings.explaining), alarms, shown)
    path = Path(out).expanduser()
    with write_whole(path) as draft:
        sheet.draw(rules, synthetic=opened.release.synthetic).save(draft, format="PNG")
    return Gallery(path=path, picks=tuple(picks), rules=tuple(rules))


def _name_layer(model: Detector, settings: ExplainSettings) -> str:
    return f"{model.config.model_type}, layer {settings.layer or model.cam_layer}"


def _read_scores(
    folder: Path, fold_detector: FoldDetector, weights: str, opened: OpenRelease
) -> tuple[Sequence[Scored], tuple[Mark, ...]]:
    """Read the scores of a fold and their marks; they must be this detector's on this release."""
    rows: Sequence[Scored]
    run: ScoringRecord
    path = folder / PREDICTIONS_FILE
    if path.is_file():
        found = read_predictions(path)
        rows, run = found.rows, found.run
    elif (path := folder / EXPLANATIONS_FILE).is_file():
        rows, run = read_explanations(path)
    else:
        raise ResultError(
            f"{folder} holds neither {PREDICTIONS_FILE} nor {EXPLANATIONS_FILE}: evaluate the"
            " detector first (thb evaluate), or explain the whole split"
        )
    wanted = describe_fold(fold_detector.fold, opened.release)
    other = wanted.differing(run) if isinstance(run, FoldRecord) else ["fold"]
    if run.detector.weights_sha256 != weights:
        other.append("weights")
    if other:
        raise ResultError(
            f"{path} holds scores of another run: {', '.join(other)} differ; evaluate this detector"
            " on this release first, with --overwrite if it was evaluated before"
        )
    return rows, run.marks


def _explain_picks(
    picks: Sequence[Pick],
    fold_detector: FoldDetector,
    model: Detector,
    opened: OpenRelease,
    settings: ExplainSettings,
) -> tuple[list[Shown], list[Alarm]]:
    """Explain the picked videos one after the other, and keep nothing of them but drawings."""
    fold = fold_detector.fold
    wanted = {pick.video_id for pick in picks}
    videos = [video for video in (*fold.test, *fold.extra) if video.video_id in wanted]
    files = fetch_files(
        opened, videos, sound=model.config.clip_spec.listens, progress=settings.progress
    )
    paths = {video.video_id: files.videos.get(video.video_id) for video in videos}
    drawn: dict[str, Image.Image] = {}
    problems: dict[str, str | None] = {}
    alarms = []
    for name, found in explain_files(model, paths, settings=settings, sounds=files.sounds):
        if isinstance(found, Explanation):
            drawn[name] = draw_crops(found.paint_crops(CROPS))
            alarms.append(found.alarm)
        else:
            problems[name] = describe_failure(found, paths[name]).reason
    shown = [
        (
            replace(pick, problem=pick.problem or problems.get(pick.video_id or "")),
            drawn.get(pick.video_id or ""),
        )
        for pick in picks
    ]
    return shown, alarms
