"""``thb evaluate``: a detector's numbers on P1, P2 and P3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thb.commands.options import (
    BATCH_SIZE,
    BOOTSTRAP,
    FACE_PACK,
    MAX_PIXELS,
    MAX_SECONDS,
    NAME_HELP,
    NO_FACE,
    PRECISION,
    RELEASE,
    RESULT_FORMAT,
    RUN_OR_DETECTOR_HELP,
    SPLIT_BY,
    AllowMismatchOption,
    BatchSizeOption,
    BootstrapOption,
    FacePackOption,
    FoldOption,
    MaxPixelsOption,
    MaxSecondsOption,
    NoFaceOption,
    PrecisionOption,
    ProtocolOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    ResultFormatOption,
    SplitByOption,
    TrustOption,
    UntrainedOption,
    WorkersOption,
    choose_protocols,
)
from thb.commands.output import write_results
from thb.runtime.console import quiet_transformers, say
from thb.runtime.progress import is_main_process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thb.evaluation.result import Result


def evaluate(  # noqa: PLR0913 — one parameter per option
    *,
    detector: Annotated[str, typer.Argument(metavar="DETECTOR", help=RUN_OR_DETECTOR_HELP)],
    protocol: ProtocolOption,
    fold: FoldOption = None,
    release: ReleaseOption = RELEASE,
    real_root: RealRootOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder of <fold>/predictions.parquet and result-<protocol>.json. (default: the "
            "run folder)",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help=NAME_HELP)] = None,
    fake_folders: Annotated[
        list[str] | None,
        typer.Option(
            "--fakes",
            metavar="NAME=DIR",
            help="Folder of fakes of a generator that the release does not know: one more test-only"
            " column. Repeatable.",
        ),
    ] = None,
    split_by: SplitByOption = SPLIT_BY,
    no_face: NoFaceOption = NO_FACE,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse to start if a video is missing.")
    ] = False,
    allow_mismatch: AllowMismatchOption = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Score again, ignoring saved predictions.")
    ] = False,
    n_bootstrap: BootstrapOption = BOOTSTRAP,
    batch_size: BatchSizeOption = BATCH_SIZE,
    precision: PrecisionOption = PRECISION,
    workers: WorkersOption = None,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    trust_remote_code: TrustOption = False,
    untrained: UntrainedOption = False,
    output: ResultFormatOption = RESULT_FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Score a detector on every fold of a protocol.

    It prints the paper's table, with intervals. A run that was killed continues where it stopped.
    Videos of a generator of your own stand beside the same real videos: --fakes MyGen=DIR.
    Several processes share the videos: torchrun --nproc_per_node N -m thb evaluate …

    JSON: results, one per protocol, each as in result-<protocol>.json.

    Examples:
        thb evaluate runs/baseline --protocol p3 --real-root REALS
        thb evaluate ORG/NAME --protocol all --release mini --format markdown
    """
    protocols = choose_protocols(protocol, fold)
    from thb.evaluation.evaluate import EvaluateSettings, evaluate_protocols
    from thb.prediction.inference import PredictSettings
    from thb.runs.folders import default_out

    quiet_transformers()
    settings = EvaluateSettings(
        name=name,
        split_by=split_by.value,
        strict=strict,
        allow_mismatch=allow_mismatch,
        overwrite=overwrite,
        trust_remote_code=trust_remote_code,
        untrained=untrained,
        no_face=no_face,
        n_bootstrap=n_bootstrap,
        fakes=_read_fakes(fake_folders or []),
        scoring=PredictSettings(
            batch_size=batch_size,
            workers=workers,
            precision=precision,
            face_pack=face_pack,
            max_pixels=max_pixels,
            max_seconds=max_seconds,
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
    folds = [name for result in results for name in result.runs]
    _say_files(results, out or default_out(detector, folds))


def _read_fakes(words: Sequence[str]) -> dict[str, str | Path]:
    """Return the folders of --fakes by name."""
    folders: dict[str, str | Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not (name and equals and folder):
            raise typer.BadParameter(
                f"{word!r} is not NAME=DIR, such as MyGen=videos/mygen", param_hint="--fakes"
            )
        if name in folders:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--fakes")
        folders[name] = Path(folder)
    return folders


def _say_files(results: Sequence[Result], folder: Path) -> None:
    from thb.evaluation.result import result_file_name
    from thb.runs.folders import PREDICTIONS_FILE

    if not is_main_process():
        return
    folds = [fold for result in results for fold in result.runs]
    fold = folds[0] if len(folds) == 1 else "<fold>"
    say(f"predictions: {folder / fold / PREDICTIONS_FILE}")
    say(f"results:     {', '.join(str(folder / result_file_name(result)) for result in results)}")
