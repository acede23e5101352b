"""Predict: score videos and return one row per video.

:func:`predict` scores loose files and :func:`predict_videos` the videos of a release; the loop over
clips and batches that both use is ``thb.prediction.inference.score_files``. A row is the same for
every batch size and every number of processes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.registry import load_detector
from thb.prediction.calls import Grounds
from thb.prediction.face_rows import number_faces
from thb.prediction.inference import FILE_MISSING, Outcome, PredictSettings, aggregate, score_files
from thb.prediction.prediction_log import PredictionLog
from thb.prediction.predictions import Prediction, Predictions, Status, merge_rows
from thb.prediction.throughput import Meter, Throughput
from thb.releases.fake_folders import FakeFolder, add_fakes
from thb.releases.files import VideoFiles, fetch_files
from thb.releases.opening import OpenRelease
from thb.runs.folds import FoldChoice, FoldDetector
from thb.runs.provenance import describe_scoring
from thb.runtime.processes import make_accelerator
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.store import ClipStore
from thb_dataset.records import Label, Video

if TYPE_CHECKING:
    from accelerate import Accelerator

    from detectors.base import Detector


class PredictInterrupt(KeyboardInterrupt):
    """Ctrl-C while videos were scored.

    Attributes:
        predictions: The rows of this process that were finished before, in the order of the files.
    """

    def __init__(self, predictions: Predictions) -> None:
        super().__init__(f"interrupted after {len(predictions)} rows")
        self.predictions = predictions


def predict(
    detector: Detector | str | Path,
    videos: str | Path | Iterable[str | Path],
    *,
    all_faces: bool = False,
    settings: PredictSettings | None = None,
    grounds: Grounds | None = None,
) -> Predictions:
    """Score video files that belong to no release and return one row per file.

    A file that cannot be read, or in which no face is found, gets a row as well; its status says
    why it has no score.

    Args:
        detector: A detector, or its reference as ``thb.detector`` takes it.
        videos: One file or several.
        all_faces: Score every face that is in sight for long enough, not only the main one of a
            video; the rows are :class:`thb.prediction.face_rows.FacePrediction`, one per face.
        settings: How to score; None for the defaults.
        grounds: What the verdicts rest on; None for the threshold that the detector comes with.

    Returns:
        Rows without labels, one for each file in the order given, so that they can be zipped with
        the files; ``video_id`` is the path as given. A file that is given twice is scored once and
        has its row twice. ``verdicts`` are called fake, not called fake or none.

    Raises:
        DetectorError: The detector cannot be found, loaded or run, or its threshold is damaged.
        HubUnreachableError: Its threshold is on the Hub, which does not answer.
        PredictInterrupt: The user pressed Ctrl-C; it holds the rows that were finished.

    Examples:
        >>> rows = thb.predict("runs/baseline/p3-hallo", ["clip.mp4", "broken.mp4"])
        >>> [(row.video_id, row.score is None) for row in rows]
        [('clip.mp4', False), ('broken.mp4', True)]
        >>> rows[1].reason
        'is not a video that can be read...'
    """
    settings = settings or PredictSettings()
    model = load_detector(detector) if isinstance(detector, str | Path) else detector
    grounds = grounds or Grounds.find(model, None if model is detector else str(detector))
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
        all_faces=all_faces,
        meter=meter,
    )
    run = describe_scoring(model, face_pack=settings.face_pack, precision=settings.precision)
    placed = ((make_row(name, outcome, spec), outcome.place) for name, outcome in outcomes)
    rows, is_whole = _collect(number_faces(placed) if all_faces else (row for row, _ in placed))
    if not is_whole:
        if all_faces and rows:  # the last video may have more faces than were scored
            rows = [row for row in rows if row.video_id != rows[-1].video_id]
        finished = _order_rows(rows, given)
        raise PredictInterrupt(Predictions(rows=finished, run=run, grounds=grounds))
    throughput = gather_throughput(meter.read())
    ordered = _order_rows(gather_rows(rows, accelerator), given)
    return Predictions(rows=ordered, run=run, throughput=throughput, grounds=grounds)


def _collect(found: Iterable[Prediction]) -> tuple[list[Prediction], bool]:
    """Return the rows up to the end or to Ctrl-C, and whether the end was reached."""
    rows: list[Prediction] = []
    try:
        for row in found:
            rows.append(row)  # one by one, so that Ctrl-C loses none
    except KeyboardInterrupt:
        return rows, False
    return rows, True


def _order_rows(rows: Iterable[Prediction], given: Iterable[str | Path]) -> tuple[Prediction, ...]:
    """Return the rows of each file as often and in the order in which the files were given."""
    found: dict[str, list[Prediction]] = {}
    for row in rows:
        found.setdefault(row.video_id, []).append(row)
    return tuple(row for path in given for row in found.get(str(path), []))


def load_fold_detector(found: FoldDetector, choice: FoldChoice) -> Detector:
    """Load the detector of a fold, as the choice of the folds allows.

    Raises:
        DetectorError: It cannot be loaded.
    """
    return load_detector(
        found.reference, trust_remote_code=choice.trust_remote_code, untrained=choice.untrained
    )


def predict_videos(
    detector: Detector,
    opened: OpenRelease,
    parts: Mapping[str, Sequence[Video]],
    *,
    log: PredictionLog,
    accelerator: Accelerator,
    settings: PredictSettings | None = None,
    fakes: Sequence[FakeFolder] = (),
) -> Predictions:
    """Score videos of a release; every process scores a share and returns all rows.

    Rows are appended to the log as they are scored. A video whose row is already in the log is not
    scored again, unless its file has another content now.

    Args:
        detector: The detector, on any device; it is moved to the accelerator's device.
        opened: The release, whose files are downloaded first.
        parts: The videos to score, by the part of the protocol they are in (``test``, ``extra``).
            A video whose file is not found gets the status ``missing``.
        log: The log, opened by every process on the same folder with its own rank.
        accelerator: The accelerator of this process; it gathers the rows.
        settings: How to score; None for the defaults.
        fakes: Videos that are of no release; each gets a row of the part ``extra``.

    Raises:
        ReleaseError: A file cannot be downloaded.
        IncompletePredictionsError: After gathering, a video has no row or several.
    """
    settings = settings or PredictSettings()
    spec = detector.config.clip_spec
    placed = {video.video_id: (video, part) for part, videos in parts.items() for video in videos}
    videos = tuple(video for video, _ in placed.values())
    with accelerator.main_process_first():  # the first process downloads
        files = fetch_files(opened, videos, sound=spec.listens, progress=settings.progress)
    files = add_fakes(files, fakes)
    made = {name: (folder.name, "extra") for folder in fakes for name in folder.files}
    expected: dict[str, tuple[Video | str, str]] = {**placed, **made}
    rows = _find_known(log, expected, files, settings)
    remaining = sorted(set(expected).intersection(files.videos) - set(rows))
    share = remaining[accelerator.process_index :: accelerator.num_processes]
    accelerator.wait_for_everyone()  # no process appends before all processes have read the log
    meter = Meter(accelerator.device, settings.precision)
    outcomes = score_files(
        detector,
        {name: files.videos[name] for name in share},
        settings=settings,
        device=accelerator.device,
        sounds=files.sounds,
        meter=meter,
    )
    for name, outcome in chain(outcomes, _describe_absent(expected, files)):
        rows[name] = _make_placed_row(name, outcome, spec, *expected[name])
        if outcome.status is not Status.MISSING:  # the file may be there when the run is continued
            log.append(rows[name], content=_digest_files(name, files, settings))
    throughput = gather_throughput(meter.read())
    gathered = gather_rows(rows.values(), accelerator)
    predictions = Predictions(rows=gathered, run=log.run, throughput=throughput)
    predictions.check(expected)
    return predictions


def _find_known(
    log: PredictionLog, names: Collection[str], files: VideoFiles, settings: PredictSettings
) -> dict[str, Prediction]:
    """Return the rows of the log whose files are there and have the content they had then."""
    known = {
        name: log.find(name, _digest_files(name, files, settings))
        for name in log.done
        if name in names and name in files.videos
    }
    return {name: row for name, row in known.items() if row is not None}


def _describe_absent(names: Collection[str], files: VideoFiles) -> Iterator[tuple[str, Outcome]]:
    """Yield each video without a usable file, and why it has none."""
    for name in names:
        if name not in files.videos:
            reason = files.faults.get(name, FILE_MISSING.reason)
            yield name, replace(FILE_MISSING, reason=reason)


def _digest_files(name: str, files: VideoFiles, settings: PredictSettings) -> str | None:
    """Return the digest of a video's file, and of the sound beside it; None if it has none."""
    store = ClipStore(settings.store)
    paths = [places[name] for places in (files.videos, files.sounds) if name in places]
    try:
        return ":".join(store.digest(path) for path in paths) or None
    except OSError:  # unreadable, or gone since
        return None


