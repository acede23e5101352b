"""``thb predict``: P(fake) of video files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from thb.commands.given_videos import find_videos
from thb.commands.options import (
    BATCH_SIZE,
    DETECTOR_HELP,
    FACE_PACK,
    MAX_PIXELS,
    MAX_SECONDS,
    PRECISION,
    ROW_FORMAT,
    VIDEOS_HELP,
    BatchSizeOption,
    FacePackOption,
    MaxPixelsOption,
    MaxSecondsOption,
    PrecisionOption,
    QuietOption,
    RowFormat,
    RowFormatOption,
    TrustOption,
    UntrainedOption,
    WorkersOption,
)
from thb.commands.output import CALL_KEYS, escape, say_grounds, write_json, write_line
from thb.runtime.console import EXIT_DATA, EXIT_INTERRUPTED, quiet_transformers, say
from thb.runtime.progress import is_main_process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thb.prediction.calls import Call
    from thb.prediction.predictions import Prediction, Predictions

HINT: Final = (
    "the reason is given beside each video; a damaged or unusual file can often be read after "
    "re-encoding (ffmpeg -i IN -c:v libx264 -c:a aac OUT.mp4)"
)
MISSING_HINT: Final = (
    "check the paths; a folder with videos or a pattern such as 'clips/*.mp4' works too"
)
HEADINGS: Final = ("score", "verdict", "status", "clips", "faces", "video")
NAMES_SHOWN: Final = 3


def predict(  # noqa: PLR0913 — one parameter per option
    *,
    detector: Annotated[str, typer.Argument(metavar="DETECTOR", help=DETECTOR_HELP)],
    videos: Annotated[list[str], typer.Argument(metavar="VIDEO", help=VIDEOS_HELP)],
    output: RowFormatOption = ROW_FORMAT,
    batch_size: BatchSizeOption = BATCH_SIZE,
    precision: PrecisionOption = PRECISION,
    all_faces: Annotated[
        bool,
        typer.Option("--all-faces", help="Score every face, not only the main one of a video."),
    ] = False,
    workers: WorkersOption = None,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    trust_remote_code: TrustOption = False,
    untrained: UntrainedOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score video files.

    Each video gets a line with its score, the verdict (called fake, not called fake, or none), its
    status (ok, no_face, missing or error), and the numbers of clips and faces. There is no verdict
    without a threshold that was found to work. Exit code 3: a video could not be read.

    JSON: videos, each with video_id, score, verdict, verdict_sentence, caveat, threshold, status,
    reason, clips, faces, clip_logits and warnings, and with face, start_seconds, end_seconds and
    box with --all-faces; run, what scored them; throughput. CSV: the videos without clip_logits.

    Examples:
        thb predict runs/baseline/p3-hallo clip.mp4 other.mp4
        thb predict gend clip.mp4 --format json
    """
    from detectors.registry import load_detector
    from thb.prediction.inference import PredictSettings
    from thb.prediction.predict import PredictInterrupt
    from thb.prediction.predict import predict as predict_files

    quiet_transformers()
    files = list(dict.fromkeys(find_videos(videos)))
    model = load_detector(detector, trust_remote_code=trust_remote_code, untrained=untrained)
    settings = PredictSettings(
        batch_size=batch_size,
        workers=workers,
        precision=precision,
        face_pack=face_pack,
        max_pixels=max_pixels,
        max_seconds=max_seconds,
        progress=not quiet,
    )
    try:
        predictions = predict_files(model, files, all_faces=all_faces, settings=settings)
    except PredictInterrupt as stopped:
        _write_predictions(stopped.predictions, output)
        say(f"stopped after {len(stopped.predictions)} rows; {len(files)} files were given")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    rows, grounds = predictions.rows, predictions.grounds
    assert grounds is not None  # noqa: S101 — the rows of files have them
    _write_predictions(predictions, output)
    if not is_main_process():  # which has all rows, and says the rest once
        return
    if len(rows) > 1:
        say(_count_verdicts(predictions))
    if grounds.calibration is not None:
        say(f"note: {grounds.calibration}")
    say(str(predictions.throughput))
    if model.config.training_data:
        say(f"note: this detector was trained on {model.config.training_data}")
    say_grounds(grounds)
    unread = [row for row in rows if row.status in ("missing", "error")]
    if unread:
        say(_explain_unread(unread))
        raise typer.Exit(EXIT_DATA)


