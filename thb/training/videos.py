"""The videos of the folds that are trained on, found and cut into clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from accelerate import Accelerator

from thb.preprocessing.clips import Made
from thb.releases.files import fetch_files
from thb.releases.opening import OpenRelease
from thb.runtime.console import say
from thb.training.data import make_training_clips, require_both_classes
from thb.training.settings import TrainOptions, TrainSettings
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError
from thb_dataset.protocols import Fold
from thb_dataset.records import Label, Video
from thb_dataset.release.media import explain_missing_reals


@dataclass(frozen=True, kw_only=True)
class FoldClips:
    """The clips of each video, or why there are none, by its id.

    Attributes:
        train: To be drawn from; there may be more of them than scoring takes.
        validation: Those that scoring takes.
    """

    train: Mapping[str, Made]
    validation: Mapping[str, Made]


def make_fold_clips(
    folds: Sequence[Fold],
    clip: ClipSpec,
    opened: OpenRelease,
    settings: TrainSettings,
    options: TrainOptions,
    accelerator: Accelerator,
) -> FoldClips:
    """Make the clips of all videos that the folds train and validate on, and say what is missing.

    Args:
        folds: To be trained.
        clip: The clips that the detector wants.
        opened: The release that the folds are of.
        settings: Say how many clips are kept of a training video.
        options: Say where crops are kept and who finds faces.
        accelerator: Knows the processes.

    Raises:
        ReleaseError: A fold is left with one class only.
        OSError: The store cannot be written.
        FacePackError: The face pack is missing or altered.
    """
    train = {video.video_id: video for one in folds for video in one.train}
    validation = {video.video_id: video for one in folds for video in one.validation}
    videos = {**train, **validation}
    files = fetch_files(
        opened, tuple(videos.values()), sound=clip.listens, progress=options.progress
    )
    paths = files.videos
    missing = _tell_absent(videos, paths, opened, accelerator)

    def make(ids: Iterable[str], spec: ClipSpec) -> dict[str, Made]:
        there = {one: paths[one] for one in ids if one in paths}
        return make_training_clips(there, spec, options, accelerator, sounds=files.sounds)

    wider = widen(clip, settings)
    if wider == clip:
        both = make(videos, clip)
        made = FoldClips(train=both, validation=both)
    else:
        made = FoldClips(train=make(train, wider), validation=make(validation, clip))
    for one in folds:
        require_both_classes(one, made.train, hint=missing)
    return made


def widen(clip: ClipSpec, settings: TrainSettings) -> ClipSpec:
    """Return the clips that are kept of a training video.

    Clips that are spread uniformly over a video can lie in one place only: more of them would be
    other clips, not other starts. Crops that are aligned anew at every step are kept wider.

    Raises:
        DetectorError: Crops are to be aligned anew that are not aligned.
    """
    if settings.clips_cut is not None and clip.sampling != "uniform":
        clip = replace(clip, clips=settings.clips_cut)
    for one in settings.augmentations:
        if one.name == "align":
            if clip.crop != "aligned" or clip.template != "caddm":
                raise DetectorError("the augmentation 'align' is for crops aligned as CADDM's are")
            reach = one.settings["reach"]
            clip = replace(clip, margin=clip.margin * reach, size=round(clip.size * reach))
    return clip


def _tell_absent(
    videos: Mapping[str, Video],
    paths: Mapping[str, Path],
    opened: OpenRelease,
    accelerator: Accelerator,
) -> str:
    """Say which files are not at hand; return what to do about real videos, empty if none lack."""
    absent = [video for video_id, video in videos.items() if video_id not in paths]
    reals = [video for video in absent if video.label is Label.REAL]
    missing = explain_missing_reals(reals, opened.real_root) if reals else ""
    if accelerator.is_main_process:
        if missing:
            say(f"warning: {missing}")
        if len(absent) > len(reals):
            say(f"warning: {len(absent) - len(reals)} fakes of the release are not in its folder")
    return missing
