"""``thb train``: a detector for every fold of a protocol."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

import typer

from thb.commands.given_settings import read_config, read_settings
from thb.commands.options import (
    FACE_PACK,
    FORMAT,
    MAX_PIXELS,
    MAX_SECONDS,
    PROTOCOL_HELP,
    RELEASE,
    SPLIT_BY,
    FacePackOption,
    FoldOption,
    FormatOption,
    MaxPixelsOption,
    MaxSecondsOption,
    OutputFormat,
    ProtocolChoice,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SplitByOption,
    TrustOption,
    WorkersOption,
    choose_protocols,
)
from thb.commands.output import write_json, write_line
from thb.releases.opening import MINI
from thb.runtime.console import quiet_transformers, say

if TYPE_CHECKING:
    from thb.training.settings import TrainOptions
    from thb.training.train import TrainedFold

MixedPrecision = Literal["no", "fp16", "bf16"]
ACCUMULATE: Final = 1
Value = TypeVar("Value")

DetectorArgument = Annotated[
    str,
    typer.Argument(
        metavar="DETECTOR",
        help="A name such as 'baseline' or module:Class for fresh weights; a folder or a Hub id to "
        "continue from its weights.",
    ),
]
OptionalProtocolOption = Annotated[
    ProtocolChoice | None, typer.Option("--protocol", help=PROTOCOL_HELP)
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder of the run: each fold goes to DIR/<fold>; with --fold, to DIR itself.",
    ),
]
EpochsOption = Annotated[
    int | None,
    typer.Option("--epochs", min=1, metavar="N", help="(default: the detector's own)"),
]
BatchSizeOption = Annotated[
    int | None,
    typer.Option(
        "--batch-size", min=2, metavar="N", help="Videos per step. (default: the detector's own)"
    ),
]
LearningRateOption = Annotated[
    float | None,
    typer.Option("--learning-rate", metavar="RATE", help="(default: the detector's own)"),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Random seed for weights, data order and augmentation. (default: 0)",
    ),
]
MixedPrecisionOption = Annotated[
    MixedPrecision | None,
    typer.Option(
        "--mixed-precision",
        help="Compute the network in half precision. (default: the detector's own on a GPU, no "
        "elsewhere)",
    ),
]
PatienceOption = Annotated[
    int | None,
    typer.Option(
        "--patience",
        min=1,
        metavar="N",
        help="Stop after N epochs without a better validation. (default: never)",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other setting of the recipe, its value as JSON: --set schedule=constant, or "
        "--set reencodings=2 (random encodings of real and fake videos alike, against shortcuts) "
        "with --set 'pseudo_fakes=[\"warp\"]' (fakes made of the training's reals). Can be "
        "repeated.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="JSON file with settings of a fresh detector to change."
    ),
]
TinyOption = Annotated[
    bool, typer.Option("--tiny", help="Use the detector's small network, which trains on a CPU.")
]
BackboneOption = Annotated[
    Path | None,
    typer.Option(
        "--backbone",
        metavar="DIR",
        help="Pretrained backbone to begin with: a folder with safetensors. (default: that of the "
        "published training, from the Hub)",
    ),
]
FromScratchOption = Annotated[
    bool,
    typer.Option("--from-scratch", help="Begin without the published training's backbone."),
]
SaveOption = Annotated[
    Literal["small", "whole"] | None,
    typer.Option(
        "--save",
        help="Save only what was tuned, or all weights. (default: small if the backbone is on the "
        "Hub, whole otherwise)",
    ),
]
SmokeOption = Annotated[
    bool,
    typer.Option(
        "--smoke",
        help="Only check that the detector trains: two steps of its small network on two videos of "
        "the synthetic release.",
    ),
]
AccumulateOption = Annotated[
    int,
    typer.Option(
        "--accumulate",
        min=1,
        metavar="N",
        help="Compute each batch in N parts, if it is too large for the memory.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Train again, replacing what is in the folder.")
]


def train(  # noqa: PLR0913 — one parameter per option
    *,
    detector: DetectorArgument,
    protocol: OptionalProtocolOption = None,
    out: OutOption = None,
    fold: FoldOption = None,
    release: ReleaseOption = RELEASE,
    real_root: RealRootOption = None,
    split_by: SplitByOption = SPLIT_BY,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    learning_rate: LearningRateOption = None,
    seed: SeedOption = None,
    mixed_precision: MixedPrecisionOption = None,
    patience: PatienceOption = None,
    set_: SetOption = None,
    config: ConfigOption = None,
    tiny: TinyOption = False,
    backbone: BackboneOption = None,
    from_scratch: FromScratchOption = False,
    save: SaveOption = None,
    smoke: SmokeOption = False,
    accumulate: AccumulateOption = ACCUMULATE,
    workers: WorkersOption = None,
    overwrite: OverwriteOption = False,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    trust_remote_code: TrustOption = False,
    output: FormatOption = FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Train a detector on every fold of a protocol.

    Finished folds are left alone. A run that was killed continues after its last whole epoch and
    ends with the same weights. Several processes or GPUs share each batch:
    torchrun --nproc_per_node N -m thb train …, or accelerate launch -m thb train …

    JSON: folds, each with fold, folder, reused and the contents of its run.json.

    Examples:
        thb train baseline --protocol p3 --real-root REALS --out runs/baseline
        thb train tall --protocol p3 --fold hallo --epochs 5 --out runs/tall
    """
    settings = read_settings(
        set_ or [],
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        mixed_precision=mixed_precision,
        patience=patience,
    )
    protocols = [] if smoke else choose_protocols(_require("--protocol", protocol), fold)
    place = Path() if smoke else _require("--out", out)
    _begin()
    from thb.training.settings import TrainOptions
    from thb.training.train import train as train_protocol

    options = TrainOptions(
        split_by=split_by.value,
        config=read_config(config),
        tiny=tiny,
        backbone=backbone,
        from_scratch=from_scratch,
        save=save,
        accumulate=accumulate,
        face_pack=face_pack,
        max_pixels=max_pixels,
        max_seconds=max_seconds,
        overwrite=overwrite,
        trust_remote_code=trust_remote_code,
        workers=workers,
        progress=not quiet,
    )
    if smoke:
        _train_smoke(detector, release, real_root, out, settings, options, output)
        return
    runs = (
        train_protocol(
            detector,
            protocol=name,
            fold=fold,
            release=release,
            real_root=real_root,
            out=place,
            settings=settings,
            options=options,
        )
        for name in protocols
    )
    _write(chain.from_iterable(runs), output)


