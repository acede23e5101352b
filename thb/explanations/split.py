"""A whole split explained: one row per video, and where a detector looks, right and wrong apart."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.registry import load_detector
from thb.explanations.explain import ExplainSettings, explain_files
from thb.explanations.explanation import Explanation
from thb.explanations.face_regions import measure_regions
from thb.explanations.faithfulness import measure_faithfulness
from thb.explanations.video_rows import ExplainedVideo, write_explanations
from thb.prediction.inference import describe_failure
from thb.prediction.predictions import Status
from thb.prediction.verdicts import find_rule
from thb.releases.files import VideoFiles, fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease
from thb.runs.folders import default_out
from thb.runs.folds import FoldChoice, FoldDetector, open_folds
from thb.runs.provenance import ExplainingRecord, describe_scoring
from thb.runs.record import describe_fold
from thb.runtime.records import to_json
from thb_dataset.errors import ReleaseError, VideoError
from thb_dataset.files import write_whole
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import Generator, Video

if TYPE_CHECKING:
    from rich.console import Console

    from detectors.base import Detector
    from thb.explanations.look_table import LookCell

EXPLANATIONS_FILE = "explanations.parquet"
OVERLAYS_FOLDER = "explanations"


@dataclass(frozen=True, kw_only=True)
class SplitExplainSettings(FoldChoice):
    """How a split is explained.

    Attributes:
        explaining: How each video is.
        limit: Videos per generator, and real ones, at most; those chosen lie evenly in the order
            of their ids, the first and the last of them included. None for all.
        steps: Steps of the deletion and insertion curves; 0 for none, which is some forty times
            as quick.
        overlays: Also write each video's overlay, sheet and map, into ``<fold>/explanations/``.
        seed: Of the curves' random order.
    """

    explaining: ExplainSettings = field(default_factory=ExplainSettings)
    limit: int | None = None
    steps: int = 10
    overlays: bool = False
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class SplitExplanation:
    """What explaining the folds of a protocol gave.

    Attributes:
        rows: One per fold and video, sorted by both.
        runs: What explained each fold, by the fold's name.
        rules: When an answer counts as right, in words, by the fold's name.
        files: What was written.
    """

    rows: tuple[ExplainedVideo, ...]
    runs: Mapping[str, ExplainingRecord]
    rules: Mapping[str, str]
    files: tuple[Path, ...] = ()

    @property
    def cells(self) -> tuple[LookCell, ...]:
        """The table: one cell per detector, protocol, generator, and right or wrong."""
        from thb.explanations.look_table import make_cells

        return make_cells(self.rows)

    def notes(self) -> tuple[str, ...]:
        """What a reader of the table must know: the rules, and the videos that are not in it."""
        from thb.explanations.look_table import make_notes

        return make_notes(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the table, the runs and the notes as JSON's own types."""
        from dataclasses import asdict

        return {
            "cells": [{**asdict(cell), "ratio": cell.ratio} for cell in self.cells],
            "runs": {name: to_json(run) for name, run in self.runs.items()},
            "rules": dict(self.rules),
            "notes": list(self.notes()),
        }

    def to_markdown(self) -> str:
        """Return the table and its notes in Markdown."""
        from thb.explanations.look_table import markdown_table

        return markdown_table(self)

    def print(self, console: Console) -> None:
        """Print the table and its notes; what is wider than the console is printed in full."""
        from thb.explanations.look_table import print_table

        print_table(self, console)


def explain_split(
    detector: str | Path,
    *,
    protocol: Protocol | str,
    fold: Generator | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path | None = None,
    settings: SplitExplainSettings | None = None,
) -> SplitExplanation:
    """Explain the test and the extra videos of every fold of a protocol, and measure the reasons.

    For each fold ``<fold>/explanations.parquet`` is written once it is complete; at the end
    ``explanations-<protocol>.md`` and ``.json`` (``-<fold>`` where one fold is asked for). No
    explanation is kept after its row is made.

    Args:
        detector: A run folder with a detector per fold, or one detector for all folds: its folder,
            a Hub id, or ``module:Class``.
        protocol: ``p1``, ``p2`` or ``p3``.
        fold: Only the fold that holds this generator out.
        release: A folder, ``"mini"``, a Hub id, or a release that is open already.
        real_root: Folder of the real videos.
        out: Folder; None for the run folder itself.
        settings: How to go about it.

    Raises:
        ReleaseError: The release cannot be read, no video is at hand, or ``limit`` is below one.
        ProtocolError: The folds cannot be built.
        DetectorError: There is no detector for a fold, it was trained for another one, it cannot
            be explained, or Grad-CAM is not installed.
        OSError: A file cannot be written.
    """
    settings = settings or SplitExplainSettings()
    opened, found = open_folds(
        detector,
        [protocol],
        fold=fold,
        release=release,
        real_root=real_root,
        choice=settings,
        progress=settings.explaining.progress,
    )
    folder = default_out(detector) if out is None else Path(out).expanduser()
    rows, runs, rules, files = [], {}, {}, []
    for one in found:
        explained, run = _explain_fold(one, opened, folder / one.fold.name, settings)
        rule = find_rule(
            one.reference,
            ((row.label, row.score) for row in explained),
            weights_sha256=run.detector.weights_sha256,
        )
        judged = [replace(row, verdict=rule.judge(row.label, row.score)) for row in explained]
        runs[one.fold.name] = replace(run, verdicts=str(rule))
        rules[one.fold.name] = str(rule)
        file = folder / one.fold.name / EXPLANATIONS_FILE
        write_explanations(file, judged, runs[one.fold.name])
        files.append(file)
        rows += judged
    done = SplitExplanation(rows=tuple(rows), runs=runs, rules=rules)
    name = next(iter(runs)) if len(runs) == 1 else Protocol(protocol).value
    return replace(done, files=(*files, *_write_tables(done, folder / f"explanations-{name}")))


