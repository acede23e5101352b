"""The inner loop of every prediction: files to clips to logits, in batches across videos.

:func:`score_files` gets the clips from ``thb.preprocessing.clips.ClipMaker``, and the model's own
``forward`` turns them into logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from thb.prediction.face_rows import FacePlace
from thb.prediction.predictions import Status
from thb.prediction.throughput import Meter
from thb.preprocessing.clips import ClipMaker
from thb.preprocessing.settings import Preparation
from thb.runtime.progress import progress_bar
from thb_dataset.clip_spec import Aggregation, ClipSpec
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.errors import DetectorError, NoAudioError, NoFaceError, THBError, VideoError

if TYPE_CHECKING:
    import torch

    from detectors.base import Detector


ScoringPrecision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class PredictSettings(Preparation):
    """How videos are scored; only the face pack and the precision can change a score.

    Attributes:
        batch_size: The number of clips per batch.
        precision: The precision of the detector. ``bf16`` and ``fp16`` are faster on GPUs but round
            the scores, by an amount that depends on the network and may depend on the batch.
        description: The text beside the progress bar.
    """

    batch_size: int = 16
    precision: ScoringPrecision = "fp32"
    description: str = "scoring"

    def __post_init__(self) -> None:
        """Refuse a precision that does not exist.

        Raises:
            DetectorError: The precision does not exist; the message names those that do.
        """
        if self.precision not in get_args(ScoringPrecision):
            raise DetectorError(
                f"precision {self.precision!r} is not one of "
                f"{', '.join(get_args(ScoringPrecision))}"
            )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The logits of one video, or the reason why it has none.

    Attributes:
        status: ``ok`` if and only if there are logits.
        reason: Why there are no logits, in one line.
        clip_logits: One number per clip; a higher number means fake.
        faces: The number of faces tracked in the video, including the chosen one.
        warnings: What is unusual about the video and may matter to the score, a sentence each.
        place: Where and when the face is in sight that was scored; None without a score.
    """

    status: Status
    reason: str | None = None
    clip_logits: tuple[float, ...] = ()
    faces: int = 0
    warnings: tuple[str, ...] = ()
    place: FacePlace | None = None


FILE_MISSING = Outcome(status=Status.MISSING, reason="no such file")


def score_files(
    detector: Detector,
    paths: Mapping[str, Path | None],
    *,
    settings: PredictSettings,
    device: torch.device,
    spec: ClipSpec | None = None,
    sounds: Mapping[str, Path] | None = None,
    all_faces: bool = False,
    meter: Meter | None = None,
) -> Iterator[tuple[str, Outcome]]:
    """Yield the outcome of every file; the order may differ from the given one.

    A batch holds the clips of several videos. Clips are never padded, and the detector runs in
    evaluation mode and, by default, in float32, so that a video's score does not depend on the
    other videos of its batch. Threads decode the next videos while the detector computes.

    Args:
        detector: The detector; it is moved to the device and put into evaluation mode.
        paths: The file of each video by name; None for a missing file.
        settings: How to score.
        device: The device that the detector computes on.
        spec: The clips that the detector is given; None for those of its config.
        sounds: The WAV file of each video that has one, by name, for detectors that listen.
        all_faces: Score every face, so that a video comes once for each, and not the main one.
        meter: What measures the throughput; None for a new meter.

    Raises:
        DetectorError: The detector does not return one logit per clip.
        OSError: The crop store cannot be written.
    """
    spec = spec or detector.config.clip_spec
    detector.to(device)  # type: ignore[arg-type] # transformers wraps it untyped
    detector.eval()
    maker = ClipMaker(spec, settings, sounds=sounds, all_faces=all_faces)
    total = None if all_faces else len(paths)
    bar = progress_bar(total=total, description=settings.description, shown=settings.progress)
    meter = meter or Meter(device, settings.precision)
    with bar, maker, _exact_float32():
        waiting: list[tuple[str, VideoClips]] = []
        for name, clips in meter.time_waiting(maker.make(paths.items())):
            if not isinstance(clips, VideoClips):
                yield name, describe_failure(clips, paths[name])
                bar.update()
                continue
            clips_waiting = sum(len(earlier.pixels) for _, earlier in waiting)
            if waiting and clips_waiting + len(clips.pixels) > settings.batch_size:
                yield from _score_batch(detector, waiting, spec, settings)
                bar.update(len(waiting))
                waiting = []
            waiting.append((name, clips))
            meter.count_clips(len(clips.pixels))
        yield from _score_batch(detector, waiting, spec, settings)
        bar.update(len(waiting))


