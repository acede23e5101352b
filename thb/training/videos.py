"""The videos that folds train and validate on, found and cut into clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerate import Accelerator

from thb.preprocessing.clips import ClipResult
from thb.releases.files import VideoFiles, fetch_files
from thb.releases.opening import OpenRelease
from thb.runtime.console import say
from thb.training.cutting import widen
from thb.training.data import make_training_clips, require_both_classes
from thb.training.features import FrozenFeatures
from thb.training.renditions import (
    MadeRenditions,
    gather_renditions,
    plan_renditions,
    tell_source,
)
from thb.training.settings import TrainOptions, TrainSettings
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import ReleaseError
from thb_dataset.protocols import Fold
from thb_dataset.records import Label, Video
from thb_dataset.release.media import explain_missing_fakes, explain_missing_reals

if TYPE_CHECKING:
    from thb.preprocessing.image_autoencoder import ImageAutoencoder


@dataclass(frozen=True, kw_only=True)
class FoldClips:
    """The clips of videos, or the reason why a video has none, by ``video_id``.

    Attributes:
        train: The clips that samples are drawn from; they may be more or wider than scoring's.
        validation: The clips that scoring takes.
        features: What frozen layers made of them, which all folds share.
        new: The new videos made of the training's, if the recipe asks for them; ``train`` then
            holds the clips of these.
    """

    train: Mapping[str, ClipResult]
    validation: Mapping[str, ClipResult]
    features: FrozenFeatures
    new: MadeRenditions | None = None


def require_real_files(folds: Iterable[Fold], opened: OpenRelease) -> None:
    """Refuse folds without a real video on this machine, before anything is downloaded or searched.

    Args:
        folds: The folds to train.
        opened: The release that the folds belong to, and the folder of its real videos.

    Raises:
        ReleaseError: A fold has no file of a real training video; the message says what to do.
    """
    for fold in folds:
        reals = [video for video in fold.train if video.label is Label.REAL]
        files = fetch_files(opened, reals, download=False)
        if not files.videos:
            advice = explain_missing_reals(reals, opened.real_root, faults=files.faults)
            named = " (--real-root names their folder)" if opened.real_root is None else ""
            raise ReleaseError(f"{fold.name} has no real video to train on: {advice}{named}")


def make_fold_clips(
    folds: Sequence[Fold],
    clip: ClipSpec,
    opened: OpenRelease,
    settings: TrainSettings,
    options: TrainOptions,
    accelerator: Accelerator,
    autoencoder: ImageAutoencoder | None = None,
) -> FoldClips:
    """Make the clips of all videos that the folds train and validate on; warn of missing files.

    Args:
        folds: The folds to train.
        clip: The clips that the detector takes.
        opened: The release that the folds belong to.
        settings: The recipe, which may keep more or wider clips of a training video.
        options: The face pack, the folder in which crops are kept, and the limit of memory.
        accelerator: The processes.
        autoencoder: The image autoencoder of pseudo-fakes, if the recipe asks for it.

    Raises:
        ReleaseError: A fold has no usable training video of a class.
        OSError: The store cannot be written.
        FacePackError: The face pack is missing or altered.
    """
    train = {video.video_id: video for fold in folds for video in fold.train}
    validation = {video.video_id: video for fold in folds for video in fold.validation}
    videos = {**train, **validation}
    files = fetch_files(
        opened, tuple(videos.values()), sound=clip.listens, progress=options.progress
    )
    paths = files.videos
    missing = _warn_of_missing(videos, files, opened, accelerator)

    def make(ids: Iterable[str], spec: ClipSpec) -> dict[str, ClipResult]:
        found = {video_id: paths[video_id] for video_id in ids if video_id in paths}
        return make_training_clips(found, spec, options, accelerator, sounds=files.sounds)

    features = FrozenFeatures(memory_bytes=options.memory_bytes, progress=options.progress)
    wider = widen(clip, settings)
    if settings.reencodings:
        found = [video for name, video in train.items() if name in paths]
        plan = plan_renditions(found, settings, autoencoder)
        sources = {name: paths[tell_source(name)] for name in plan}
        results = make_training_clips(sources, wider, options, accelerator, renditions=plan)
        new = gather_renditions([video.video_id for video in found], results, settings)
        made = FoldClips(
            train=new.clips, validation=make(validation, clip), features=features, new=new
        )
    elif wider == clip:
        both = make(videos, clip)
        made = FoldClips(train=both, validation=both, features=features)
    else:
        made = FoldClips(
            train=make(train, wider), validation=make(validation, clip), features=features
        )
    for fold in folds:
        require_both_classes(fold, made.train, hint=missing)
    return made


def _warn_of_missing(
    videos: Mapping[str, Video],
    files: VideoFiles,
    opened: OpenRelease,
    accelerator: Accelerator,
) -> str:
    """Warn of missing files; return the advice about real videos, empty if none is missing."""
    absent = [video for video_id, video in videos.items() if video_id not in files.videos]
    reals = [video for video in absent if video.label is Label.REAL]
    fakes = [video for video in absent if video.label is Label.FAKE]
    advice = ""
    if reals:
        advice = explain_missing_reals(reals, opened.real_root, faults=files.faults)
    if accelerator.is_main_process:
        if advice:
            say(f"warning: {advice}")
        if fakes:
            say(f"warning: {explain_missing_fakes(fakes, files.faults)}")
    return advice
