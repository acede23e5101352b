"""The new videos that a training sees: which are made, of which videos, and what came of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.rendition_settings import RenditionSettings
from thb.preprocessing.clips import ClipResult
from thb.preprocessing.face_warp import FaceWarp
from thb.preprocessing.renditions import Alteration, Encoding, PseudoFake
from thb.runs.record import VideoCounts
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.store import Rendition
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import SettingsError
from thb_dataset.records import Label, Video
from thb_dataset.video.values import Render

if TYPE_CHECKING:
    from accelerate import Accelerator

    from thb.preprocessing.image_autoencoder import ImageAutoencoder


@dataclass(frozen=True, kw_only=True)
class Renditions:
    """The clips of the new videos that were made of one training video.

    Attributes:
        encodings: Those of its random encodings, at least one.
        pseudo_fakes: Those of its pseudo-fakes, by kind: one for each of ``encodings``, encoded in
            the same way.
    """

    encodings: tuple[VideoClips, ...]
    pseudo_fakes: Mapping[str, tuple[VideoClips, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MadeRenditions:
    """What came of the new videos of all training videos.

    Attributes:
        clips: For each training video the clips of its first encoding that has some, or the
            reason why none has.
        renditions: All clips of the videos that have some, by ``video_id``.
        refused: The real videos without a pseudo-fake of a kind: the reason by kind and
            ``video_id``.
    """

    clips: Mapping[str, ClipResult]
    renditions: Mapping[str, Renditions] = field(default_factory=dict)
    refused: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def count(self, counts: VideoCounts, *, used: Collection[str]) -> VideoCounts:
        """Return the counts of the training videos of a fold with those of its pseudo-fakes.

        Args:
            counts: The counts of the videos themselves.
            used: The ids of the videos that the fold uses.
        """
        kinds = Counter(kind for name in used for kind in self.renditions[name].pseudo_fakes)
        refused = {
            kind: {name: reason for name, reason in reasons.items() if name in used}
            for kind, reasons in self.refused.items()
        }
        return replace(counts, pseudo_fakes=dict(kinds), no_pseudo_fake=refused)


def require_no_sound(clip: ClipSpec, settings: RenditionSettings) -> None:
    """Refuse new videos for a detector that listens, because they are without sound.

    Raises:
        SettingsError: The settings ask for new videos, and the clips need sound.
    """
    if settings.reencodings and clip.listens:
        raise SettingsError(
            "training settings: reencodings and pseudo_fakes have no sound, which this detector"
            " needs: leave them out"
        )


def open_autoencoder(
    settings: RenditionSettings, accelerator: Accelerator, *, progress: bool
) -> ImageAutoencoder | None:
    """Return the image autoencoder that the settings ask for; None if they ask for none.

    Args:
        settings: The settings of the training.
        accelerator: The processes; the first one downloads.
        progress: Show the bar of the Hub's client.

    Raises:
        DetectorError: There is no such autoencoder.
    """
    if settings.autoencoder is None:
        return None
    from thb.preprocessing.image_autoencoder import ImageAutoencoder, find_autoencoder

    with accelerator.main_process_first():
        folder = find_autoencoder(settings.autoencoder, progress=progress)
    return ImageAutoencoder(folder, accelerator.device)


def draw_encoding(video_id: str, number: int, settings: RenditionSettings) -> Render:
    """Return how a training video is encoded; nothing but its id, a number and a seed decide.

    Args:
        video_id: The id of the video. It holds the name of the class, but only as one of the
            characters that are hashed, so that real and fake videos are encoded alike.
        number: The number of the encoding, counted from 0.
        settings: The rate, the size, the range of quality and the seed.
    """
    text = f"{video_id}|{number}|{settings.reencoding_seed}"
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    low, high = settings.reencoding_crf
    crf = int(np.random.default_rng(seed).integers(low, high + 1))
    return Render(fps=settings.reencoding_fps, side=settings.reencoding_side, crf=crf)


def plan_renditions(
    videos: Iterable[Video],
    settings: RenditionSettings,
    autoencoder: ImageAutoencoder | None = None,
) -> dict[str, Rendition]:
    """Return the new videos to make, by the name that :func:`name_rendition` gives them.

    Args:
        videos: The training videos.
        settings: How many encodings, and which pseudo-fakes.
        autoencoder: The autoencoder, where the settings ask for it.
    """
    plan: dict[str, Rendition] = {}
    for video in videos:
        for number in range(settings.reencodings):
            how = draw_encoding(video.video_id, number, settings)
            plan[name_rendition(video.video_id, number)] = Encoding(how=how)
            for kind in settings.pseudo_fakes if video.label is Label.REAL else ():
                name = name_rendition(video.video_id, number, kind)
                alteration = _choose_alteration(kind, name, settings, autoencoder)
                plan[name] = PseudoFake(how=how, alteration=alteration)
    return plan


def _choose_alteration(
    kind: str, name: str, settings: RenditionSettings, autoencoder: ImageAutoencoder | None
) -> Alteration:
    if kind == "autoencoder" and autoencoder is not None:
        return autoencoder
    return FaceWarp(draw=f"{name}|{settings.reencoding_seed}")


def name_rendition(video_id: str, number: int, kind: str = "") -> str:
    """Return what a new video is called while its clips are made.

    Args:
        video_id: The id of the training video.
        number: The number of the encoding, counted from 0.
        kind: The kind of pseudo-fake; empty for the encoding itself.
    """
    return f"{video_id}|{number}|{kind}"


def tell_source(name: str) -> str:
    """Return the id of the video that a name of :func:`name_rendition` was made of."""
    return name.rsplit("|", 2)[0]


def gather_renditions(
    ids: Iterable[str], made: Mapping[str, ClipResult], settings: RenditionSettings
) -> MadeRenditions:
    """Gather what came of the new videos, video by video.

    An encoding in which no face was found is left out, and so is a kind of pseudo-fake of a video
    for which it failed with any of the encodings that are kept.

    Args:
        ids: The ids of the training videos whose files were found.
        made: The clips of each new video, or the reason why it has none, by its name.
        settings: How many encodings, and which pseudo-fakes.
    """
    clips: dict[str, ClipResult] = {}
    renditions: dict[str, Renditions] = {}
    refused: dict[str, dict[str, str]] = {}
    for video_id in ids:
        results = [made[name_rendition(video_id, k)] for k in range(settings.reencodings)]
        kept = {k: clip for k, clip in enumerate(results) if isinstance(clip, VideoClips)}
        clips[video_id] = next(iter(kept.values()), results[0])
        if not kept:
            continue
        fakes: dict[str, tuple[VideoClips, ...]] = {}
        for kind in settings.pseudo_fakes:
            altered = [made.get(name_rendition(video_id, k, kind)) for k in kept]
            good = tuple(clip for clip in altered if isinstance(clip, VideoClips))
            reason = next((str(fault) for fault in altered if isinstance(fault, Exception)), None)
            if reason is not None:
                refused.setdefault(kind, {})[video_id] = " ".join(reason.split())
            elif good:
                fakes[kind] = good
        renditions[video_id] = Renditions(encodings=tuple(kept.values()), pseudo_fakes=fakes)
    return MadeRenditions(clips=clips, renditions=renditions, refused=refused)
