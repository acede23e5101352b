"""Transitions explained: what the detectors of both protocols looked at, on one sheet per video."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from thb.explanations.contact_sheet import COLUMNS, GAP, NARROWEST, LayerRow, draw_layers
from thb.explanations.explain import ExplainSettings, explain_files
from thb.explanations.explanation import Explanation
from thb.explanations.heat import PaintedCrop
from thb.explanations.lettering import SYNTHETIC, find_font, wrap_lines
from thb.prediction.inference import describe_failure
from thb.prediction.predict import load_fold_detector
from thb.prediction.predictions import Predictions
from thb.releases.files import fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.reports.run_transitions import RunTransitions, read_protocol
from thb.reports.transitions import Transition, sort_folds
from thb.runs.folds import FoldChoice, FoldDetector, build_all_folds, find_fold_detectors
from thb.runs.provenance import FoldScoringRecord, hash_weights
from thb.runs.record import describe_fold
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    from PIL import Image

_FACTS_SIZE: Final = 14
"""The size of the letters in which :func:`draw_layers` writes facts."""


@dataclass(frozen=True, kw_only=True)
class SheetSettings:
    """How transitions are explained.

    Attributes:
        limit: How many videos are explained, the steepest falls first.
        explaining: How a video is explained.
        trust_remote_code: Run Python code from a detector's folder.
    """

    limit: int = 5
    explaining: ExplainSettings = field(default_factory=ExplainSettings)
    trust_remote_code: bool = False


@dataclass(frozen=True, kw_only=True)
class TransitionSheet:
    """The sheet of one video.

    Attributes:
        video_id: The video.
        file: The PNG; None where there is none.
        problem: Why there is none.
    """

    video_id: str
    file: Path | None = None
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"file": None if self.file is None else str(self.file)}


@dataclass(frozen=True, kw_only=True)
class _Half:
    """What one detector has to say of one video, and nothing of the video itself."""

    verdict: str
    row: LayerRow
    colours: tuple[str, str]
    zero: str
    is_zero: bool


def explain_transitions(
    found: RunTransitions,
    run: str | Path,
    run_after: str | Path | None = None,
    *,
    out: str | Path,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    settings: SheetSettings | None = None,
) -> tuple[TransitionSheet, ...]:
    """Explain the steepest falls: the heat of both detectors on the same frames, a sheet a video.

    Args:
        found: The transitions of the run.
        run: The run folder, which holds the first protocol's detector and predictions.
        run_after: The run folder of the second protocol; None for the same.
        out: The folder of the sheets; created if it does not exist.
        release: The release that was scored.
        real_root: The folder of the real videos, if the release needs it to be read.
        settings: How the transitions are explained.

    Raises:
        ResultError: The detectors, or the release, are not those that gave the predictions.
        ReleaseError: The release cannot be read.
        DetectorError: A detector is missing or cannot be explained.
        OSError: A sheet cannot be written.
    """
    settings = settings or SheetSettings()
    videos = found.transitions.videos[: settings.limit]
    if not videos:
        return ()
    opened = open_release(release, real_root=real_root, progress=settings.explaining.progress)
    sides = ((run, found.transitions.before), (run_after or run, found.transitions.after))
    halves = [
        _explain_protocol(folder, protocol, videos, opened, settings) for folder, protocol in sides
    ]
    folder, warned = Path(out).expanduser(), [SYNTHETIC] if opened.release.synthetic else []
    sheets = []
    for number, video in enumerate(videos, 1):
        own = [half[video.video_id] for half in halves]
        problems = [half for half in own if isinstance(half, str)]
        file = None
        if not problems:
            slug = re.sub(r"[^\w.-]+", "-", video.video_id, flags=re.ASCII).strip("-.")[:100]
            file = folder / f"{number:02d}-{slug}.png"
            with write_whole(file) as draft:
                _draw(video, [half for half in own if isinstance(half, _Half)], warned).save(
                    draft, format="PNG"
                )
        problem = problems[0] if problems else None
        sheets.append(TransitionSheet(video_id=video.video_id, file=file, problem=problem))
    return tuple(sheets)


def _explain_protocol(
    run: str | Path,
    protocol: str,
    videos: Sequence[Transition],
    opened: OpenRelease,
    settings: SheetSettings,
) -> dict[str, _Half | str]:
    """Return what a protocol's detectors say of each video, or why they say nothing."""
    choice = FoldChoice(trust_remote_code=settings.trust_remote_code)
    explaining = settings.explaining
    wanted = {video.video_id for video in videos}
    halves: dict[str, _Half | str] = {}
    folds = sort_folds(read_protocol(run, protocol).folds)
    owners = {
        row.video_id: place
        for place, predictions in enumerate(folds)
        for row in predictions.rows
        if row.split == "test"
    }
    for place, predictions in enumerate(folds):
        scored = predictions.run
        own = {name for name in wanted if owners.get(name) == place}
        if not own or not isinstance(scored, FoldScoringRecord):
            continue
        (fold,) = build_all_folds(
            opened, [protocol], fold=scored.held_out, split_by=scored.split_by
        )
        (detector,) = find_fold_detectors(run, [fold], allow_mismatch=True)
        model = load_fold_detector(detector, choice)
        _check_same(predictions, detector, hash_weights(model), opened)
        listed = [video for video in fold.test if video.video_id in own]
        files = fetch_files(
            opened, listed, sound=model.config.clip_spec.listens, progress=explaining.progress
        )
        paths = {video.video_id: files.videos.get(video.video_id) for video in listed}
        for name, made in explain_files(model, paths, settings=explaining, sounds=files.sounds):
            if isinstance(made, Explanation):
                halves[name] = _keep(made, scored)
            else:
                halves[name] = str(describe_failure(made, paths[name]).reason)
    return {name: "the release does not hold it" for name in wanted} | halves