def _count_verdicts(predictions: Predictions) -> str:
    """Return how many rows have which verdict: ``7 rows: 3 called fake, 4 not called fake``."""
    counts = Counter(verdict or "no score" for verdict in predictions.verdicts)
    counts["no verdict"] = counts.pop("none", 0)
    found = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()) if count)
    return f"{len(predictions)} rows: {found}"


def _write_predictions(predictions: Predictions, output: RowFormat) -> None:
    if output is RowFormat.TEXT:
        _write_lines(predictions)
        return
    from thb.runtime.records import to_json

    called = zip(predictions, predictions.calls, strict=True)
    records = [_to_record(row, call) for row, call in called]
    if output is RowFormat.CSV:
        _write_csv(records)
        return
    measured = predictions.throughput
    write_json(
        {
            "videos": records,
            "run": to_json(predictions.run),
            "throughput": None if measured is None else to_json(measured),
        }
    )


def _to_record(row: Prediction, call: Call | None) -> dict[str, Any]:
    from thb.prediction.face_rows import FacePrediction

    record = {
        "video_id": row.video_id,
        "score": row.score,
        **(dict.fromkeys(CALL_KEYS) if call is None else call.to_dict()),
        "status": row.status.value,
        "reason": row.reason,
        "clips": row.clips,
        "faces": row.faces,
        "clip_logits": list(row.clip_logits),
        "warnings": list(row.warnings),
    }
    return record | (row.to_dict() if isinstance(row, FacePrediction) else {})


def _write_csv(records: Sequence[dict[str, Any]]) -> None:
    """Write a line per video, or per face; lists are written as text with semicolons."""
    from thb.runtime.csv_text import write_csv

    columns = [name for name in (records[0] if records else {}) if name != "clip_logits"]
    rows = [
        {
            name: "; ".join(map(str, value)) if isinstance(value, list | tuple) else value
            for name, value in record.items()
        }
        for record in records
    ]
    write_line(write_csv(columns, rows).removesuffix("\n"))


def _write_lines(predictions: Predictions) -> None:
    """Write one line per video, or per face."""
    from thb.prediction.face_rows import FacePrediction

    write_line("{:>7}  {:<15}  {:<7}  {:>5}  {:>5}  {}".format(*HEADINGS))
    for row, call in zip(predictions, predictions.calls, strict=True):
        score = "–" if call is None else f"{call.score:.4f}"
        verdict = "–" if call is None else call.verdict
        found = str(row) if isinstance(row, FacePrediction) and row.place is not None else None
        remark = call.remark if call else None
        said = "; ".join(filter(None, (row.reason, found, remark, *row.warnings)))
        aside = f"  ({escape(said)})" if said else ""
        write_line(
            f"{score:>7}  {verdict:<15}  {row.status.value:<7}  {row.clips:>5}  {row.faces:>5}  "
            f"{escape(row.video_id)}{aside}"
        )


def _explain_unread(unread: Sequence[Prediction]) -> str:
    from pathlib import Path

    from thb_dataset.wording import shorten_list

    if len(unread) == 1:
        name, reason = unread[0].video_id, unread[0].reason or ""
        what = f"{name} {'' if reason.startswith('is ') else 'could not be read: '}{reason}"
    else:
        names = shorten_list([row.video_id for row in unread], NAMES_SHOWN)
        what = f"{len(unread)} videos could not be read: {names}"
    named = all(row.status == "missing" or Path(row.video_id).is_dir() for row in unread)
    hint = MISSING_HINT if named else HINT
    return f"error: {escape(what)}\nhint: {hint}"