def _write_tables(done: SplitExplanation, stem: Path) -> tuple[Path, Path]:
    table, record = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.json")
    with write_whole(table) as draft:
        draft.write_text(done.to_markdown(), encoding="utf-8")
    with write_whole(record) as draft:
        text = json.dumps(done.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        draft.write_text(text + "\n", encoding="utf-8")
    return table, record


def choose_evenly(videos: Sequence[Video], limit: int | None) -> tuple[Video, ...]:
    """Choose videos of each generator, and real ones, evenly in the order of their ids.

    Args:
        videos: To choose from.
        limit: Of each kind at most; the first and the last are among two or more. None for all.

    Raises:
        ReleaseError: The limit is below one.
    """
    if limit is None:
        return tuple(videos)
    if limit < 1:
        raise ReleaseError(f"limit={limit}: one video of each generator is the least")
    kinds: dict[Generator | None, list[Video]] = defaultdict(list)
    for video in sorted(videos, key=lambda video: video.video_id):
        kinds[video.generator].append(video)
    chosen = []
    for kind in kinds.values():
        places = np.linspace(0, len(kind) - 1, min(limit, len(kind))).round().astype(int)
        chosen += [kind[place] for place in places]
    return tuple(sorted(chosen, key=lambda video: video.video_id))


def _explain_fold(
    one: FoldDetector, opened: OpenRelease, folder: Path, settings: SplitExplainSettings
) -> tuple[list[ExplainedVideo], ExplainingRecord]:
    """Return the rows of one fold, without verdicts, and the record of the run."""
    fold = one.fold
    model = load_detector(one.reference, trust_remote_code=settings.trust_remote_code)
    videos = choose_evenly((*fold.test, *fold.extra), settings.limit)
    extra = {video.video_id for video in fold.extra}
    files = fetch_files(
        opened,
        videos,
        sound=model.config.clip_spec.listens,
        progress=settings.explaining.progress,
    )
    if not files.videos:
        raise ReleaseError(
            f"none of the {len(videos)} videos of {fold.name} is at hand: download the release,"
            " and name the folder of the real videos with --real-root"
        )
    run = ExplainingRecord(
        **vars(describe_fold(fold, opened.release)),
        **vars(describe_scoring(model, face_pack=settings.explaining.face_pack)),
        trained_on=one.trained_on,
        target=settings.explaining.target,
        limit=settings.limit,
        steps=settings.steps,
        seed=settings.seed,
    )
    known = {video.video_id: video for video in videos}
    pictures = folder / OVERLAYS_FOLDER if settings.overlays else None
    rows = [
        replace(
            _describe(known[name], fold, model), split="extra" if name in extra else "test", **m
        )
        for name, m in _measure_each(model, known, files, pictures, settings)
    ]
    return sorted(rows, key=lambda row: row.video_id), run


def _describe(video: Video, fold: Fold, model: Detector) -> ExplainedVideo:
    """Return the row of a video of which nothing is known but what the release says."""
    return ExplainedVideo(
        video_id=video.video_id,
        detector=model.config.model_type,
        protocol=fold.protocol.value,
        fold=fold.name,
        label=int(video.label),
        generator=video.generator.value if video.generator else None,
        status=Status.MISSING,
    )


def _measure_each(
    model: Detector,
    known: Mapping[str, Video],
    files: VideoFiles,
    pictures: Path | None,
    settings: SplitExplainSettings,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what was measured of each video, one after the other, and save its pictures."""
    paths = {name: files.videos.get(name) for name in known}
    for name, found in explain_files(
        model, paths, settings=settings.explaining, sounds=files.sounds
    ):
        if not isinstance(found, Explanation):
            yield name, _tell_failure(found, paths[name])
            continue
        if pictures is not None:
            found.save_all(pictures / f"{name}.mp4")
        yield name, _measure(model, found, settings)


def _tell_failure(found: VideoError | None, path: Path | None) -> dict[str, Any]:
    outcome = describe_failure(found, path)
    return {"status": outcome.status, "reason": outcome.reason}


def _measure(model: Detector, found: Explanation, settings: SplitExplainSettings) -> dict[str, Any]:
    measured: dict[str, Any] = {"status": Status.OK, "score": found.score}
    shares = measure_regions(found)
    if shares is None:
        measured["reason"] = "no face can be followed, so its regions are unknown"
    else:
        measured |= {"energy": shares.energy, "area": shares.area, "against": shares.against}
        if shares.energy is None:
            measured["reason"] = f"nothing speaks for {found.target}"
    if settings.steps:
        curves = measure_faithfulness(
            model,
            found,
            steps=settings.steps,
            batch_size=settings.explaining.batch_size,
            seed=settings.seed,
        )
        measured |= {
            "deletion": curves.heat.deletion_auc,
            "deletion_control": curves.control.deletion_auc,
            "insertion": curves.heat.insertion_auc,
            "insertion_control": curves.control.insertion_auc,
        }
    return measured
