"""A whole split explained: one row per video, and a table of where the detector looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thb.explanations.explain import ExplainSettings, explain_files
from thb.explanations.explanation import Explanation
from thb.explanations.face_regions import measure_regions
from thb.explanations.faithfulness import measure_faithfulness
from thb.explanations.look_table import (
    LookCell,
    make_cells,
    make_notes,
    markdown_table,
    print_cells,
)
from thb.explanations.video_rows import ExplainedVideo, write_explanations
from thb.prediction.inference import describe_failure
from thb.prediction.predict import load_fold_detector
from thb.prediction.predictions import Status
from thb.prediction.verdicts import find_rule
from thb.releases.files import VideoFiles, fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease
from thb.runs.folders import claim_folders, default_out
from thb.runs.folds import FoldChoice, FoldDetector, list_names, open_folds
from thb.runs.provenance import ExplainingRecord, describe_fold_scoring
from thb.runtime.records import to_json
from thb_dataset.errors import ReleaseError
from thb_dataset.files import write_json, write_whole
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import Generator, HeldOut, Video

if TYPE_CHECKING:
    from rich.console import Console

    from detectors.base import Detector

EXPLANATIONS_FILE: Final = "explanations.parquet"
OVERLAYS_FOLDER: Final = "explanations"


@dataclass(frozen=True, kw_only=True)
class SplitExplainSettings(FoldChoice):
    """How a split is explained.

    Attributes:
        explaining: How each video is explained.
        limit: The most videos of each generator, and the most real ones, spread evenly in the
            order of their ids with the first and the last included. None for all videos.
        steps: The steps of the deletion and insertion curves. 0 measures no curves, which is about
            forty times as fast.
        overlays: Also write each video's overlay, sheet and map into ``<fold>/explanations/``.
        seed: The seed of the random order that the curves are compared with.

    Examples:
        >>> settings = thb.SplitExplainSettings(limit=2, steps=0)
        >>> settings.overlays
        False
    """

    explaining: ExplainSettings = field(default_factory=ExplainSettings)
    limit: int | None = None
    steps: int = 10
    overlays: bool = False
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class SplitExplanation:
    """The explained folds of a protocol.

    Attributes:
        rows: One row per fold and video, sorted by both.
        runs: The record of each fold's run, by the name of the fold.
        rules: When an answer counts as right, in words, by the name of the fold.
        files: The files that were written.
    """

    rows: tuple[ExplainedVideo, ...]
    runs: Mapping[str, ExplainingRecord]
    rules: Mapping[str, str]
    files: tuple[Path, ...] = ()

    @property
    def cells(self) -> tuple[LookCell, ...]:
        """The table: one cell per detector, protocol, generator and verdict."""
        return make_cells(self.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the table must know, and which videos it leaves out, and why."""
        return make_notes(self.rows, self.runs, self.rules)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: the table, the runs, the rules and the notes."""
        return {
            "cells": [{**asdict(cell), "ratio": cell.ratio} for cell in self.cells],
            "runs": {name: to_json(run) for name, run in self.runs.items()},
            "rules": dict(self.rules),
            "notes": list(self.notes),
        }

    def to_markdown(self) -> str:
        """Return the table and its notes in Markdown."""
        return markdown_table(self.cells, self.notes)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def print(self, console: Console) -> None:
        """Print the table, in full even if it is wider than the console, and its notes."""
        print_cells(self.cells, self.notes, console)


def explain_split(
    detector: str | Path,
    *,
    protocol: Protocol | str,
    fold: HeldOut | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path | None = None,
    settings: SplitExplainSettings | None = None,
) -> SplitExplanation:
    """Explain the test and the extra videos of every fold of a protocol, and measure the heat.

    ``<fold>/explanations.parquet`` is written as soon as a fold is complete. At the end
    ``explanations-<protocol>.md`` and ``.json`` are written, or ``explanations-<fold>`` where one
    fold was asked for.

    Args:
        detector: A run folder with a detector per fold, or one detector for all folds: its folder,
            or a Hub id. ``module:Class@`` may stand before either.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``.
        fold: Only the fold that holds out this generator or family.
        release: A folder, ``"mini"``, a Hub id, or a release that is open already.
        real_root: The folder of the real videos.
        out: The folder to write to; None for the run folder itself.
        settings: How the split is explained.

    Raises:
        ReleaseError: The release cannot be read, no video is available, or ``limit`` is below one.
        ProtocolError: The folds cannot be built.
        DetectorError: There is no detector for a fold, it was trained for another fold, it cannot
            be explained, or pytorch-grad-cam is not installed.
        OSError: A file cannot be written.

    Examples:
        >>> from thb.explanations.split import SplitExplainSettings
        >>> found = thb.explain_split(
        ...     "runs/baseline", protocol="p3", fold="hallo", release="release", real_root="reals",
        ...     settings=SplitExplainSettings(limit=1, steps=0),
        ... )
        >>> [path.name for path in found.files]
        ['explanations.parquet', 'explanations-p3-hallo.md', 'explanations-p3-hallo.json']
    """
    settings = settings or SplitExplainSettings()
    opened, fold_detectors = open_folds(
        detector,
        [protocol],
        fold=fold,
        release=release,
        real_root=real_root,
        choice=settings,
        progress=settings.explaining.progress,
    )
    folder = Path(out or default_out(detector, list_names(fold_detectors))).expanduser()
    rows, runs, rules, files = [], {}, {}, []
    with claim_folders(folder / detected.fold.name for detected in fold_detectors):
        for fold_detector in fold_detectors:
            name = fold_detector.fold.name
            explained, run = _explain_fold(fold_detector, opened, folder / name, settings)
            weights = run.detector.weights_sha256
            answers = ((row.label, row.score) for row in explained)
            rule = find_rule(fold_detector.reference, answers, weights_sha256=weights)
            judged = [replace(row, verdict=rule.judge(row.label, row.score)) for row in explained]
            runs[name], rules[name] = replace(run, verdicts=str(rule)), str(rule)
            files.append(folder / name / EXPLANATIONS_FILE)
            write_explanations(files[-1], judged, runs[name])
            rows += judged
    done = SplitExplanation(rows=tuple(rows), runs=runs, rules=rules)
    whole = next(iter(runs)) if len(runs) == 1 else Protocol(protocol).value
    return replace(done, files=(*files, *_write_tables(done, folder / f"explanations-{whole}")))


def _write_tables(done: SplitExplanation, stem: Path) -> tuple[Path, Path]:
    table, record = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    with write_whole(table) as draft:
        draft.write_text(done.to_markdown(), encoding="utf-8")
    write_json(record, done.to_dict())
    return table, record


def choose_evenly(videos: Sequence[Video], limit: int | None) -> tuple[Video, ...]:
    """Choose videos of each generator, and real ones, evenly in the order of their ids.

    Args:
        videos: The videos to choose from.
        limit: The most videos of each kind; from two on the first and the last are among them.
            None for all.

    Raises:
        ReleaseError: The limit is below one.
    """
    if limit is None:
        return tuple(videos)
    if limit < 1:
        raise ReleaseError(f"limit={limit} is below 1: explain one video of each generator or more")
    kinds: dict[Generator | None, list[Video]] = defaultdict(list)
    for video in sorted(videos, key=lambda video: video.video_id):
        kinds[video.generator].append(video)
    chosen = []
    for kind in kinds.values():
        places = np.linspace(0, len(kind) - 1, min(limit, len(kind))).round().astype(int)
        chosen += [kind[place] for place in places]
    return tuple(sorted(chosen, key=lambda video: video.video_id))


def _explain_fold(
    fold_detector: FoldDetector, opened: OpenRelease, folder: Path, settings: SplitExplainSettings
) -> tuple[list[ExplainedVideo], ExplainingRecord]:
    """Return the rows of one fold, without verdicts, and the record of the run."""
    fold = fold_detector.fold
    model = load_fold_detector(fold_detector, settings)
    videos = choose_evenly((*fold.test, *fold.extra), settings.limit)
    files = fetch_files(
        opened,
        videos,
        sound=model.config.clip_spec.listens,
        progress=settings.explaining.progress,
    )
    if not files.videos:
        raise ReleaseError(
            f"none of the {len(videos)} videos of {fold.name} is available: download the release,"
            " and name the folder of the real videos with --real-root"
        )
    scoring = describe_fold_scoring(
        model,
        fold,
        opened.release,
        face_pack=settings.explaining.face_pack,
        trained_on=fold_detector.trained_on,
    )
    run = ExplainingRecord(
        **vars(scoring),
        target=settings.explaining.target,
        limit=settings.limit,
        steps=settings.steps,
        seed=settings.seed,
        layer=settings.explaining.layer or model.cam_layer,
    )
    extra = {video.video_id for video in fold.extra}
    unexplained = [
        _begin_row(video, fold, model, split="extra" if video.video_id in extra else "test")
        for video in videos
    ]
    pictures = folder / OVERLAYS_FOLDER if settings.overlays else None
    rows = _explain_rows(unexplained, model, files, pictures, settings)
    return sorted(rows, key=lambda row: row.video_id), run


def _begin_row(video: Video, fold: Fold, model: Detector, *, split: str) -> ExplainedVideo:
    """Return the row of a video before it is explained: what the release says of it."""
    return ExplainedVideo(
        video_id=video.video_id,
        detector=model.config.model_type,
        protocol=fold.protocol.value,
        fold=fold.name,
        label=int(video.label),
        generator=video.generator.value if video.generator else None,
        split=split,
        status=Status.MISSING,
    )


def _explain_rows(
    unexplained: Sequence[ExplainedVideo],
    model: Detector,
    files: VideoFiles,
    pictures: Path | None,
    settings: SplitExplainSettings,
) -> Iterator[ExplainedVideo]:
    """Explain videos one after the other, and yield the row of each.

    Args:
        unexplained: The rows before their videos are explained.
        model: The detector.
        files: The files of the videos.
        pictures: The folder for overlays, sheets and maps; None to write none.
        settings: How the split is explained.
    """
    rows = {row.video_id: row for row in unexplained}
    paths = {name: files.videos.get(name) for name in rows}
    for name, found in explain_files(
        model, paths, settings=settings.explaining, sounds=files.sounds
    ):
        if isinstance(found, Explanation):
            if pictures is not None:
                found.save_all(pictures / f"{name}.mp4")
            row = _add_shares(rows[name], found)
            yield _add_curves(row, found, model, settings) if settings.steps else row
        else:
            outcome = describe_failure(found, paths[name])
            yield replace(rows[name], status=outcome.status, reason=outcome.reason)


def _add_shares(row: ExplainedVideo, found: Explanation) -> ExplainedVideo:
    """Return the row with the score, and the share of the heat in each region of the face."""
    scored = replace(row, status=Status.OK, score=found.score)
    shares = measure_regions(found)
    if shares is None:
        return replace(scored, reason="no face can be followed, so its regions are unknown")
    nothing = f"nothing speaks for {found.target}"
    return replace(
        scored,
        reason=nothing if shares.energy is None else None,
        energy=shares.energy,
        area=shares.area,
        against=shares.against,
    )


def _add_curves(
    row: ExplainedVideo, found: Explanation, model: Detector, settings: SplitExplainSettings
) -> ExplainedVideo:
    """Return the row with the areas under the deletion and insertion curves."""
    curves = measure_faithfulness(
        model,
        found,
        steps=settings.steps,
        batch_size=settings.explaining.batch_size,
        seed=settings.seed,
    )
    return replace(
        row,
        deletion=curves.heat.deletion_auc,
        deletion_control=curves.control.deletion_auc,
        insertion=curves.heat.insertion_auc,
        insertion_control=curves.control.insertion_auc,
    )
