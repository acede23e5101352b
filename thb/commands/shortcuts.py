"""``thb shortcuts``: what the metadata of the videos reach without a look at a face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from thb.commands.options import (
    BOOTSTRAP,
    MAX_PIXELS,
    MAX_SECONDS,
    RELEASE,
    SPLIT_BY,
    TABLE_FORMAT,
    BootstrapOption,
    FoldOption,
    MaxPixelsOption,
    MaxSecondsOption,
    ProtocolOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    ResultFormat,
    SplitByOption,
    TableFormat,
    TableFormatOption,
    WorkersOption,
    choose_protocols,
)
from thb.commands.output import write_json, write_line, write_results, write_table
from thb.runtime.console import quiet_transformers, say

if TYPE_CHECKING:
    from thb.robustness.report import ShortcutReport

SEED: Final = 0
OUT: Final = Path("runs") / "metadata"


def shortcuts(  # noqa: PLR0913 — one parameter per option
    *,
    protocol: ProtocolOption,
    fold: FoldOption = None,
    release: ReleaseOption = RELEASE,
    real_root: RealRootOption = None,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="Also compare the predictions of this run folder; repeat it for several.",
        ),
    ] = None,
    controlled: Annotated[
        bool,
        typer.Option(
            "--controlled",
            help="Also render the test videos alike (one rate, size and encoder, no sound, no tags)"
            " and score the detectors of --run on them, in DIR-controlled.",
        ),
    ] = False,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Run folders of the two classifiers, DIR/logistic and DIR/trees, and all figures"
            " as DIR/shortcuts-<protocols>.json.",
        ),
    ] = OUT,
    split_by: SplitByOption = SPLIT_BY,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse to start if a video is missing.")
    ] = False,
    n_bootstrap: BootstrapOption = BOOTSTRAP,
    seed: Annotated[
        int, typer.Option("--seed", help="Random seed of the trees and of the bootstrap.")
    ] = SEED,
    workers: WorkersOption = None,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    output: TableFormatOption = TABLE_FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Measure what the metadata of the videos alone reach.

    Two classifiers see frame rate, size, bits per pixel, bit rate, length, sound, encoder tag,
    distance of key frames, codec and profile, and no picture. They are trained and tested on each
    fold like any detector, and their run folders go wherever those of detectors go: thb score
    DIR. Further tables show single features, the weights, and whether real videos of one dataset
    are told from those of the other.

    JSON: results, each as in result-<protocol>.json; folds, differences, real_sources,
    source_scores and controlled.

    Examples:
        thb shortcuts --protocol p3 --real-root REALS --run runs/baseline
        thb shortcuts --protocol p1 --release mini --format markdown
    """
    protocols = choose_protocols(protocol, fold)
    if controlled:
        quiet_transformers()
    from thb.robustness.shortcuts import ShortcutSettings
    from thb.robustness.shortcuts import shortcuts as measure_shortcuts

    report = measure_shortcuts(
        protocols,
        fold=fold,
        release=release,
        real_root=real_root,
        out=out,
        runs=run or [],
        settings=ShortcutSettings(
            split_by=split_by.value,
            strict=strict,
            n_bootstrap=n_bootstrap,
            seed=seed,
            controlled=controlled,
            workers=workers,
            max_pixels=max_pixels,
            max_seconds=max_seconds,
            progress=not quiet,
        ),
    )
    _write(report, output)
    say(f"run folders and all figures: {out}")


def _write(report: ShortcutReport, output: TableFormat) -> None:
    from thb.evaluation.tables import rank
    from thb.robustness.sheets import list_sheets

    if output is TableFormat.JSON:
        write_json(report.to_dict())
        return
    write_results(rank(report.results), ResultFormat(output.value))
    for sheet in list_sheets(report):
        if output is TableFormat.MARKDOWN:
            write_line(f"\n{sheet.to_markdown()}")
        else:
            write_line("")
            write_table(sheet.draw())
            write_line(sheet.note)
