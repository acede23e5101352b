"""``thb calibrate``: the score above which a detector calls a video fake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from thb.commands.options import (
    BATCH_SIZE,
    FACE_PACK,
    FORMAT,
    MAX_PIXELS,
    MAX_SECONDS,
    PRECISION,
    RELEASE,
    BatchSizeOption,
    FacePackOption,
    FormatOption,
    MaxPixelsOption,
    MaxSecondsOption,
    OutputFormat,
    PrecisionOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    TrustOption,
    WorkersOption,
)
from thb.commands.output import write_json, write_line
from thb.runtime.console import quiet_transformers, say

TARGET_FPR: Final = 0.01


def calibrate(  # noqa: PLR0913 — one parameter per option
    *,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Folder that thb train wrote, of one detector or of several folds; for a class of "
            "your own module:Class@FOLDER. With --reals any folder of weights, or gend.",
        ),
    ],
    release: ReleaseOption = RELEASE,
    real_root: RealRootOption = None,
    reals: Annotated[
        Path | None,
        typer.Option(
            "--reals",
            metavar="DIR",
            help="Any folder of real videos, in place of a release: for weights from elsewhere.",
        ),
    ] = None,
    target_fpr: Annotated[
        float,
        typer.Option("--target-fpr", help="Largest share of real videos that may be called fake."),
    ] = TARGET_FPR,
    batch_size: BatchSizeOption = BATCH_SIZE,
    precision: PrecisionOption = PRECISION,
    workers: WorkersOption = None,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    trust_remote_code: TrustOption = False,
    output: FormatOption = FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Choose the threshold of every detector in a run.

    Each detector scores the validation videos of its own fold, never test videos. The threshold is
    written to thresholds.json beside the weights; thb predict then gives verdicts. Weights from
    elsewhere have no fold: for them --reals names any folder of real videos.

    JSON: calibrations, one per detector, each as in thresholds.json.

    Examples:
        thb calibrate runs/baseline --real-root REALS
        thb calibrate gend --reals VIDEOS --target-fpr 0.05 --format json
    """
    from thb.prediction.calibration import calibrate as calibrate_detector
    from thb.prediction.calls import Grounds
    from thb.prediction.inference import PredictSettings
    from thb.runtime.records import to_json

    quiet_transformers()
    scoring = PredictSettings(
        batch_size=batch_size,
        workers=workers,
        precision=precision,
        face_pack=face_pack,
        max_pixels=max_pixels,
        max_seconds=max_seconds,
        progress=not quiet,
        description="calibrating",
    )
    references, videos = _choose_videos(run, release, real_root, reals, progress=not quiet)
    calibrations = [
        calibrate_detector(
            reference,
            **videos,
            target_fpr=target_fpr,
            scoring=scoring,
            trust_remote_code=trust_remote_code,
        )
        for reference in references
    ]
    if output is OutputFormat.JSON:
        write_json({"calibrations": [to_json(calibration) for calibration in calibrations]})
        return
    for calibration in calibrations:
        write_line(f"{calibration.fold:<22} {calibration}")
        fault = Grounds(calibration=calibration).fault
        if fault is not None:
            say(f"note: {calibration.fold} gives no verdict: {fault}")


def _choose_videos(
    run: str, release: str, real_root: Path | None, reals: Path | None, *, progress: bool
) -> tuple[list[str | Path], dict[str, Any]]:
    """Return the detectors, and the videos on which each gets its threshold.

    Raises:
        typer.BadParameter: The options contradict each other, or the weights belong to no fold.
    """
    from detectors.references import read_reference
    from thb.releases.opening import open_release
    from thb.runs.folders import find_run_folders

    if reals is not None:
        if real_root is not None:
            raise typer.BadParameter("--reals takes the place of a release: leave out --real-root")
        return [run], {"reals": reals}
    if read_reference(run).published is not None:
        raise typer.BadParameter(
            f"the weights of {run} belong to no fold: name a folder of real videos (--reals DIR)"
        )
    references = [found.reference for found in find_run_folders(run)]
    return references, {"release": open_release(release, real_root=real_root, progress=progress)}
