"""``thb convert``: an official checkpoint becomes a folder that every verb can load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detectors.listing import CONVERTIBLE
from thb.commands.options import FormatOption, OutputFormat
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import quiet_transformers


def convert(
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help=f"Detector that the checkpoint belongs to: {', '.join(CONVERTIBLE)}.",
        ),
    ],
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            help="The authors' file, which is read as weights only, or the folder of a"
            " model.safetensors.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder to write; it must be empty or absent."),
    ],
    variant: Annotated[
        str | None,
        typer.Option(
            "--variant",
            metavar="NAME",
            help="Who trained the weights, where the file cannot tell; for tall: official or"
            " deepfakebench. (default: the likely one, and a warning)",
        ),
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Convert an official checkpoint.

    The folder that it writes loads by every verb. Every key of the checkpoint is used, or left
    behind for a stated reason.

    JSON: folder and the report of the conversion, as in its conversion.json.

    Examples:
        thb convert tall official.pth --out tall
        thb convert caddm official.pkl --out caddm --format json
    """
    from detectors.convert import convert as convert_file

    quiet_transformers()
    report = convert_file(name, checkpoint, out, variant=variant).to_dict()
    if output is OutputFormat.JSON:
        write_json({**report, "folder": str(out)})
        return
    write_line(f"{report['detector']} ({report['variant']}) in {escape(str(out))}")
    write_line(
        f"{report['used']} of {report['keys']} keys used, {report['parameters']:,} parameters"
    )
    if report["prefix"]:
        write_line(f"{escape(report['prefix'])} removed from the beginning of every key")
    for reason, number in report["ignored"].items():
        write_line(f"{number} keys left behind: {reason}")
