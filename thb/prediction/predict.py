"""Videos in, one row per video out: the same row whatever the batch size or the processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detectors.registry import load_detector
from thb.prediction.inference import Outcome, PredictSettings, aggregate, score_files
from thb.prediction.predictions import Prediction, PredictionLog, Predictions, Status, merge_rows
from thb.prediction.throughput import Meter, Throughput
from thb.runs.provenance import describe_scoring
from thb.runtime.processes import make_accelerator
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.records import Video

if TYPE_CHECKING:
    from accelerate import Accelerator

    from detectors.base import Detector

NOT_AT_HAND = Outcome(status=Status.MISSING, reason="no such file")


def predict(
    detector: Detector | str | Path,
    videos: str | Path | Iterable[str | Path],
    *,
    settings: PredictSettings | None = None,
) -> Predictions:
    """Score video files that belong to no release: one row per file, in any state the file is in.

    Args:
        detector: A detector, or what ``thb.detector`` takes.
        videos: One file or several; a file named twice gets one row.
        settings: How to go about it.

    Returns:
        Rows without labels whose ``video_id`` is the path as given, sorted by it.

    Raises:
        DetectorError: The detector cannot be found, loaded or run.
    """
    settings = settings or PredictSettings()
    model = load_detector(detector) if isinstance(detector, str | Path) else detector
    given = [videos] if isinstance(videos, str | Path) else list(videos)
    paths = {str(path): Path(path) for path in given}
    accelerator = make_accelerator()
    spec = model.config.clip_spec
    share = list(paths)[accelerator.process_index :: accelerator.num_processes]
    meter = Meter(accelerator.device, settings.precision)
    outcomes = score_files(
        model,
        {name: paths[name] for name in share},
        settings=settings,
        device=accelerator.device,
        meter=meter,
    )
    rows = [make_row(name, outcome, spec) for name, outcome in outcomes]
    own = meter.read()
    gathered = gather_rows(rows, accelerator)
    run = describe_scoring(model, face_pack=settings.face_pack, precision=settings.precision)
    return Predictions(rows=gathered, run=run, throughput=gather_throughput(own))


def predict_videos(
    detector: Detector,
    parts: Mapping[str, Sequence[Video]],
    paths: Mapping[str, Path],
    *,
    log: PredictionLog,
    accelerator: Accelerator,
    settings: PredictSettings | None = None,
    sounds: Mapping[str, Path] | None = None,
) -> Predictions:
    """Score videos of a release: every process takes its share, every process gets all rows.

    Rows are appended to the log as they are scored; those that the log has already are not
    scored again.

    Args:
        detector: On any device; it is moved to the accelerator's.
        parts: Videos to be scored, by the part of the protocol they are in (``test``, ``extra``).
        paths: Where the file of each is; a video that is absent here becomes ``missing``.
        log: Opened by every process on the same folder, each with its rank.
        accelerator: Says which process this is, and gathers.
        settings: How to go about it.
        sounds: WAV files beside videos, for detectors that listen.

    Raises:
        IncompletePredictionsError: After gathering, a video lacks its row or has several.
    """
    settings = settings or PredictSettings()
    spec = detector.config.clip_spec
    known = {video.video_id: (part, video) for part, videos in parts.items() for video in videos}
    left = sorted(set(known).intersection(paths) - set(log.done))
    share = left[accelerator.process_index :: accelerator.num_processes]
    accelerator.wait_for_everyone()  # nobody appends before everybody has seen what is done
    files = {name: paths[name] for name in share}
    vanished = []
    meter = Meter(accelerator.device, settings.precision)
    outcomes = score_files(
        detector, files, settings=settings, device=accelerator.device, sounds=sounds, meter=meter
    )
    for name, outcome in outcomes:
        part, video = known[name]
        row = make_row(name, outcome, spec, video=video, split=part)
        if outcome.status is Status.MISSING:
            vanished.append(row)  # not for the log: it may be back when the run is continued
        else:
            log.append(row)
    own = meter.read()
    scored = gather_rows([*log.done.values(), *vanished], accelerator)
    throughput = gather_throughput(own)
    absent = [
        make_row(name, NOT_AT_HAND, spec, video=video, split=part)
        for name, (part, video) in known.items()
        if name not in paths
    ]
    rows = merge_rows([*scored, *absent])
    predictions = Predictions(rows=rows, run=log.run, throughput=throughput)
    predictions.check(known)
    return predictions


def gather_rows(rows: Iterable[Prediction], accelerator: Accelerator) -> tuple[Prediction, ...]:
    """Bring the rows of all processes to each of them: one row per video, sorted by id."""
    from accelerate.utils import gather_object

    accelerator.wait_for_everyone()
    of_each_process = gather_object([list(rows)])
    return merge_rows(row for part in of_each_process for row in part)


def gather_throughput(own: Throughput) -> Throughput:
    """Bring together how fast each process was; every process gets the same."""
    from accelerate.utils import gather_object

    return Throughput.join(gather_object([own]))


def make_row(
    name: str, outcome: Outcome, spec: ClipSpec, *, video: Video | None = None, split: str = ""
) -> Prediction:
    """Return the row of one video: what is known of it, and what became of it.

    Args:
        name: The ``video_id`` of the row.
        outcome: What scoring it gave.
        spec: Says how the clips of a video become its score.
        video: What the release says of it; None for a file of no release.
        split: The part of the protocol that the video was scored in.
    """
    scored = outcome.status is Status.OK
    return Prediction(
        video_id=name,
        label=None if video is None else int(video.label),
        generator=video.generator.value if video and video.generator else None,
        portrait=video.portrait if video else None,
        driver=video.driver if video else None,
        real_dataset=video.real_dataset.value if video and video.real_dataset else None,
        split=split,
        status=outcome.status,
        reason=outcome.reason,
        score=aggregate(outcome.clip_logits, spec.aggregation) if scored else None,
        clip_logits=outcome.clip_logits,
        clips=len(outcome.clip_logits),
        faces=outcome.faces,
    )
