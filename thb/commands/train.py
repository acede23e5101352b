"""``thb train``: a detector for every fold of a protocol."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thb.commands.options import (
    FacePackOption,
    FoldOption,
    FormatOption,
    OutputFormat,
    Precision,
    ProtocolChoice,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SplitBy,
    SplitByOption,
    TrustOption,
    WorkersOption,
    choose_protocols,
)
from thb.commands.output import write_json, write_line
from thb.releases.opening import DEFAULT_RELEASE
from thb.runtime.console import quiet_transformers

if TYPE_CHECKING:
    from thb.training.settings import TrainOptions
    from thb.training.train import TrainedFold


OptionalProtocolOption = Annotated[
    ProtocolChoice | None,
    typer.Option(
        "--protocol",
        help="p1 new identities, p2 a new generator, p3 both; 'all' is the three in turn.",
        show_default=False,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder of the run: DIR/<fold> for each fold, DIR itself with --fold.",
    ),
]
EpochsOption = Annotated[
    int | None, typer.Option(min=1, help="(default: the detector's own)", show_default=False)
]
TrainBatchSizeOption = Annotated[
    int | None,
    typer.Option(
        min=2, help="Videos of one step. (default: the detector's own)", show_default=False
    ),
]
LearningRateOption = Annotated[
    float | None, typer.Option(help="(default: the detector's own)", show_default=False)
]
SeedOption = Annotated[int, typer.Option(min=0, help="Of weights, order and augmentation.")]
MixedPrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        help="Products of the network in half precision. (default: on a GPU the detector's own, "
        "else no)",
        show_default=False,
    ),
]
PatienceOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Stop after so many epochs without a better validation. (default: never)",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other setting of the recipe, the value as JSON: --set schedule=constant.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="JSON with settings of a fresh detector that differ from its own."
    ),
]
TinyOption = Annotated[
    bool,
    typer.Option("--tiny", help="The detector's small network, which learns on a CPU."),
]
SmokeOption = Annotated[
    bool,
    typer.Option(
        "--smoke",
        help="Only two steps of the small network on two videos of the synthetic release, to "
        "see that it runs.",
    ),
]
AccumulateOption = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Compute each batch in N parts, where it is too large for the memory.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Train anew what is in the folder already.")
]


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
    protocol: OptionalProtocolOption = None,
    out: OutOption = None,
    fold: FoldOption = None,
    release: ReleaseOption = DEFAULT_RELEASE,
    real_root: RealRootOption = None,
    split_by: SplitByOption = SplitBy.RELEASE,
    epochs: EpochsOption = None,
    batch_size: TrainBatchSizeOption = None,
    learning_rate: LearningRateOption = None,
    seed: SeedOption = 0,
    mixed_precision: MixedPrecisionOption = None,
    patience: PatienceOption = None,
    set_: SetOption = None,
    config: ConfigOption = None,
    tiny: TinyOption = False,
    smoke: SmokeOption = False,
    accumulate: AccumulateOption = 1,
    workers: WorkersOption = None,
    overwrite: OverwriteOption = False,
    face_pack: FacePackOption = "embedded",
    trust_remote_code: TrustOption = False,
    output: FormatOption = OutputFormat.TEXT,
    quiet: QuietOption = False,
) -> None:
    """Train a detector on every fold of a protocol; finished folds are left alone.

    Killed and run again, it goes on after the last whole epoch, to the same weights.
    On several processes or GPUs: torchrun --nproc_per_node N -m thb train …, or accelerate launch.
    """
    quiet_transformers()
    from thb.training.settings import TrainOptions

    options = TrainOptions(
        split_by=split_by.value,
        config=read_config(config),
        tiny=tiny,
        accumulate=accumulate,
        face_pack=face_pack,
        overwrite=overwrite,
        trust_remote_code=trust_remote_code,
        workers=workers,
        progress=not quiet,
    )
    chosen = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "mixed_precision": mixed_precision and mixed_precision.value,
        "patience": patience,
    }
    settings = {name: value for name, value in chosen.items() if value is not None}
    data: dict[str, Any] = {"release": release, "real_root": real_root}
    if smoke:
        trained = _train_smoke(detector, data, out, options)
    else:
        settings |= {**read_settings(set_ or []), "seed": seed}
        trained = _train(detector, protocol, fold, data, out, settings=settings, options=options)
    if output is OutputFormat.JSON:
        write_json({"folds": [_record(one) for one in trained]})
        return
    for one in trained:
        write_line(_line(one))


def _train(
    detector: str,
    protocol: ProtocolChoice | None,
    fold: str | None,
    data: Mapping[str, Any],
    out: Path | None,
    *,
    settings: Mapping[str, Any],
    options: TrainOptions,
) -> list[TrainedFold]:
    if protocol is None or out is None:
        missing = "--protocol" if protocol is None else "--out"
        raise typer.BadParameter("it is needed, except with --smoke", param_hint=missing)
    protocols = choose_protocols(protocol, fold)
    from thb.training.train import train as train_protocol

    return [
        one
        for name in protocols
        for one in train_protocol(
            detector, protocol=name, fold=fold, **data, out=out, settings=settings, options=options
        )
    ]


def _train_smoke(
    detector: str, data: Mapping[str, Any], out: Path | None, options: TrainOptions
) -> list[TrainedFold]:
    """Train for two steps, into a folder that is thrown away unless one is named."""
    from thb.training.smoke import train_smoke

    release = "mini" if data["release"] == DEFAULT_RELEASE else data["release"]
    with tempfile.TemporaryDirectory(prefix="thb-smoke-") as folder:
        place = out or Path(folder) / "run"
        return [
            train_smoke(
                detector, release=release, real_root=data["real_root"], out=place, options=options
            )
        ]


def read_config(file: Path | None) -> dict[str, Any] | None:
    """Read the settings of a fresh detector.

    Raises:
        typer.BadParameter: The file cannot be read or holds no JSON object.
    """
    if file is None:
        return None
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--config") from error
    if not isinstance(config, dict):
        raise typer.BadParameter(f"{file} holds no JSON object", param_hint="--config")
    return config


def read_settings(given: Sequence[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` pairs; a value that is no JSON is text.

    Raises:
        typer.BadParameter: One has no name or no value.
    """
    settings: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="--set")
        try:
            settings[name.replace("-", "_")] = json.loads(value)
        except ValueError:
            settings[name.replace("-", "_")] = value
    return settings


def _record(one: TrainedFold) -> dict[str, Any]:
    from thb.runtime.records import to_json

    folder = str(one.folder)
    return {"fold": one.fold, "folder": folder, "reused": one.reused, **to_json(one.record)}


def _line(one: TrainedFold) -> str:
    kept = one.record.kept
    area = kept.validation_auc
    validated = "no validation" if area is None else f"validation AUC {area:.3f}"
    reused = "  (finished before)" if one.reused else ""
    return f"{one.fold:<22} epoch {kept.epoch:>3}  {validated}  {one.folder}{reused}"
