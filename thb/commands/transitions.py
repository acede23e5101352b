"""``thb transitions``: fakes that are found in one protocol and missed in another (Table 8)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from thb.commands.options import (
    EXPLAIN_BATCH_SIZE,
    FACE_PACK,
    MAX_PIXELS,
    MAX_SECONDS,
    RELEASE,
    TARGET,
    ExplainBatchSizeOption,
    FacePackOption,
    MaxPixelsOption,
    MaxSecondsOption,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SingleProtocol,
    TargetOption,
    TrustOption,
    WorkersOption,
)
from thb.commands.out_places import is_file_place
from thb.commands.output import escape, write_drawing, write_json, write_line
from thb.runtime.console import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thb.reports.run_transitions import RunTransitions
    from thb.reports.transition_sheets import TransitionSheet

BEFORE: Final = "p1"
AFTER: Final = "p3"
CONFIDENT: Final = 0.9
MISSED_BELOW: Final = 0.5
THRESHOLD: Final = "threshold"
LIMIT: Final = 5


class TransitionFormat(StrEnum):
    """How the transitions are written to stdout."""

    TEXT = "text"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


def transitions(  # noqa: PLR0913 — one parameter per option
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run folder with the predictions of both protocols."),
    ],
    run_after: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN_AFTER",
            help="The run folder of the second protocol. (default: RUN)",
            show_default=False,
        ),
    ] = None,
    *,
    before: Annotated[SingleProtocol, typer.Option("--from", help="The first protocol.")] = BEFORE,
    after: Annotated[SingleProtocol, typer.Option("--to", help="The second protocol.")] = AFTER,
    confident: Annotated[
        float,
        typer.Option(
            "--confident",
            min=0,
            max=1,
            metavar="P",
            help="The P(fake) from which a fake is found with confidence.",
        ),
    ] = CONFIDENT,
    quantile: Annotated[
        float | None,
        typer.Option(
            "--quantile",
            min=0,
            max=1,
            metavar="Q",
            help="Let it mean this quantile of the first detector's scores of fakes instead.",
        ),
    ] = None,
    missed: Annotated[
        str,
        typer.Option(
            "--missed-below",
            metavar="P|threshold",
            help="The P(fake) below which a fake is missed, or the threshold of each fold's "
            "detector (thb calibrate).",
        ),
    ] = str(MISSED_BELOW),
    listed: Annotated[
        bool,
        typer.Option("--list", help="List the videos as well; as CSV, the videos alone."),
    ] = False,
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain",
            metavar="DIR",
            help="Write a sheet for each of the steepest falls: what the detectors of both "
            "protocols looked at, on the same frames. Needs the release.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="How many videos are explained.")
    ] = LIMIT,
    release: ReleaseOption = RELEASE,
    real_root: RealRootOption = None,
    target: TargetOption = TARGET,
    output: Annotated[
        TransitionFormat, typer.Option("--format", help="Format of stdout.")
    ] = TransitionFormat.TEXT,
    batch_size: ExplainBatchSizeOption = EXPLAIN_BATCH_SIZE,
    workers: WorkersOption = None,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    trust_remote_code: TrustOption = False,
    quiet: QuietOption = False,
) -> None:
    """Count fakes found in one protocol and missed in another.

    By default these are the fakes that P1's detector gives a P(fake) of 0.9 or more and P3's
    detector one below 0.5, as in the paper's Table 8, whose row stands beside where there is one.

    JSON: name, detector, before, after, quantile, definitions, notes; rows, one per generator, each
    with compared, true_positives, false_negatives, drop and published; videos, the steepest fall
    first; sheets, if --explain is given.

    Examples:
        thb transitions runs/tall --list
        thb transitions runs/tall --quantile 0.8 --explain out --real-root REALS
    """
    if explain is not None:
        is_file_place(explain, None)
    from thb.reports.run_transitions import transitions as find_transitions

    found = find_transitions(
        run,
        run_after,
        before=before,
        after=after,
        confident=confident,
        quantile=quantile,
        missed_below=_read_limit(missed),
    )
    sheets: Sequence[TransitionSheet] | None = None
    if explain is not None:
        from thb.explanations.explain import ExplainSettings
        from thb.reports.transition_sheets import SheetSettings, explain_transitions
        from thb.runtime.console import quiet_transformers

        quiet_transformers()
        sheets = explain_transitions(
            found,
            run,
            run_after,
            out=explain,
            release=release,
            real_root=real_root,
            settings=SheetSettings(
                limit=limit,
                explaining=ExplainSettings(
                    target=target,
                    batch_size=batch_size,
                    workers=workers,
                    face_pack=face_pack,
                    max_pixels=max_pixels,
                    max_seconds=max_seconds,
                    progress=not quiet,
                ),
                trust_remote_code=trust_remote_code,
            ),
        )
    _write(found, sheets, output, listed=listed)


def _read_limit(text: str) -> float | Literal["threshold"]:
    """Return the limit of missed fakes.

    Raises:
        typer.BadParameter: It is neither a probability nor the word.
    """
    if text.strip().lower() == THRESHOLD:
        return THRESHOLD
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise typer.BadParameter(
            f"{text!r} is neither within [0, 1] nor {THRESHOLD!r}", param_hint="--missed-below"
        )
    return value


def _write(
    found: RunTransitions,
    sheets: Sequence[TransitionSheet] | None,
    output: TransitionFormat,
    *,
    listed: bool,
) -> None:
    from thb.reports import transition_tables as tables

    if output is TransitionFormat.JSON:
        record: dict[str, Any] = found.to_dict()
        if sheets is not None:
            record["sheets"] = [sheet.to_dict() for sheet in sheets]
        write_json(record)
        return
    if output is TransitionFormat.CSV:
        write_line(tables.write_csv(found, listed=listed).rstrip("\n"))
        for note in (*found.definitions, *found.notes):
            say(f"note: {note}")
    elif output is TransitionFormat.MARKDOWN:
        write_line(tables.write_markdown(found, listed=listed).rstrip("\n"))
    else:
        write_drawing(lambda console: tables.print_transitions(found, console, listed=listed))
    for sheet in sheets or ():
        say(escape(f"{sheet.video_id}: {sheet.file or f'no sheet: {sheet.problem}'}"))
