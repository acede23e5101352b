"""A detector on the test set as released and rendered alike, side by side.

Rendered alike, fake and real videos have one frame rate, size, encoder and quality, no sound and
no tags. What a detector loses there was, at least in part, not in the face. A detector that listens
gets no sound, and so no score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from thb.evaluation.cells import Measure
from thb.evaluation.evaluate import EvaluateSettings, evaluate_protocols
from thb.evaluation.result import Result
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import Prediction, read_predictions
from thb.preprocessing.rendering import render_all
from thb.preprocessing.settings import Preparation
from thb.releases.opening import OpenRelease
from thb.releases.test_sets import fetch_test_sets
from thb.robustness.crop_shift import CropShift, measure_crop_shift
from thb.runs.folders import PREDICTIONS_FILE
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import Label, Video
from thb_dataset.video.values import Render

RENDER: Final = Render()
"""25 frames per second, 512 x 512, x264 at CRF 23."""


@dataclass(frozen=True, kw_only=True)
class ControlledCell:
    """A detector on one generator's fakes and the real test videos, as released and rendered alike.

    Attributes:
        detector: What the detector is called in tables.
        fold: The name of the fold.
        generator: The generator of the fakes; ``mean`` for the mean over those of the protocol.
        released: The measures as released, by metric.
        controlled: The measures on the videos rendered alike.
    """

    detector: str
    fold: str
    generator: str
    released: Mapping[str, Measure]
    controlled: Mapping[str, Measure]


@dataclass(frozen=True, kw_only=True)
class ControlledFold:
    """What rendering alike changes on a fold beside the measures.

    Attributes:
        detector: What the detector is called in tables.
        fold: The name of the fold.
        threshold: T1's threshold on the videos as released, over all fakes of the fold; None if it
            calls no video fake.
        false_alarms: The real videos rendered alike that reach that threshold.
        n_real: The real videos rendered alike that have a score.
        changed: The videos whose status, number of faces or number of clips is another one, and
            how: the face clip then differs by more than its pixels.
    """

    detector: str
    fold: str
    threshold: float | None
    false_alarms: int
    n_real: int
    changed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ControlledReport:
    """Detectors on test sets rendered alike.

    Attributes:
        render: How the videos were rendered.
        rendered: The number of videos that were rendered.
        failed: Why other videos could not be rendered, by ``video_id``.
        cells: The measures side by side.
        folds: What else changes on each fold.
        crops: How far the face crops of each detector move.
    """

    render: Render
    rendered: int
    failed: Mapping[str, str]
    cells: tuple[ControlledCell, ...]
    folds: tuple[ControlledFold, ...]
    crops: tuple[CropShift, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ControlledRelease:
    """Test videos rendered alike, laid out as a release.

    Attributes:
        opened: The release.
        pairs: The file as released and the rendered one, by ``video_id``.
        failed: Why other videos could not be rendered, by ``video_id``.
    """

    opened: OpenRelease
    pairs: Mapping[str, tuple[Path, Path]]
    failed: Mapping[str, str]


def lay_out_controlled(
    folds: Sequence[Fold], opened: OpenRelease, out: Path, preparation: Preparation
) -> ControlledRelease:
    """Render the test videos of folds alike, and lay them out as a release.

    Args:
        folds: The folds.
        opened: The release that they belong to.
        out: The folder that gets ``hub/`` and ``reals/`` with links into the cache; older links in
            it are removed.
        preparation: The limits of a video, the number of threads, and whether bars are shown.

    Raises:
        ReleaseError: No real test video or no fake is there.
        OSError: A folder cannot be written.
    """
    files = fetch_test_sets(folds, opened, progress=preparation.progress)
    rendered = render_all(files.videos, RENDER, preparation)
    videos = {video.video_id: video for fold in folds for video in (*fold.test, *fold.extra)}
    for link in [path for path in out.rglob("*") if path.is_symlink()]:
        link.unlink()
    reals = out / "reals"
    reals.mkdir(parents=True, exist_ok=True)
    for name, file in rendered.items():
        if isinstance(file, Path):
            _link(videos[name], file.resolve(), out)
    release = replace(
        opened.release,
        root=out / "hub",
        name=f"{opened.release.name} rendered alike",
        hub_repo=None,  # nothing is downloaded into this folder
    )
    return ControlledRelease(
        opened=OpenRelease(release=release, real_root=reals),
        pairs={
            name: (files.videos[name], file)
            for name, file in rendered.items()
            if isinstance(file, Path)
        },
        failed={name: reason for name, reason in rendered.items() if isinstance(reason, str)},
    )


def _link(video: Video, file: Path, out: Path) -> None:
    place = out / ("hub" if video.label is Label.FAKE else "reals") / video.path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(file)


def evaluate_controlled(
    run: Path,
    released: Sequence[Result],
    controlled: OpenRelease,
    *,
    out: Path,
    settings: EvaluateSettings,
) -> tuple[tuple[ControlledCell, ...], tuple[ControlledFold, ...]]:
    """Score the detectors of a run on the videos rendered alike, and compare with its own results.

    Args:
        run: The run folder, with a detector for each fold and its predictions as released.
        released: The run's results as released, one for each protocol.
        controlled: The release rendered alike.
        out: Where the predictions and results on it are written.
        settings: How to evaluate.

    Raises:
        DetectorError: A fold has no detector in the run folder.
    """
    cells: list[ControlledCell] = []
    folds: list[ControlledFold] = []
    for before in released:
        naming = replace(
            settings, name=f"{before.title} (rendered alike)", split_by=before.split_by
        )
        for held_out in _choose_folds(before):
            (after,) = evaluate_protocols(
                run,
                protocols=[before.protocol],
                fold=held_out,
                release=controlled,
                out=out,
                settings=naming,
            )
            cells += _pair_cells(before, after)
            folds += (_compare_fold(before, fold, run, out) for fold in after.runs)
    return tuple(cells), tuple(folds)


def _choose_folds(result: Result) -> list[str | None]:
    """Return the folds to evaluate: all at once if the result has all, or else one by one."""
    held_out = [record.held_out for record in result.runs.values()]
    return [None] if len(held_out) == len(Protocol(result.protocol).held_out) else held_out


def _pair_cells(before: Result, after: Result) -> Iterator[ControlledCell]:
    """Yield the measures side by side, and their mean where both have the same folds."""
    known = {(cell.fold, cell.generator): cell.measures for cell in after.cells}
    for cell in before.cells:
        if cell.fold in after.runs:
            yield ControlledCell(
                detector=before.title,
                fold=cell.fold,
                generator=cell.generator,
                released=cell.measures,
                controlled=known.get((cell.fold, cell.generator), {}),
            )
    if before.mean and before.runs.keys() == after.runs.keys():
        yield ControlledCell(
            detector=before.title,
            fold=before.protocol,
            generator="mean",
            released=before.mean,
            controlled=after.mean,
        )


def _compare_fold(before: Result, fold: str, run: Path, out: Path) -> ControlledFold:
    old, new = (
        {row.video_id: row for row in read_predictions(folder / fold / PREDICTIONS_FILE).rows}
        for folder in (run, out)
    )
    threshold = before.thresholds[fold]["t1"]
    reals = [row.score for row in new.values() if row.label == 0 and row.score is not None]
    return ControlledFold(
        detector=before.title,
        fold=fold,
        threshold=threshold,
        false_alarms=sum(threshold is not None and score >= threshold for score in reals),
        n_real=len(reals),
        changed={
            name: change
            for name in sorted(old.keys() & new.keys())
            if (change := _tell_change(old[name], new[name]))
        },
    )


def _tell_change(old: Prediction, new: Prediction) -> str:
    """Return how two rows of a video differ beside the score; empty if they do not."""
    pairs = {
        "status": (old.status.value, new.status.value),
        "faces": (old.faces, new.faces),
        "clips": (old.clips, new.clips),
    }
    return ", ".join(f"{name} {one} → {two}" for name, (one, two) in pairs.items() if one != two)


def compare_crops(
    released: Sequence[Result], controlled: ControlledRelease, preparation: Preparation
) -> CropShift | None:
    """Return how far the crops of a run's detectors move; None if they take no clips of faces.

    Args:
        released: The run's results as released, whose records name the clips.
        controlled: The videos rendered alike.
        preparation: The face pack, the folder in which crops are kept, and the number of threads.
    """
    specs = [run.clip_spec for result in released for run in result.runs.values() if run.clip_spec]
    if not specs:
        return None
    return measure_crop_shift(
        released[0].title, specs[0], controlled.pairs, RENDER.side, preparation
    )


def make_evaluate_settings(
    preparation: Preparation, *, n_bootstrap: int, seed: int
) -> EvaluateSettings:
    """Return the settings with which videos rendered alike are scored."""
    shared = {name: getattr(preparation, name) for name in Preparation.__dataclass_fields__}
    return EvaluateSettings(n_bootstrap=n_bootstrap, seed=seed, scoring=PredictSettings(**shared))