def make_row(
    name: str, outcome: Outcome, spec: ClipSpec, *, video: Video | None = None, split: str = ""
) -> Prediction:
    """Return the row of one video: what is known of the video, and what scoring it gave.

    Args:
        name: The ``video_id`` of the row.
        outcome: The logits of the video, or why there are none.
        spec: The clip settings, which say how the logits of the clips become one score.
        video: The video in its release; None for a file that belongs to no release.
        split: The part of the protocol that the video was scored in.
    """
    scored = outcome.status is Status.OK
    values: dict[str, Any] = {
        "status": outcome.status,
        "reason": outcome.reason,
        "score": aggregate(outcome.clip_logits, spec.aggregation) if scored else None,
        "clip_logits": outcome.clip_logits,
    }
    row = (
        Prediction(video_id=name, split=split, **values)
        if video is None
        else Prediction.of_video(video, split=split, **values)
    )
    return replace(
        row,
        clips=len(outcome.clip_logits),
        faces=outcome.faces,
        warnings=outcome.warnings,
    )


def _make_placed_row(
    name: str, outcome: Outcome, spec: ClipSpec, video: Video | str, part: str
) -> Prediction:
    """Return the row of a video of a release, or of a fake of which only the generator is known."""
    if isinstance(video, Video):
        return make_row(name, outcome, spec, video=video, split=part)
    row = make_row(name, outcome, spec, split=part)
    return replace(row, label=int(Label.FAKE), generator=video)


def gather_rows(rows: Iterable[Prediction], accelerator: Accelerator) -> tuple[Prediction, ...]:
    """Return the rows of all processes in every process: one row per video, sorted by id."""
    from accelerate.utils import gather_object

    accelerator.wait_for_everyone()
    shares = gather_object([list(rows)])
    return merge_rows(row for share in shares for row in share)


def gather_throughput(own: Throughput) -> Throughput:
    """Return the throughput of all processes together; every process gets the same value."""
    from accelerate.utils import gather_object

    return Throughput.join(gather_object([own]))
