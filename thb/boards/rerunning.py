"""Run a submission again: score random test videos with its weights, and compare the logits."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from thb.boards.rerun_records import (
    DifferingVideo,
    RerunRecord,
    probability_of_finding,
    write_rerun,
)
from thb.boards.submissions import SUBMISSION_FILE, Submission, read_submission
from thb.prediction.inference import Outcome, PredictSettings, ScoringPrecision, score_files
from thb.prediction.predict import load_fold_detector
from thb.prediction.predictions import Prediction, Status, read_predictions
from thb.releases.files import fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.runs.folds import FoldChoice, FoldDetector, build_all_folds, find_fold_detectors
from thb.runs.provenance import FoldScoringRecord, describe_face_pack, hash_weights
from thb.runs.record import ReleaseRecord
from thb.runtime.environment import package_versions
from thb.runtime.processes import make_accelerator
from thb_dataset.errors import ResultError
from thb_dataset.files import digest_file
from thb_dataset.hub.errors import explained_hub_errors
from thb_dataset.protocols import Fold
from thb_dataset.records import Video

if TYPE_CHECKING:
    import torch

ALTERED_SHARE: Final = 0.05
"""The share of altered rows of which the probability to find one is printed."""

_WEIGHTS: Final = ("*.json", "*.safetensors", "*.py")
_PRECISIONS: Final[Mapping[str, ScoringPrecision]] = {
    "float32": "fp32",
    "bfloat16": "bf16",
    "float16": "fp16",
}


@dataclass(frozen=True, kw_only=True)
class RerunSettings:
    """How a submission is run again.

    Attributes:
        n: The number of rows that are drawn, over all folds.
        seed: The random seed of the draw; None draws one, so that nobody knows it before.
        tolerance: The largest difference of a logit that counts as none: machines and versions of
            decoders round differently.
        trust_remote_code: Run Python code that the model repo brings.
        scoring: How the videos are scored.
    """

    n: int = 60
    seed: int | None = None
    tolerance: float = 0.01
    trust_remote_code: bool = False
    scoring: PredictSettings = field(default_factory=PredictSettings)


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """A row that was drawn, the video that it is of, and the fold that tested it."""

    row: Prediction
    video: Video
    fold: Fold


def rerun_submission(
    submission: str | Path,
    *,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    detector: str | Path | None = None,
    settings: RerunSettings | None = None,
) -> RerunRecord:
    """Score random test videos of a submission again, and write ``rerun.json`` into its folder.

    The rows are drawn from those whose video is at hand; fakes of a Hub release are downloaded.

    Args:
        submission: The folder of a submission that ``thb board check`` accepts.
        release: The release that it was tested on.
        real_root: The folder of the real videos.
        detector: A local folder with its weights, one detector or one for each fold; None for the
            model repo at the submitted commit.
        settings: How to run it again; None for the defaults.

    Raises:
        ResultError: The submission cannot be read, or was tested on another release, or no video
            of it is at hand.
        ReleaseError: The release or the model repo cannot be read.
        DetectorError: The weights cannot be loaded, or were trained for another fold.

    Examples:
        >>> record = thb.rerun_submission(  # doctest: +SKIP
        ...     "results/lab__middle/0000000000000000000000000000000000000003", real_root="reals"
        ... )
    """
    settings = settings or RerunSettings()
    given = read_submission(submission)
    opened = open_release(release, real_root=real_root, progress=settings.scoring.progress)
    rows = _list_rows(given, opened)
    at_hand = _find_at_hand(rows, opened)
    if not at_hand:
        raise ResultError(
            f"no video of {given.folder.name} is at hand: name the release and the folder of the"
            " real videos (--release, --real-root)"
        )
    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    order = np.random.default_rng(seed).permutation(len(at_hand))
    drawn = [at_hand[at] for at in order[: settings.n]]
    place = detector if detector is not None else _fetch_weights(given)
    comparison = _score_again(given, drawn, place, opened, settings)
    record = RerunRecord(
        model=given.record.model,
        revision=given.record.revision,
        submission_sha256=digest_file(given.folder / SUBMISSION_FILE),
        source="the model repo" if detector is None else "a local folder",
        seed=seed,
        population=len(at_hand),
        compared=comparison.compared,
        not_compared=comparison.not_compared,
        tolerance=settings.tolerance,
        largest_difference=comparison.largest,
        altered_share=ALTERED_SHARE,
        probability=_find_probability(len(at_hand), comparison.compared),
        other_weights=tuple(comparison.other_weights),
        differing=tuple(comparison.differing),
        versions=package_versions(),
    )
    write_rerun(given.folder, record)
    return record


def _find_probability(population: int, compared: int) -> float:
    altered = max(1, round(ALTERED_SHARE * population))
    return round(probability_of_finding(population, altered, compared), 6)


def _list_rows(given: Submission, opened: OpenRelease) -> list[_Drawn]:
    """Return all rows whose video had a file when it was submitted, in the order of their ids."""
    identity = ReleaseRecord.of(opened.release).identity
    rows = []
    for fold in build_all_folds(opened, given.record.protocols, fold=None, split_by="release"):
        predictions = read_predictions(given.predictions[fold.name])
        run = predictions.run
        if not isinstance(run, FoldScoringRecord) or run.release.identity != identity:
            raise ResultError(
                f"{fold.name} was not tested on {ReleaseRecord.of(opened.release)}: name the"
                " release that the submission was tested on (--release)"
            )
        if run.imported is not None or run.detector.metadata_only:
            raise ResultError(
                f"{fold.name} holds scores of other software or of metadata: there are no weights"
                " that could score again"
            )
        videos = {video.video_id: video for video in (*fold.test, *fold.extra)}
        rows += [
            _Drawn(row=row, video=videos[row.video_id], fold=fold)
            for row in predictions
            if row.status is not Status.MISSING and row.video_id in videos
        ]
    return rows


def _find_at_hand(rows: Sequence[_Drawn], opened: OpenRelease) -> list[_Drawn]:
    """Return the rows whose video is on this disk, or can be downloaded."""
    videos = {drawn.video.video_id: drawn.video for drawn in rows}
    here = fetch_files(opened, list(videos.values()), download=False).videos
    from_hub = opened.release.hub_repo is not None
    return [
        drawn
        for drawn in rows
        if drawn.video.video_id in here or (from_hub and drawn.video.generator is not None)
    ]


def _fetch_weights(given: Submission) -> Path:
    """Download the model repo at the submitted commit, and nothing but weights and settings."""
    from huggingface_hub import snapshot_download

    record = given.record
    with explained_hub_errors(record.model, record.revision, repo_type="model"):
        return Path(
            snapshot_download(record.model, revision=record.revision, allow_patterns=list(_WEIGHTS))
        )


@dataclass(kw_only=True)
class _Comparison:
    """What came of the comparison of the drawn rows."""

    compared: int = 0
    largest: float | None = None
    not_compared: dict[str, str] = field(default_factory=dict)
    other_weights: list[str] = field(default_factory=list)
    differing: list[DifferingVideo] = field(default_factory=list)


def _score_again(
    given: Submission,
    drawn: Sequence[_Drawn],
    place: str | Path,
    opened: OpenRelease,
    settings: RerunSettings,
) -> _Comparison:
    folds = {one.fold.name: one.fold for one in drawn}
    detectors = find_fold_detectors(place, list(folds.values()))
    device = make_accelerator().device
    runs = {fold: run for result in given.results.values() for fold, run in result.runs.items()}
    comparison = _Comparison()
    for found in detectors:
        own = [one for one in drawn if one.fold.name == found.fold.name]
        run = runs[found.fold.name]
        outcomes, is_other = _score_fold(run, found, own, opened, settings, device)
        if is_other:
            comparison.other_weights.append(found.fold.name)
        for one in own:
            _compare(one, outcomes.get(one.video.video_id), comparison, settings.tolerance)
    return comparison


def _score_fold(
    run: FoldScoringRecord,
    found: FoldDetector,
    drawn: Collection[_Drawn],
    opened: OpenRelease,
    settings: RerunSettings,
    device: torch.device,
) -> tuple[dict[str, Outcome], bool]:
    """Return the outcome of each drawn video, and whether the weights are not the submitted ones.

    The videos are scored with the face pack and the precision that the submission names.
    """
    pack = describe_face_pack(settings.scoring.face_pack)
    if run.face_pack is not None and run.face_pack.sha256s != pack.sha256s:
        raise ResultError(
            f"{run.fold} was scored with the face pack {run.face_pack.name}, not with {pack.name}:"
            " name it (--face-pack)"
        )
    model = load_fold_detector(found, FoldChoice(trust_remote_code=settings.trust_remote_code))
    is_other = run.detector.weights_sha256 not in (None, hash_weights(model))
    spec = model.config.clip_spec
    videos = [one.video for one in drawn]
    files = fetch_files(opened, videos, sound=spec.listens, progress=settings.scoring.progress)
    precision = _PRECISIONS.get(run.precision, settings.scoring.precision)
    scoring = replace(settings.scoring, description=run.fold, precision=precision)
    names = [video.video_id for video in videos if video.video_id in files.videos]
    outcomes = score_files(
        model,
        {name: files.videos[name] for name in names},
        settings=scoring,
        device=device,
        sounds=files.sounds,
    )
    return dict(outcomes), is_other


def _compare(
    drawn: _Drawn, outcome: Outcome | None, comparison: _Comparison, tolerance: float
) -> None:
    row = drawn.row
    if outcome is None:
        comparison.not_compared[f"{drawn.fold.name} {row.video_id}"] = "its file is not here"
        return
    comparison.compared += 1
    differences = list(_list_differences(row, outcome))
    if differences:
        comparison.largest = max([*differences, comparison.largest or 0.0])
    is_same = row.status == outcome.status and len(row.clip_logits) == len(outcome.clip_logits)
    if not is_same or max(differences, default=0.0) > tolerance:
        comparison.differing.append(
            DifferingVideo(
                fold=drawn.fold.name,
                video_id=row.video_id,
                submitted=_describe(row.status, row.clip_logits),
                found=_describe(outcome.status, outcome.clip_logits),
            )
        )


def _list_differences(row: Prediction, outcome: Outcome) -> Iterator[float]:
    if len(row.clip_logits) == len(outcome.clip_logits):
        for one, other in zip(row.clip_logits, outcome.clip_logits, strict=True):
            yield abs(one - other)


def _describe(status: Status, logits: Sequence[float]) -> str:
    shown = ", ".join(f"{logit:.4f}" for logit in logits[:4])
    rest = f" and {len(logits) - 4} more" if len(logits) > 4 else ""
    return f"logits {shown}{rest}" if status is Status.OK else f"no score ({status})"