def _begin() -> None:
    """Say that something happens before the imports, which take seconds."""
    say("loading …")
    quiet_transformers()


def _require(option: str, value: Value | None) -> Value:
    """Return the value of an option that only ``--smoke`` can do without.

    Raises:
        typer.BadParameter: It was not given.
    """
    if value is None:
        raise typer.BadParameter("it is required, except with --smoke", param_hint=option)
    return value


def _train_smoke(
    detector: str,
    release: str,
    real_root: Path | None,
    out: Path | None,
    settings: Mapping[str, Any],
    options: TrainOptions,
    output: OutputFormat,
) -> None:
    """Train for two steps and say how it went; without ``out`` nothing is kept."""
    from thb.training.smoke import read_last_loss, train_smoke

    source = MINI if release == RELEASE else release
    with tempfile.TemporaryDirectory(prefix="thb-smoke-") as folder:
        place = out or Path(folder) / "run"
        trained = train_smoke(
            detector,
            release=source,
            real_root=real_root,
            out=place,
            settings=settings,
            options=options,
        )
        loss = read_last_loss(place)
    if output is OutputFormat.JSON:
        _write([trained], output)
    else:
        kept = f" in {out}" if out else ""
        write_line(f"it works: loss {loss:.3f}, saved and loaded{kept}")


def _write(trained: Iterable[TrainedFold], output: OutputFormat) -> None:
    from thb.runtime.records import to_json

    if output is OutputFormat.JSON:
        folds = [
            {
                "fold": made.fold,
                "folder": str(made.folder),
                "reused": made.reused,
                **to_json(made.record),
            }
            for made in trained
        ]
        write_json({"folds": folds})
        return
    for made in trained:
        kept = made.record.kept
        area = kept.validation_auc
        validated = "no validation" if area is None else f"validation AUC {area:.3f}"
        reused = "  (finished before)" if made.reused else ""
        write_line(f"{made.fold:<22} epoch {kept.epoch:>3}  {validated}  {made.folder}{reused}")
