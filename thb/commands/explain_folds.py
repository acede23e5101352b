"""Whole splits explained, for ``thb explain``: tables of where a detector looks, and galleries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from thb.commands.options import TableFormat
from thb.commands.output import write_drawing, write_json, write_line
from thb.runtime.console import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thb.explanations.gallery import Gallery, GallerySettings
    from thb.explanations.split import SplitExplainSettings, SplitExplanation

SHEET_ENDING = ".png"


def explain_folds(
    detector: str,
    protocols: Sequence[str],
    *,
    fold: str | None,
    release: str,
    real_root: Path | None,
    out: Path | None,
    settings: SplitExplainSettings,
    output: TableFormat,
) -> None:
    """Explain every fold of the protocols and write a table a protocol: where the detector looks.

    Raises:
        ThbError: As :func:`thb.explanations.split.explain_split`.
        OSError: A file cannot be written.
    """
    from thb.explanations.split import explain_split

    done = [
        explain_split(
            detector,
            protocol=protocol,
            fold=fold,
            release=release,
            real_root=real_root,
            out=out,
            settings=settings,
        )
        for protocol in protocols
    ]
    _write_tables(done, output)
    for one in done:
        for file in one.files:
            say(f"written: {file}")


def _write_tables(done: Sequence[SplitExplanation], output: TableFormat) -> None:
    if output is TableFormat.JSON:
        write_json({"explanations": [one.to_dict() for one in done]})
    elif output is TableFormat.MARKDOWN:
        write_line("\n".join(one.to_markdown() for one in done))
    else:
        for one in done:
            write_drawing(one.print)


def draw_galleries(
    detector: str,
    protocols: Sequence[str],
    *,
    fold: str | None,
    release: str,
    real_root: Path | None,
    out: Path | None,
    settings: GallerySettings,
    as_json: bool,
) -> None:
    """Draw a sheet a protocol: what the detector was surest of, missed and accused.

    Raises:
        typer.BadParameter: One sheet was named for several protocols.
        ThbError: As :func:`thb.explanations.gallery.make_gallery`.
        OSError: A sheet cannot be written.
    """
    from thb.explanations.gallery import make_gallery
    from thb.runs.folders import default_out

    places = _choose_sheets(protocols, fold, out or default_out(detector))
    done = [
        make_gallery(
            detector,
            protocol=protocol,
            fold=fold,
            release=release,
            real_root=real_root,
            out=place,
            settings=settings,
        )
        for protocol, place in places.items()
    ]
    if as_json:
        write_json({"galleries": [one.to_dict() for one in done]})
        return
    for one in done:
        _write_picks(one)


def _choose_sheets(protocols: Sequence[str], fold: str | None, out: Path) -> dict[str, Path]:
    """Return where the sheet of each protocol goes."""
    if out.suffix == SHEET_ENDING:
        if len(protocols) > 1:
            raise typer.BadParameter(
                f"{out} is one sheet, and each of {len(protocols)} protocols has its own: "
                "name a folder",
                param_hint="--out",
            )
        return {protocols[0]: out}
    ending = f"-{fold.lower()}" if fold else ""
    return {one: out / f"gallery-{one}{ending}{SHEET_ENDING}" for one in protocols}


def _write_picks(gallery: Gallery) -> None:
    from thb.explanations.picks import KINDS

    for pick in gallery.picks:
        kind = KINDS[pick.kind] + (f" of {pick.generator}" if pick.generator else "")
        found = pick.problem or ""
        if pick.video_id is not None:
            score = "" if pick.score is None else f"P(fake) {pick.score:.4f}"
            found = "  ".join(part for part in (pick.video_id, score, found) if part)
        write_line(f"{pick.fold}  {kind}: {found}")
    for rule in gallery.rules:
        say(f"note: {rule}")
    write_line(str(gallery.path))
