"""``thb calibrate``: from which score on a detector's word is "fake"."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thb.commands.options import (
    BatchSizeOption,
    FacePackOption,
    FormatOption,
    OutputFormat,
    PrecisionOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    ScoringPrecision,
    TrustOption,
    WorkersOption,
)
from thb.commands.output import write_json, write_line
from thb.releases.opening import DEFAULT_RELEASE
from thb.runtime.console import quiet_transformers


def calibrate(  # noqa: PLR0913 — as many as there are things to choose
    *,
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder that thb train wrote: one detector or folds."),
    ],
    release: ReleaseOption = DEFAULT_RELEASE,
    real_root: RealRootOption = None,
    target_fpr: Annotated[
        float, typer.Option("--target-fpr", help="Share of real videos that may be called fake.")
    ] = 0.01,
    batch_size: BatchSizeOption = 16,
    precision: PrecisionOption = ScoringPrecision.FP32,
    workers: WorkersOption = None,
    face_pack: FacePackOption = "embedded",
    trust_remote_code: TrustOption = False,
    output: FormatOption = OutputFormat.TEXT,
    quiet: QuietOption = False,
) -> None:
    """Set the threshold of every detector in a run, from its fold's validation videos.

    It is written into thresholds.json beside the weights; thb predict then says fake or real.
    """
    quiet_transformers()
    from thb.prediction.calibration import calibrate as calibrate_run
    from thb.prediction.inference import PredictSettings
    from thb.releases.opening import open_release
    from thb.runs.folders import find_run_folders
    from thb.runtime.records import to_json

    found = find_run_folders(run)
    opened = open_release(release, real_root=real_root, progress=not quiet)
    scoring = PredictSettings(
        batch_size=batch_size,
        workers=workers,
        precision=precision.value,
        face_pack=face_pack,
        progress=not quiet,
        description="calibrating",
    )
    made = [
        calibrate_run(
            one.folder,
            release=opened,
            target_fpr=target_fpr,
            scoring=scoring,
            trust_remote_code=trust_remote_code,
        )
        for one in found
    ]
    if output is OutputFormat.JSON:
        write_json({"calibrations": [to_json(calibration) for calibration in made]})
        return
    for one in made:
        write_line(f"{one.fold:<22} {one}")
