"""``thb board rerun``: score random videos of a submission again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from thb.commands.options import (
    BATCH_SIZE,
    FACE_PACK,
    FORMAT,
    RELEASE,
    BatchSizeOption,
    FacePackOption,
    FormatOption,
    OutputFormat,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    TrustOption,
    WorkersOption,
)
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import EXIT_FINDING, quiet_transformers, say

if TYPE_CHECKING:
    from thb.boards.rerun_records import RerunRecord

N: Final = 60
TOLERANCE: Final = 0.01
SHOWN: Final = 20


def rerun(  # noqa: PLR0913 — one parameter per option
    *,
    submission: Annotated[
        Path,
        typer.Argument(metavar="SUBMISSION", help="The folder results/<org>__<model>/<revision>."),
    ],
    release: ReleaseOption = RELEASE,
    real_root: RealRootOption = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="A folder with the weights. (default: the model repo at the submitted commit)",
        ),
    ] = None,
    n: Annotated[
        int, typer.Option("--n", min=1, metavar="N", help="Videos to score, over all folds.")
    ] = N,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="SEED", help="Seed of the draw. (default: one that nobody knows before)"
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="LOGITS",
            help="The largest difference of a logit that counts as none: machines round.",
        ),
    ] = TOLERANCE,
    batch_size: BatchSizeOption = BATCH_SIZE,
    workers: WorkersOption = None,
    face_pack: FacePackOption = FACE_PACK,
    trust_remote_code: TrustOption = False,
    quiet: QuietOption = False,
    output: FormatOption = FORMAT,
) -> None:
    """Score random test videos of a submission again and compare the logits.

    The record goes into rerun.json beside the submission, whose tier becomes re-run if all
    agree. Printed is the probability that an alteration of 5 % of the rows would have shown.
    Exit code 1: a video was scored otherwise; each one is named.

    JSON: agrees, and the record rerun.json.

    Examples:
        thb board rerun results/ORG__x/0a1b --real-root ~/real
        thb board rerun results/ORG__x/0a1b --detector runs/x --n 120 --seed 7
    """
    from thb.boards.rerunning import RerunSettings, rerun_submission
    from thb.prediction.inference import PredictSettings
    from thb.runtime.records import to_json

    quiet_transformers()
    record = rerun_submission(
        submission,
        release=release,
        real_root=real_root,
        detector=detector,
        settings=RerunSettings(
            n=n,
            seed=seed,
            tolerance=tolerance,
            trust_remote_code=trust_remote_code,
            scoring=PredictSettings(
                batch_size=batch_size, workers=workers, face_pack=face_pack, progress=not quiet
            ),
        ),
    )
    if output is OutputFormat.JSON:
        write_json({"agrees": record.agrees, **to_json(record)})
    else:
        _write(record)
    if not record.agrees:
        raise typer.Exit(EXIT_FINDING)


def _write(record: RerunRecord) -> None:
    for fold in record.other_weights:
        write_line(f"{fold}: the weights are not those that the submission names")
    for video in record.differing[:SHOWN]:
        write_line(escape(str(video)))
    if len(record.differing) > SHOWN:
        write_line(f"… and {len(record.differing) - SHOWN} more (rerun.json names all)")
    largest = record.largest_difference
    spread = "" if largest is None else f", largest difference of a logit {largest:.2g}"
    write_line(
        f"{escape(record.model)}: {record.compared} of {record.population} rows scored again with"
        f" {record.source} (seed {record.seed}){spread}, tolerance {record.tolerance:g}"
    )
    share = f"{100 * record.altered_share:g} %"
    write_line(
        f"an alteration of {share} of the rows would have shown with probability"
        f" {record.probability:.3f}"
    )
    outcome = "re-run" if record.agrees else "not re-run: it is not what its weights give"
    write_line(f"tier: {outcome}")
    if record.not_compared:
        say(f"note: {len(record.not_compared)} drawn rows could not be compared (rerun.json)")
