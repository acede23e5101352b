"""``thb train``: a detector for every fold of a protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thb.commands.options import (
    FacePackOption,
    FoldOption,
    FormatOption,
    OutputFormat,
    ProtocolOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SplitBy,
    SplitByOption,
    TrustOption,
    choose_protocols,
)
from thb.commands.output import write_json, write_line
from thb.console import quiet_transformers
from thb.releases import DEFAULT_RELEASE

if TYPE_CHECKING:
    from thb.train import TrainedFold


def train(  # noqa: PLR0913 — as many as there are things to choose
    *,
    detector: Annotated[
        str,
        typer.Argument(
            metavar="DETECTOR",
            help="A name such as 'baseline' or module:Class to begin anew; a folder or a Hub id "
            "to go on from its weights.",
        ),
    ],
    protocol: ProtocolOption,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder of the run: DIR/<fold> for each fold, DIR itself with --fold.",
        ),
    ],
    fold: FoldOption = None,
    release: ReleaseOption = DEFAULT_RELEASE,
    real_root: RealRootOption = None,
    split_by: SplitByOption = SplitBy.RELEASE,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="[default: the detector's own]", show_default=False)
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=2, help="Clips of one step. [default: the detector's own]", show_default=False
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="[default: the detector's own]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and augmentation.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Train anew what is in the folder already.")
    ] = False,
    face_pack: FacePackOption = "embedded",
    trust_remote_code: TrustOption = False,
    output: FormatOption = OutputFormat.TEXT,
    quiet: QuietOption = False,
) -> None:
    """Train a detector on every fold of a protocol; finished folds are left alone.

    On several processes or GPUs: torchrun --nproc_per_node N -m thb train …, or accelerate launch.
    """
    protocols = choose_protocols(protocol, fold)
    from thb.train import train as train_protocol
    from thb.train_settings import TrainOptions

    quiet_transformers()
    chosen = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    settings = {name: value for name, value in chosen.items() if value is not None}
    options = TrainOptions(
        split_by=split_by.value,
        face_pack=face_pack,
        overwrite=overwrite,
        trust_remote_code=trust_remote_code,
        progress=not quiet,
    )
    trained = [
        one
        for name in protocols
        for one in train_protocol(
            detector,
            protocol=name,
            fold=fold,
            release=release,
            real_root=real_root,
            out=out,
            settings={**settings, "seed": seed},
            options=options,
        )
    ]
    if output is OutputFormat.JSON:
        write_json({"folds": [_record(one) for one in trained]})
        return
    for one in trained:
        write_line(_line(one))


def _record(one: TrainedFold) -> dict[str, Any]:
    return {"fold": one.fold, "folder": str(one.folder), "reused": one.reused, **one.record}


def _line(one: TrainedFold) -> str:
    kept = one.record["kept"]
    area = kept["validation_auc"]
    validated = "no validation" if area is None else f"validation AUC {area:.3f}"
    reused = "  (finished before)" if one.reused else ""
    return f"{one.fold:<22} epoch {kept['epoch']:>3}  {validated}  {one.folder}{reused}"
