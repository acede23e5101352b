"""The clips that a detector is trained on: made once, and varied sample by sample."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import Dataset

from thb.preprocessing.clips import ClipMaker, ClipResult
from thb.runs.record import ClassCounts, VideoCounts
from thb.runtime.progress import progress_bar
from thb.training.augmentation import change_pixels, change_values
from thb.training.cutting import HALVE, cut_pixels, measure_scale, widen
from thb.training.memory import ClipMemory
from thb.training.renditions import MadeRenditions
from thb.training.settings import TrainOptions, TrainSettings
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.store import Rendition
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.errors import NoAudioError, NoFaceError, ReleaseError, VideoError
from thb_dataset.protocols import Fold
from thb_dataset.records import Label, Video

Draw = tuple[int, int]
"""The index of a video, and the seed that decides how its clips are drawn and varied."""


@dataclass(frozen=True, kw_only=True)
class LabelledClips:
    """The clips of a video and its label.

    Attributes:
        video_id: The id of the video in the release.
        label: Fake or real.
        clips: The face crops of the video.
        driver: The clip that moves the face of a fake; None for a real, or if it is not known.
        encodings: Those of its random encodings, if the training takes these instead.
        pseudo_fakes: Those of its pseudo-fakes: for each kind, one for each of ``encodings``.
    """

    video_id: str
    label: Label
    clips: VideoClips
    driver: str | None = None
    encodings: tuple[VideoClips, ...] = ()
    pseudo_fakes: tuple[tuple[VideoClips, ...], ...] = ()

    def get_renditions(self, kind: int = 0) -> tuple[VideoClips, ...]:
        """Return what a sample is drawn from: clips of one or of several videos.

        Args:
            kind: The number of a kind of pseudo-fakes, counted from 1; 0 for the video itself.
        """
        return self.pseudo_fakes[kind - 1] if kind else self.encodings or (self.clips,)


def make_training_clips(
    paths: Mapping[str, Path],
    spec: ClipSpec,
    options: TrainOptions,
    accelerator: Accelerator,
    *,
    sounds: Mapping[str, Path] | None = None,
    renditions: Mapping[str, Rendition] | None = None,
) -> dict[str, ClipResult]:
    """Make the clips of all videos: each process makes its share, then all read every clip.

    The clips are kept in memory, or, if they are too large for it, in a file beside the store.

    Args:
        paths: The file of each video, by its id.
        spec: The clips that the detector takes.
        options: The face pack, the folder in which crops are kept, and the limit of memory.
        accelerator: The processes.
        sounds: The WAV files beside videos, by the video's id, for detectors that listen.
        renditions: Ways to make new videos, whose clips are then made, by the same names.

    Returns:
        The clips of each video, or the reason why it has none, by its id.

    Raises:
        OSError: The store cannot be written.
        FacePackError: The face pack is missing or altered.
    """
    ids = sorted(paths)
    made: dict[str, ClipResult] = {}
    rounds = [("finding faces", ids[accelerator.process_index :: accelerator.num_processes])]
    if accelerator.num_processes > 1:
        rounds.append(("reading crops", ids))
    memory = ClipMemory(len(ids), spec, options.store, memory_bytes=options.memory_bytes)
    for number, (description, share) in enumerate(rounds, start=1):
        maker = ClipMaker(spec, options, sounds=sounds, renditions=renditions)
        bar = progress_bar(total=len(share), description=description, shown=options.progress)
        with bar, maker:
            for video_id, clips in maker.make((name, paths[name]) for name in share):
                if number == len(rounds):
                    made[video_id] = memory.keep(clips) if isinstance(clips, VideoClips) else clips
                bar.update()
        accelerator.wait_for_everyone()
    memory.close()
    return made


def choose_clips(
    videos: Sequence[Video],
    made: Mapping[str, ClipResult],
    new: MadeRenditions | None = None,
) -> tuple[list[LabelledClips], VideoCounts]:
    """Choose the videos that have clips, and count the others by the reason why they have none.

    Args:
        videos: The videos of one part of a fold.
        made: What was made of each video whose file was found, by its id.
        new: The new videos that were made of those of a training; None if none were asked for.

    Returns:
        The videos with their clips; and for the record, the numbers of used and of missing videos
        by class, and the reason for each video that could be found but not used.
    """
    used: list[LabelledClips] = []
    counts: dict[str, Counter[str]] = {"used": Counter(), "missing": Counter()}
    reasons: dict[str, dict[str, str]] = {"no_face": {}, "no_audio": {}, "error": {}}
    for video in videos:
        clips = made.get(video.video_id)
        if isinstance(clips, VideoClips):
            used.append(_label(video, clips, new))
            counts["used"][video.label.name.lower()] += 1
        elif clips is None:
            counts["missing"][video.label.name.lower()] += 1
        else:
            kind = _name_refusal(clips)
            reasons[kind][video.video_id] = " ".join(str(clips).split())
    found = VideoCounts(
        used=ClassCounts(**counts["used"]),
        missing=ClassCounts(**counts["missing"]),
        no_face=reasons["no_face"],
        no_audio=reasons["no_audio"],
        error=reasons["error"],
    )
    return used, found if new is None else new.count(found, used=[clips.video_id for clips in used])


def _label(video: Video, clips: VideoClips, new: MadeRenditions | None) -> LabelledClips:
    plain = LabelledClips(
        video_id=video.video_id, label=video.label, clips=clips, driver=video.driver
    )
    if new is None:
        return plain
    made = new.renditions[video.video_id]
    fakes = tuple(made.pseudo_fakes.values())
    return replace(plain, encodings=made.encodings, pseudo_fakes=fakes)


def _name_refusal(error: VideoError) -> str:
    if isinstance(error, NoFaceError):
        return "no_face"
    return "no_audio" if isinstance(error, NoAudioError) else "error"


def require_both_classes(fold: Fold, made: Mapping[str, ClipResult], *, hint: str) -> None:
    """Refuse a fold that has no usable real video or no usable fake one.

    Args:
        fold: The fold to train on.
        made: What was made of each training video whose file was found, by its id.
        hint: The advice that the message gives about missing real videos; may be empty.

    Raises:
        ReleaseError: A class has no usable video; the message names it and counts the reasons.
    """
    _, counts = choose_clips(fold.train, made)
    for name in ("fake", "real"):
        if getattr(counts.used, name) == 0:
            raise ReleaseError(
                f"{fold.name} has no {name} video to train on:"
                f" {getattr(counts.missing, name)} missing,"
                f" {len(counts.no_face)} of both classes without a face,"
                f" {len(counts.no_audio)} without the sound that the detector needs,"
                f" {len(counts.error)} unreadable. {hint if name == 'real' else ''}".rstrip()
            )


class TrainingClips(Dataset[dict[str, Tensor]]):
    """Samples, indexed by :data:`Draw`: clips of one video, all varied in the same way.

    Indices beyond the videos are those of pseudo-fakes: see
    :func:`thb.training.pseudo_batches.number_pseudo_fake`.

    A sample's ``pixel_values`` are float32 (clips, T, 3, S, S).

    Args:
        videos: The videos to draw from.
        spec: The detector's clips, which say how pixels become its input.
        settings: The recipe, which says how many clips a sample has and how they are varied.
    """

    def __init__(
        self, videos: Sequence[LabelledClips], spec: ClipSpec, settings: TrainSettings
    ) -> None:
        self._videos = videos
        self._spec = spec
        self._settings = settings
        self._kept = widen(spec, settings)
        self._halves = any(change.name == HALVE for change in settings.augmentations)

    def __len__(self) -> int:
        return len(self._videos)

    def __getitem__(self, draw: Draw) -> dict[str, Tensor]:
        kind, index = divmod(draw[0], len(self._videos))
        video, random = self._videos[index], np.random.default_rng(self.settle(draw))
        settings = self._settings
        chosen = video.get_renditions(kind)[choose_rendition(video, random)]
        clips = chosen.pixels
        pixels = clips[choose_places(len(clips), settings.clips_per_sample, random)]
        cut = cut_pixels(
            pixels.reshape(-1, *pixels.shape[2:]),
            settings.augmentations,
            random,
            size=self._spec.size,
            scale=measure_scale(chosen, self._kept) if self._halves else 1.0,
        )
        varied = vary_clip(cut, settings, random)
        varied = change_pixels(varied, settings.augmentations, random)
        varied = varied.reshape(*pixels.shape[:2], *varied.shape[1:])
        values = prepare_pixels(replace(chosen, pixels=varied), self._spec)
        values = change_values(values, settings.augmentations, random)
        label = torch.tensor(float(Label.FAKE if kind else video.label))
        return {"pixel_values": torch.from_numpy(values), "labels": label}

    def settle(self, draw: Draw) -> tuple[int, ...]:
        """Return what decides a sample: its seed, or the number of the view that it shows."""
        (index, seed), settings = draw, self._settings
        if settings.views is None:
            return (seed,)
        # A pseudo-fake shows what its real shows.
        name = self._videos[index % len(self._videos)].video_id.encode()
        return (settings.seed, zlib.crc32(name), seed % settings.views)


def choose_rendition(video: LabelledClips, random: np.random.Generator) -> int:
    """Return the number of one of the encodings of a video; its pseudo-fakes have the same.

    A pseudo-fake with the seed of its real is encoded as that is. A video without encodings takes
    nothing from the random numbers.
    """
    return int(random.integers(len(video.encodings))) if video.encodings else 0


def choose_places(clips: int, wanted: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Choose a clip from each of ``wanted`` even parts; some clips twice if there are too few."""
    ends = np.arange(wanted + 1) * clips // wanted
    return np.array([random.integers(low, max(high, low + 1)) for low, high in pairwise(ends)])


