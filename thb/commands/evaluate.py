"""``thb evaluate``: a detector's numbers on P1, P2 and P3."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thb.commands.options import (
    AllowMismatchOption,
    BatchSizeOption,
    BootstrapOption,
    FacePackOption,
    FoldOption,
    NoFace,
    NoFaceOption,
    PrecisionOption,
    ProtocolOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    ScoringPrecision,
    SplitBy,
    SplitByOption,
    StrictOption,
    TableFormat,
    TableFormatOption,
    TrustOption,
    WorkersOption,
    choose_protocols,
)
from thb.commands.output import write_results
from thb.releases.opening import DEFAULT_RELEASE
from thb.runtime.console import quiet_transformers, say
from thb.runtime.progress import is_main_process


def evaluate(  # noqa: PLR0913 — as many as there are things to choose
    *,
    detector: Annotated[
        str,
        typer.Argument(
            metavar="DETECTOR",
            help="A run folder with a detector per fold, or one for all: a folder, a Hub id or "
            "module:Class.",
        ),
    ],
    protocol: ProtocolOption,
    fold: FoldOption = None,
    release: ReleaseOption = DEFAULT_RELEASE,
    real_root: RealRootOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where <fold>/predictions.parquet and result-<protocol>.json are written. "
            "(default: the run folder)",
        ),
    ] = None,
    split_by: SplitByOption = SplitBy.RELEASE,
    no_face: NoFaceOption = NoFace.EXCLUDE,
    strict: StrictOption = False,
    allow_mismatch: AllowMismatchOption = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Score anew what was scored before.")
    ] = False,
    n_bootstrap: BootstrapOption = 1000,
    batch_size: BatchSizeOption = 16,
    precision: PrecisionOption = ScoringPrecision.FP32,
    workers: WorkersOption = None,
    face_pack: FacePackOption = "embedded",
    trust_remote_code: TrustOption = False,
    output: TableFormatOption = TableFormat.TEXT,
    quiet: QuietOption = False,
) -> None:
    """Score a detector on every fold of a protocol and print the paper's table.

    Killed and run again, it goes on where it stopped. On several processes:
    torchrun --nproc_per_node N -m thb evaluate …
    """
    protocols = choose_protocols(protocol, fold)
    from thb.evaluation.evaluate import EvaluateSettings, evaluate_protocols
    from thb.evaluation.result import result_file_name
    from thb.prediction.inference import PredictSettings
    from thb.runs.folders import PREDICTIONS_FILE, default_out

    quiet_transformers()
    settings = EvaluateSettings(
        split_by=split_by.value,
        strict=strict,
        allow_mismatch=allow_mismatch,
        overwrite=overwrite,
        trust_remote_code=trust_remote_code,
        no_face=no_face.value,
        n_bootstrap=n_bootstrap,
        scoring=PredictSettings(
            batch_size=batch_size,
            workers=workers,
            precision=precision.value,
            face_pack=face_pack,
            progress=not quiet,
        ),
    )
    results = evaluate_protocols(
        detector,
        protocols=protocols,
        fold=fold,
        release=release,
        real_root=real_root,
        out=out,
        settings=settings,
    )
    write_results(results, output)
    if is_main_process():
        folder = out or default_out(detector)
        names = [name for result in results for name in result.runs]
        of_fold = names[0] if len(names) == 1 else "<fold>"
        say(f"predictions: {folder / of_fold / PREDICTIONS_FILE}")
        say(f"results:     {', '.join(str(folder / result_file_name(one)) for one in results)}")