def _check_same(
    predictions: Predictions, found: FoldDetector, weights: str, opened: OpenRelease
) -> None:
    """Refuse a detector or a release that did not give the scores.

    Raises:
        ResultError: One of them is another.
    """
    run = predictions.run
    assert isinstance(run, FoldScoringRecord)  # noqa: S101 — the caller has looked
    other = describe_fold(found.fold, opened.release).differing(run)
    if run.detector.weights_sha256 != weights:
        other.append("weights")
    if other:
        raise ResultError(
            f"the scores of {run.fold} are those of another run: {', '.join(other)} differ; name"
            " the release that was scored (--release), and evaluate the detector again if it was"
            " trained anew"
        )


def _keep(found: Explanation, run: FoldScoringRecord) -> _Half:
    crops = [_drop_scores(crop) for crop in found.paint_crops(COLUMNS)]
    marks = "".join(f" {mark.symbol}" for mark in run.marks)
    return _Half(
        verdict=f"{run.fold}{marks}: {found.call.sentence}",
        row=LayerRow(facts=f"{run.fold}{marks}: {found.shown}", crops=crops),
        colours=found.alarm.name_colours(found.target),
        zero=found.alarm.explain_zero(),
        is_zero=found.alarm.is_zero,
    )


def _drop_scores(crop: PaintedCrop) -> PaintedCrop:
    """Return a crop with its time alone: one caption stands above the heat of two detectors."""
    return replace(crop, caption=crop.caption.partition("   ")[0])


def _draw(video: Transition, halves: Sequence[_Half], warned: Sequence[str]) -> Image.Image:
    least = min(halves, key=lambda half: half.is_zero)  # what holds for the least holds for both
    fall = f"P(fake) fell from {video.before:.3f} to {video.after:.3f}."
    lines = [*warned, fall, *(half.verdict for half in halves)]
    font = find_font(_FACTS_SIZE)
    return draw_layers(
        [half.row for half in halves],
        title=video.video_id,
        facts=[part for line in lines for part in wrap_lines(line, NARROWEST - 2 * GAP, font)],
        colours=least.colours,
        zero=f"{least.zero} Each row has a scale of its own.",
    )
