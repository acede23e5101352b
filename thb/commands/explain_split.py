"""``thb explain-split``: where a detector looks, measured over the test set of every fold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from thb.commands.options import (
    EXPLAIN_BATCH_SIZE,
    FACE_PACK,
    MAX_PIXELS,
    MAX_SECONDS,
    RELEASE,
    RUN_OR_DETECTOR_HELP,
    SPLIT_BY,
    TABLE_FORMAT,
    TARGET,
    AllowMismatchOption,
    ExplainBatchSizeOption,
    FacePackOption,
    FoldOption,
    MaxPixelsOption,
    MaxSecondsOption,
    ProtocolOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SplitByOption,
    TableFormat,
    TableFormatOption,
    TargetOption,
    TrustOption,
    UntrainedOption,
    WorkersOption,
    choose_protocols,
)
from thb.commands.out_places import is_file_place
from thb.commands.output import write_drawing, write_json, write_line
from thb.runtime.console import quiet_transformers, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thb.explanations.split import SplitExplanation

STEPS: Final = 10


def explain_split(  # noqa: PLR0913 — one parameter per option
    *,
    detector: Annotated[str, typer.Argument(metavar="DETECTOR", help=RUN_OR_DETECTOR_HELP)],
    protocol: ProtocolOption,
    fold: FoldOption = None,
    release: ReleaseOption = RELEASE,
    real_root: RealRootOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the files. (default: the run folder)"),
    ] = None,
    target: TargetOption = TARGET,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            metavar="N",
            help="At most N videos of each generator, and N real ones. (default: all)",
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(
            "--steps",
            min=0,
            metavar="N",
            help="Steps of the deletion and insertion curves; 0 for none is much faster.",
        ),
    ] = STEPS,
    overlays: Annotated[
        bool,
        typer.Option(
            "--overlays",
            help="Also write every video's overlay, sheet and map into <fold>/explanations.",
        ),
    ] = False,
    split_by: SplitByOption = SPLIT_BY,
    allow_mismatch: AllowMismatchOption = False,
    output: TableFormatOption = TABLE_FORMAT,
    batch_size: ExplainBatchSizeOption = EXPLAIN_BATCH_SIZE,
    workers: WorkersOption = None,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    trust_remote_code: TrustOption = False,
    untrained: UntrainedOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure where a detector looks over a whole test set.

    The table gives the share of the heat on eyes, mouth, face, hair and background, for each
    generator and for right and wrong answers separately. It is also written to
    explanations-<protocol>.md and .json; every video is a row of <fold>/explanations.parquet.

    JSON: explanations, one per protocol, each with cells, runs, rules and notes.

    Examples:
        thb explain-split runs/baseline --protocol p3 --real-root REALS
        thb explain-split runs/baseline --protocol p3 --limit 20 --steps 0
    """
    protocols = choose_protocols(protocol, fold)
    if out is not None:
        is_file_place(out, None)
    from thb.explanations.explain import ExplainSettings
    from thb.explanations.split import SplitExplainSettings
    from thb.explanations.split import explain_split as explain_one_protocol

    quiet_transformers()
    settings = SplitExplainSettings(
        explaining=ExplainSettings(
            target=target,
            batch_size=batch_size,
            workers=workers,
            face_pack=face_pack,
            max_pixels=max_pixels,
            max_seconds=max_seconds,
            progress=not quiet,
        ),
        limit=limit,
        steps=steps,
        overlays=overlays,
        split_by=split_by.value,
        allow_mismatch=allow_mismatch,
        trust_remote_code=trust_remote_code,
        untrained=untrained,
    )
    explained = [
        explain_one_protocol(
            detector,
            protocol=name,
            fold=fold,
            release=release,
            real_root=real_root,
            out=out,
            settings=settings,
        )
        for name in protocols
    ]
    _write_tables(explained, output)
    for split in explained:
        for file in split.files:
            say(f"written: {file}")


def _write_tables(explained: Sequence[SplitExplanation], output: TableFormat) -> None:
    if output is TableFormat.JSON:
        write_json({"explanations": [split.to_dict() for split in explained]})
    elif output is TableFormat.MARKDOWN:
        write_line("\n".join(split.to_markdown() for split in explained))
    else:
        for split in explained:
            write_drawing(split.print)