def vary_clip(
    pixels: npt.NDArray[np.uint8], settings: TrainSettings, random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Flip, move and tint a clip, all of its frames in the same way.

    Args:
        pixels: The clip, uint8 (T, S, S, 3), RGB.
        settings: The recipe, which says how far each change goes.
        random: The random number generator; the settings do not change how much is drawn from it.

    Returns:
        The changed clip, uint8 (T, S, S, 3).
    """
    flips = random.random() < 0.5
    moves = random.integers(-settings.shift_pixels, settings.shift_pixels + 1, size=2)
    light, contrast, *gains = random.uniform(-1, 1, size=5)
    if settings.flip and flips:
        pixels = pixels[:, :, ::-1]
    if settings.shift_pixels:
        pixels = _move(pixels, settings.shift_pixels, moves)
    scale = (1 + settings.contrast * contrast) * (1 + settings.channel_gain * np.asarray(gains))
    table = (np.arange(256)[:, None] - 128) * scale + 128 + 255 * settings.brightness * light
    table = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    return np.stack([table[pixels[..., channel], channel] for channel in range(3)], axis=-1)


def _move(
    pixels: npt.NDArray[np.uint8], reach: int, moves: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Move a clip by whole pixels; the mirrored border fills the gap."""
    height, width = pixels.shape[1:3]
    reach = min(reach, height - 1, width - 1)
    down, right = (int(move) for move in np.clip(moves, -reach, reach))
    wide = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
    return wide[:, reach + down :, reach + right :][:, :height, :width]
