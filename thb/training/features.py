"""What the frozen part of a detector makes of clips: made once, for all epochs and all folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from accelerate.utils import gather_object
from torch import Tensor
from torch.utils.data import Dataset

from detectors.base import Detector
from detectors.tuning import Tunable
from thb.runtime.console import say
from thb.runtime.processes import default_memory_bytes
from thb.runtime.progress import progress_bar
from thb.training.data import (
    Draw,
    LabelledClips,
    TrainingClips,
    choose_places,
    choose_rendition,
)
from thb.training.precision import autocast
from thb.training.settings import TrainSettings
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.records import Label

if TYPE_CHECKING:
    from accelerate import Accelerator

Key = tuple[str, str, int, int]
"""``train`` or ``validation``, a video's id, the kind of its pseudo-fakes (0 for the video itself),
and the number of a view or, if all clips are kept, of an encoding."""

Pixels = npt.NDArray[np.float32]
Makers = Mapping[Key, Callable[[], Pixels]]


class FrozenFeatures:
    """The features of clips, which stay the same for as long as the frozen weights do.

    One object serves all folds of a training, because they start from the same weights.

    Args:
        memory_bytes: The memory that the features may take; None for ``default_memory_bytes()``.
        progress: Show a bar.
    """

    def __init__(self, *, memory_bytes: int | None = None, progress: bool = False) -> None:
        self._kept: dict[Key, Tensor] = {}
        self._memory = default_memory_bytes() if memory_bytes is None else memory_bytes
        self._progress = progress

    def make_training_clips(
        self,
        detector: Detector,
        videos: Sequence[LabelledClips],
        settings: TrainSettings,
        accelerator: Accelerator,
    ) -> FeatureClips | None:
        """Make the features of all samples that a training can draw.

        Args:
            detector: The detector, on the accelerator's device; it is left in evaluation mode.
            videos: The training videos.
            settings: The recipe.
            accelerator: The processes, which share the work; each keeps all features.

        Returns:
            The samples; None if no part of the detector is frozen, if the recipe varies every
            sample anew, or if the features need more memory than they may take.
        """
        if not can_keep(detector, settings):
            return None
        spec = detector.config.clip_spec
        samples = TrainingClips(videos, spec, settings)
        makers: dict[Key, Callable[[], Pixels]] = {}
        lengths: dict[Key, int] = {}
        for index, video in enumerate(videos):
            for kind in range(1 + len(video.pseudo_fakes)):
                for number, clips in enumerate(video.get_renditions(kind)):
                    if settings.views is None:
                        key = ("train", video.video_id, kind, number)
                        makers[key], lengths[key] = _read_all(clips, spec), len(clips.pixels)
                for view in range(settings.views or 0):
                    key = ("train", video.video_id, kind, view)
                    makers[key] = _read_view(samples, (kind * len(videos) + index, view))
                    lengths[key] = settings.clips_per_sample
        if not self._fits(detector, makers, lengths, settings, accelerator):
            return None
        self._fill(detector, makers, settings, settings.mixed_precision, accelerator)
        return FeatureClips(videos, samples, self._kept, settings)

    def make_validation(
        self,
        detector: Detector,
        videos: Sequence[LabelledClips],
        settings: TrainSettings,
        accelerator: Accelerator,
    ) -> Mapping[str, Tensor]:
        """Make the features of all clips of the validation videos, by the id of the video.

        Args:
            detector: A detector that :meth:`make_training_clips` made features with.
            videos: The validation videos.
            settings: The recipe; validation is never in half precision.
            accelerator: The processes.
        """
        spec = detector.config.clip_spec
        makers = {
            ("validation", video.video_id, 0, 0): _read_all(video.clips, spec) for video in videos
        }
        self._fill(detector, makers, settings, "no", accelerator)
        return {key[1]: self._kept[key] for key in makers}

    def _fits(
        self,
        detector: Detector,
        makers: Makers,
        lengths: Mapping[Key, int],
        settings: TrainSettings,
        accelerator: Accelerator,
    ) -> bool:
        """Return whether there is room for the features of so many clips, judged by one of them.

        What earlier folds have left counts once; the videos of a validation are not counted.
        """
        missing = [key for key in makers if key not in self._kept]
        needed = sum(features.nbytes for features in self._kept.values())
        if missing:
            pixels = makers[missing[0]]()[:1]
            one = _encode(detector, pixels, settings.mixed_precision, accelerator.device)
            needed += one.nbytes * sum(lengths[key] for key in missing)
        if needed > self._memory and accelerator.is_main_process:
            say(
                f"warning: the features of the frozen layers would take {needed / 1e9:.1f} GB, so"
                " they are made again at every step"
            )
        return needed <= self._memory

    def _fill(
        self,
        detector: Detector,
        makers: Makers,
        settings: TrainSettings,
        precision: str,
        accelerator: Accelerator,
    ) -> None:
        """Make the features that are missing; each process makes its share."""
        missing = [key for key in makers if key not in self._kept]
        own = missing[accelerator.process_index :: accelerator.num_processes]
        made: dict[Key, Tensor] = {}
        shown = self._progress and accelerator.is_main_process
        with progress_bar(total=len(own), description="making features", shown=shown) as bar:
            for group in _group(own, makers, settings.batch_size):
                pixels = np.concatenate([values for _, values in group])
                features = torch.cat(
                    [
                        _encode(detector, part, precision, accelerator.device)
                        for part in np.split(
                            pixels, range(settings.batch_size, len(pixels), settings.batch_size)
                        )
                    ]
                )
                lengths = [len(values) for _, values in group]
                for (key, _), each in zip(group, features.split(lengths), strict=True):
                    made[key] = each.clone()
                bar.update(len(group))
        for part in gather_object([made]):
            self._kept |= part


class FeatureClips(Dataset[dict[str, Tensor]]):
    """The samples of :class:`~thb.training.data.TrainingClips`, as features in place of pixels.

    Args:
        videos: The videos to draw from.
        clips: Their samples, which decide what a draw shows.
        kept: The features.
        settings: The recipe.
    """

    def __init__(
        self,
        videos: Sequence[LabelledClips],
        clips: TrainingClips,
        kept: Mapping[Key, Tensor],
        settings: TrainSettings,
    ) -> None:
        self._videos, self._clips, self._kept = videos, clips, kept
        self._settings = settings

    def __len__(self) -> int:
        return len(self._videos)

    def __getitem__(self, draw: Draw) -> dict[str, Tensor]:
        kind, index = divmod(draw[0], len(self._videos))
        video, decided = self._videos[index], self._clips.settle(draw)
        label = torch.tensor(float(Label.FAKE if kind else video.label))
        if self._settings.views is not None:
            shown = self._kept["train", video.video_id, kind, decided[-1]]
            return {"features": shown, "labels": label}
        random = np.random.default_rng(decided)
        features = self._kept["train", video.video_id, kind, choose_rendition(video, random)]
        chosen = choose_places(len(features), self._settings.clips_per_sample, random)
        return {"features": features[torch.from_numpy(chosen)], "labels": label}


def can_keep(detector: Detector, settings: TrainSettings) -> bool:
    """Return whether a training sees the same features of frozen layers again and again."""
    if not (isinstance(detector, Tunable) and detector.has_frozen_front):
        return False
    varied = (
        settings.flip,
        settings.shift_pixels,
        settings.brightness,
        settings.contrast,
        settings.channel_gain,
        settings.augmentations,
    )
    return settings.views is not None or not any(varied)


def _read_all(clips: VideoClips, spec: ClipSpec) -> Callable[[], Pixels]:
    return lambda: prepare_pixels(clips, spec)


def _read_view(clips: TrainingClips, draw: Draw) -> Callable[[], Pixels]:
    def read() -> Pixels:
        values: Pixels = clips[draw]["pixel_values"].numpy()
        return values

    return read


def _group(keys: Iterable[Key], makers: Makers, least: int) -> Iterator[list[tuple[Key, Pixels]]]:
    """Yield groups of at least so many clips; the last one may have fewer."""
    group: list[tuple[Key, Pixels]] = []
    for key in keys:
        group.append((key, makers[key]()))
        if sum(len(values) for _, values in group) >= least:
            yield group
            group = []
    if group:
        yield group


def _encode(detector: Detector, pixels: Pixels, precision: str, device: torch.device) -> Tensor:
    """Return the features of clips, on the CPU."""
    if not isinstance(detector, Tunable):
        raise TypeError(f"{type(detector).__name__} has no frozen part")
    detector.train(mode=False)
    with torch.no_grad(), autocast(device, precision):
        return detector.encode_front(torch.from_numpy(pixels).to(device)).cpu()
