"""The inner loop of every prediction: files to clips to logits, in batches across videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from thb.prediction.predictions import Status
from thb.prediction.throughput import Meter
from thb.preprocessing.clips import ClipMaker
from thb.runtime.cache import clip_store_folder
from thb.runtime.progress import progress_bar
from thb_dataset.clip_spec import Aggregation
from thb_dataset.clips.store import VideoClips, prepare_pixels
from thb_dataset.errors import DetectorError, NoAudioError, NoFaceError, THBError, VideoError

if TYPE_CHECKING:
    import torch

    from detectors.base import Detector


ScoringPrecision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class PredictSettings:
    """How videos are scored; only the face pack and the precision may move a score.

    Attributes:
        batch_size: Clips given to the detector at a time.
        workers: Threads that decode videos and find faces ahead of the detector; None for one a
            core that this process may use.
        precision: Of the detector's products. ``bf16`` and ``fp16`` are for GPUs; with them scores
            are rounded, how far depends on the network, and may depend on the batch.
        face_pack: Who finds the faces, as ``load_face_finder`` takes it.
        store: Folder of the face crops that are kept; None for the one that ``thb env`` names.
        progress: Show a bar on stderr.
        description: What the bar says.
    """

    batch_size: int = 16
    workers: int | None = None
    precision: ScoringPrecision = "fp32"
    face_pack: str = "embedded"
    store: Path = field(default_factory=clip_store_folder)
    progress: bool = True
    description: str = "scoring"

    def __post_init__(self) -> None:
        """Refuse a precision that does not exist.

        Raises:
            DetectorError: With those that do.
        """
        if self.precision not in get_args(ScoringPrecision):
            raise DetectorError(
                f"precision {self.precision!r} is none of {', '.join(get_args(ScoringPrecision))}"
            )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one video: its logits, or why there are none.

    Attributes:
        status: ``ok`` if and only if there are logits.
        reason: Why there are none, in a line.
        clip_logits: One number per clip, higher = fake.
        faces: Faces that were followed in the video, the chosen one included.
    """

    status: Status
    reason: str | None = None
    clip_logits: tuple[float, ...] = ()
    faces: int = 0


def score_files(
    detector: Detector,
    paths: Mapping[str, Path | None],
    *,
    settings: PredictSettings,
    device: torch.device,
    sounds: Mapping[str, Path] | None = None,
    meter: Meter | None = None,
) -> Iterator[tuple[str, Outcome]]:
    """Yield what became of every file; the order may differ from that given.

    A batch holds clips of several videos. A video's clips are never scored with padding, and the
    detector is in evaluation mode and, unless asked otherwise, float32, so that its company in a
    batch leaves it alone. Threads decode the next videos while the detector computes.

    Args:
        detector: Moved to the device and put into evaluation mode.
        paths: Where the file of each name is; None where it is not at hand.
        settings: How to go about it.
        device: Where the detector computes.
        sounds: WAV files beside videos, by their names, for detectors that listen.
        meter: Measures how fast it goes.

    Raises:
        DetectorError: The detector gives something else than one logit per clip.
        OSError: The crop store cannot be written.
    """
    spec = detector.config.clip_spec
    detector.to(device)  # type: ignore[arg-type] # transformers wraps it untyped
    detector.eval()
    maker = ClipMaker(
        spec,
        store=settings.store,
        face_pack=settings.face_pack,
        workers=settings.workers,
        sounds=sounds,
    )
    bar = progress_bar(total=len(paths), description=settings.description, shown=settings.progress)
    meter = meter or Meter(device, settings.precision)
    with bar, maker, _exact_float32():
        waiting: list[tuple[str, VideoClips]] = []
        for name, made in meter.time_waiting(maker.make(paths.items())):
            if not isinstance(made, VideoClips):
                yield name, describe_failure(made, paths[name])
                bar.update()
                continue
            clips_waiting = sum(len(clips.pixels) for _, clips in waiting)
            if waiting and clips_waiting + len(made.pixels) > settings.batch_size:
                yield from _score_batch(detector, waiting, settings)
                bar.update(len(waiting))
                waiting = []
            waiting.append((name, made))
            meter.count_clips(len(made.pixels))
        yield from _score_batch(detector, waiting, settings)
        bar.update(len(waiting))


def aggregate(clip_logits: Sequence[float], how: Aggregation) -> float:
    """Return P(fake) of a video from the logits of its clips, in float64.

    Args:
        clip_logits: One or more finite numbers, higher = fake.
        how: ``mean_probability`` or ``mean_logit``.
    """
    logits = np.asarray(clip_logits, np.float64)
    if how == "mean_logit":
        return float(_sigmoid(logits.mean()))
    return float(_sigmoid(logits).mean())


def _sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    halves: npt.NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * logits))  # never overflows
    return halves


def describe_failure(made: VideoError | None, path: Path | None) -> Outcome:
    """Return what became of a video that gave no clips, its path left out of the reason.

    Args:
        made: Why there are none; None where the file is missing.
        path: The file.
    """
    if made is None:
        return Outcome(status=Status.MISSING, reason="no such file")
    status = Status.ERROR
    if isinstance(made, NoFaceError):
        status = Status.NO_FACE
    elif isinstance(made, NoAudioError):
        status = Status.NO_AUDIO
    return Outcome(status=status, reason=describe_error(made, path))


def describe_error(error: THBError, path: Path | None) -> str:
    """Return an error's message in one line, without the path of its video at the beginning.

    Args:
        error: The error.
        path: The video, whose folder is nobody else's business; None leaves the message whole.
    """
    message = " ".join(str(error).split())
    if path is None:
        return message
    names = [" ".join(f"{name}:".split()) for name in (str(path), ascii(str(path)), path.name)]
    while name := next((name for name in names if message.startswith(name)), None):
        message = message.removeprefix(name).lstrip()
    return message


def _score_batch(
    detector: Detector, videos: Sequence[tuple[str, VideoClips]], settings: PredictSettings
) -> Iterator[tuple[str, Outcome]]:
    if not videos:
        return
    spec = detector.config.clip_spec
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
                Outcome(status=Status.OK, clip_logits=tuple(own.tolist()), faces=clips.faces),
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
        # From pinned memory the copy runs beside what the device is computing.
        values_in = values_in.pin_memory().to(detector.device, non_blocking=True)
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    autocast = torch.autocast(detector.device.type, dtype=kind, enabled=kind is not None)
    with torch.inference_mode(), autocast:
        logits = detector(pixel_values=values_in.to(detector.device)).logits
    if logits is None or logits.shape != (len(pixels),):
        shape = None if logits is None else tuple(logits.shape)
        raise DetectorError(
            f"{type(detector).__name__} gave logits of shape {shape} for {len(pixels)} clips: "
            "forward must return one per clip"
        )
    values: npt.NDArray[np.float64] = logits.double().cpu().numpy()
    return values


@contextmanager
def _exact_float32() -> Iterator[None]:
    """Keep a GPU from rounding float32 products to TF32, which would tie scores to the batch."""
    from torch.backends import cuda, cudnn

    before = cuda.matmul.allow_tf32, cudnn.allow_tf32
    cuda.matmul.allow_tf32, cudnn.allow_tf32 = False, False
    try:
        yield
    finally:
        cuda.matmul.allow_tf32, cudnn.allow_tf32 = before
