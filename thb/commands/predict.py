"""``thb predict``: P(fake) of video files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thb.commands.options import (
    BatchSizeOption,
    FacePackOption,
    FormatOption,
    OutputFormat,
    PrecisionOption,
    QuietOption,
    ScoringPrecision,
    TrustOption,
    WorkersOption,
)
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import EXIT_DATA, quiet_transformers, say

if TYPE_CHECKING:
    from thb.prediction.calibration import Calibration
    from thb.prediction.predictions import Prediction, Predictions

HINT = (
    "the reason stands beside each video; a damaged or unusual file often reads when re-encoded "
    "(ffmpeg -i IN -c:v libx264 -c:a aac OUT.mp4)"
)
HEADINGS = ("P(fake)", "status", "clips", "faces", "video")


def predict(  # noqa: PLR0913 — as many as there are things to choose
    *,
    detector: Annotated[
        str, typer.Argument(metavar="DETECTOR", help="A folder, a Hub id or module:Class.")
    ],
    videos: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO...", help="Video files. Put -- before a name that begins with -."
        ),
    ],
    output: FormatOption = OutputFormat.TEXT,
    batch_size: BatchSizeOption = 16,
    precision: PrecisionOption = ScoringPrecision.FP32,
    workers: WorkersOption = None,
    face_pack: FacePackOption = "embedded",
    trust_remote_code: TrustOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score video files: P(fake), status, clips and faces, a line per video.

    Exit code 3 says that a video could not be read.
    """
    from detectors.registry import load_detector
    from thb.prediction.calibration import read_calibration
    from thb.prediction.inference import PredictSettings
    from thb.prediction.predict import predict as predict_files
    from thb.runs.provenance import hash_weights
    from thb.runtime.records import to_json

    quiet_transformers()
    model = load_detector(detector, trust_remote_code=trust_remote_code)
    calibration = read_calibration(detector, weights_sha256=hash_weights(model))
    settings = PredictSettings(
        batch_size=batch_size,
        workers=workers,
        precision=precision.value,
        face_pack=face_pack,
        progress=not quiet,
    )
    predictions = predict_files(model, videos, settings=settings)
    rows = _in_order_given(predictions, videos)
    if output is OutputFormat.JSON:
        write_json(
            {
                "videos": [_record(row, calibration) for row in rows],
                "run": to_json(predictions.run),
                "throughput": to_json(predictions.throughput),
            }
        )
    else:
        _write_lines(rows, calibration)
    if calibration is not None and not quiet:
        say(f"note: {calibration}")
    if not quiet:
        say(str(predictions.throughput))
    if model.config.training_data:
        say(f"note: this detector was trained on {model.config.training_data}")
    unread = [row for row in rows if row.status in ("missing", "error")]
    if unread:
        say(_explain_unread(unread))
        raise typer.Exit(EXIT_DATA)


def _in_order_given(predictions: Predictions, videos: list[Path]) -> list[Prediction]:
    by_name = {row.video_id: row for row in predictions.rows}
    return [by_name[name] for name in dict.fromkeys(map(str, videos))]


def _give_verdict(row: Prediction, calibration: Calibration) -> str | None:
    """Say what a row's score means; None where it has none."""
    if row.score is None:
        return None
    return "fake" if row.score >= calibration.threshold else "real"


def _record(row: Prediction, calibration: Calibration | None) -> dict[str, Any]:
    record = {
        "video": row.video_id,
        "p_fake": row.score,
        "status": row.status.value,
        "reason": row.reason,
        "clips": row.clips,
        "faces": row.faces,
        "clip_logits": list(row.clip_logits),
    }
    if calibration is not None:
        record["threshold"] = calibration.threshold
        record["verdict"] = _give_verdict(row, calibration)
    return record


def _write_lines(rows: list[Prediction], calibration: Calibration | None) -> None:
    """Write a line a video; a verdict stands in it only where the detector has a threshold."""
    heading = "" if calibration is None else "verdict  "
    write_line("{:>7}  {}{:<7}  {:>5}  {:>5}  {}".format(HEADINGS[0], heading, *HEADINGS[1:]))
    for row in rows:
        score = "–" if row.score is None else f"{row.score:.4f}"
        verdict = "" if calibration is None else f"{_give_verdict(row, calibration) or '–':<7}  "
        reason = f"  ({escape(row.reason)})" if row.reason else ""
        write_line(
            f"{score:>7}  {verdict}{row.status.value:<7}  {row.clips:>5}  {row.faces:>5}  "
            f"{escape(row.video_id)}{reason}"
        )


def _explain_unread(unread: list[Prediction]) -> str:
    if len(unread) == 1:
        what = f"{unread[0].video_id} could not be read: {unread[0].reason}"
    else:
        more = f" and {len(unread) - 3} more" if len(unread) > 3 else ""
        names = ", ".join(row.video_id for row in unread[:3])
        what = f"{len(unread)} videos could not be read: {names}{more}"
    return f"error: {escape(what)}\nhint: {HINT}"
