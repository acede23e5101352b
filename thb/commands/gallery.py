"""``thb gallery``: the videos a detector was surest of, missed, or wrongly called fake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from thb.commands.options import (
    EXPLAIN_BATCH_SIZE,
    FACE_PACK,
    FORMAT,
    MAX_PIXELS,
    MAX_SECONDS,
    RELEASE,
    RUN_OR_DETECTOR_HELP,
    SPLIT_BY,
    TARGET,
    AllowMismatchOption,
    ExplainBatchSizeOption,
    FacePackOption,
    FoldOption,
    FormatOption,
    MaxPixelsOption,
    MaxSecondsOption,
    OutputFormat,
    ProtocolOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SplitByOption,
    TargetOption,
    TrustOption,
    UntrainedOption,
    WorkersOption,
    choose_protocols,
)
from thb.commands.out_places import is_file_place
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import quiet_transformers, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thb.explanations.gallery import Gallery

SHEET_ENDING: Final = ".png"


def gallery(  # noqa: PLR0913 — one parameter per option
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
            metavar="FILE|DIR",
            help="The sheet (.png) or its folder. (default: the run folder)",
        ),
    ] = None,
    target: TargetOption = TARGET,
    split_by: SplitByOption = SPLIT_BY,
    allow_mismatch: AllowMismatchOption = False,
    output: FormatOption = FORMAT,
    batch_size: ExplainBatchSizeOption = EXPLAIN_BATCH_SIZE,
    workers: WorkersOption = None,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    trust_remote_code: TrustOption = False,
    untrained: UntrainedOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw the best hits, worst misses and worst false alarms.

    The videos are picked by fixed rules from the scores of thb evaluate or thb explain-split, are
    explained, and are drawn on one sheet per protocol together with the rules.

    JSON: galleries, one per protocol, each with file, rules and picks; a pick has fold, kind,
    generator, video_id, score, call and problem.

    Examples:
        thb gallery runs/baseline --protocol p3 --real-root REALS
        thb gallery runs/baseline --protocol p3 --fold hallo --out gallery.png
    """
    protocols = choose_protocols(protocol, fold)
    from thb.explanations.explain import ExplainSettings
    from thb.explanations.gallery import GallerySettings, make_gallery
    from thb.runs.folders import default_out

    quiet_transformers()
    places = _choose_sheets(protocols, fold, out or default_out(detector))
    settings = GallerySettings(
        explaining=ExplainSettings(
            target=target,
            batch_size=batch_size,
            workers=workers,
            face_pack=face_pack,
            max_pixels=max_pixels,
            max_seconds=max_seconds,
            progress=not quiet,
        ),
        split_by=split_by.value,
        allow_mismatch=allow_mismatch,
        trust_remote_code=trust_remote_code,
        untrained=untrained,
    )
    drawn = [
        make_gallery(
            detector,
            protocol=name,
            fold=fold,
            release=release,
            real_root=real_root,
            out=place,
            settings=settings,
        )
        for name, place in places.items()
    ]
    if output is OutputFormat.JSON:
        write_json({"galleries": [sheet.to_dict() for sheet in drawn]})
        return
    for sheet in drawn:
        _write_picks(sheet)


def _choose_sheets(protocols: Sequence[str], fold: str | None, out: Path) -> dict[str, Path]:
    """Return the place of each protocol's sheet.

    Raises:
        typer.BadParameter: One file was named for several protocols, or a file that is no PNG.
    """
    if is_file_place(out, SHEET_ENDING):
        if len(protocols) > 1:
            raise typer.BadParameter(
                f"{out} is one sheet, but each of the {len(protocols)} protocols has its own; "
                "name a folder",
                param_hint="--out",
            )
        return {protocols[0]: out}
    ending = f"-{fold.lower()}" if fold else ""
    return {name: out / f"gallery-{name}{ending}{SHEET_ENDING}" for name in protocols}


def _write_picks(sheet: Gallery) -> None:
    from thb.explanations.picks import KINDS

    for pick in sheet.picks:
        kind = KINDS[pick.kind] + (f" of {pick.generator}" if pick.generator else "")
        found = pick.problem or ""
        if pick.video_id is not None:
            score = "" if pick.score is None else f"score {pick.score:.4f}"
            found = "  ".join(part for part in (pick.video_id, score, pick.call, found) if part)
        write_line(escape(f"{pick.fold}  {kind}: {found}"))
    for rule in sheet.rules:
        say(f"note: {rule}")
    write_line(str(sheet.path))