def _score_batch(
    detector: Detector,
    videos: Sequence[tuple[str, VideoClips]],
    spec: ClipSpec,
    settings: PredictSettings,
) -> Iterator[tuple[str, Outcome]]:
    if not videos:
        return
    pixels = np.concatenate([prepare_pixels(clips, spec) for _, clips in videos])
    logits = np.concatenate(
        [
            _forward(detector, pixels[start : start + settings.batch_size], settings.precision)
            for start in range(0, len(pixels), settings.batch_size)
        ]
    )
    start = 0
    for name, clips in videos:
        own = logits[start : start + len(clips.pixels)]
        start += len(clips.pixels)
        if np.isfinite(own).all():
            yield (
                name,
                Outcome(
                    status=Status.OK,
                    clip_logits=tuple(own.tolist()),
                    faces=clips.faces,
                    warnings=clips.warnings,
                    place=FacePlace.of(clips),
                ),
            )
        else:
            reason = "the detector's logit is not a finite number"
            yield name, Outcome(status=Status.ERROR, reason=reason, faces=clips.faces)


def _forward(
    detector: Detector, pixels: npt.NDArray[np.float32], precision: ScoringPrecision
) -> npt.NDArray[np.float64]:
    import torch

    values_in = torch.from_numpy(pixels)
    if detector.device.type == "cuda":
        # From pinned memory the copy runs while the device computes.
        values_in = values_in.pin_memory().to(detector.device, non_blocking=True)
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    autocast = torch.autocast(detector.device.type, dtype=kind, enabled=kind is not None)
    with torch.inference_mode(), autocast:
        logits = detector(pixel_values=values_in.to(detector.device)).logits
    if logits is None or logits.shape != (len(pixels),):
        shape = None if logits is None else tuple(logits.shape)
        raise DetectorError(
            f"{type(detector).__name__} returned logits of shape {shape} for {len(pixels)} clips: "
            "forward must return one logit per clip"
        )
    values: npt.NDArray[np.float64] = logits.double().cpu().numpy()
    return values


@contextmanager
def _exact_float32() -> Iterator[None]:
    """Keep a GPU from rounding float32 to TF32, which would make scores depend on the batch."""
    from torch.backends import cuda, cudnn

    before = cuda.matmul.allow_tf32, cudnn.allow_tf32
    cuda.matmul.allow_tf32, cudnn.allow_tf32 = False, False
    try:
        yield
    finally:
        cuda.matmul.allow_tf32, cudnn.allow_tf32 = before


def describe_failure(error: VideoError | None, path: Path | None) -> Outcome:
    """Return the outcome of a video that gave no clips, without its path in the reason.

    Args:
        error: Why there are no clips; None if the file is missing.
        path: The file.
    """
    if error is None:
        return FILE_MISSING
    status = Status.ERROR
    if isinstance(error, NoFaceError):
        status = Status.NO_FACE
    elif isinstance(error, NoAudioError):
        status = Status.NO_AUDIO
    return Outcome(status=status, reason=describe_error(error, path))


def describe_error(error: THBError, path: Path | None) -> str:
    """Return an error's message in one line, without the path of its video at the beginning.

    Args:
        error: The error.
        path: The video; its folder is private. None keeps the whole message.
    """
    message = " ".join(str(error).split())
    if path is None:
        return message
    names = [" ".join(f"{name}:".split()) for name in (str(path), ascii(str(path)), path.name)]
    while name := next((name for name in names if message.startswith(name)), None):
        message = message.removeprefix(name).lstrip()
    return message


def aggregate(clip_logits: Sequence[float], how: Aggregation) -> float:
    """Return P(fake) of a video from the logits of its clips, in float64.

    Args:
        clip_logits: One or more finite numbers; a higher number means fake.
        how: ``mean_probability`` or ``mean_logit``.
    """
    logits = np.asarray(clip_logits, np.float64)
    if how == "mean_logit":
        return float(_sigmoid(logits.mean()))
    return float(_sigmoid(logits).mean())


def _sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    halves: npt.NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * logits))  # never overflows
    return halves
