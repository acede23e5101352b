"""``thb leak-check``: find a person who is in two splits, by their face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from thb.commands.options import (
    FACE_PACK,
    FORMAT,
    MAX_PIXELS,
    MAX_SECONDS,
    RELEASE,
    SPLIT_BY,
    FacePackOption,
    FoldOption,
    FormatOption,
    MaxPixelsOption,
    MaxSecondsOption,
    OutputFormat,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SplitByOption,
)
from thb.commands.output import escape, write_json, write_line, write_table
from thb.runtime.console import EXIT_FINDING, EXIT_OK
from thb_dataset.protocols import Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from thb_dataset.identity.known_people import PeopleCalibration
    from thb_dataset.identity.leakage import LeakReport

PAIRS_SHOWN: Final = 30
Measure = Literal["mean", "middle"]
MEASURE: Final = "mean"


def leak_check(  # noqa: PLR0913 — one parameter per option
    *,
    release: ReleaseOption = RELEASE,
    real_root: RealRootOption = None,
    protocol: Annotated[
        Protocol | None,
        typer.Option(
            "--protocol", help="Compare this protocol's splits. (default: the release's own)"
        ),
    ] = None,
    fold: FoldOption = None,
    split_by: SplitByOption = SPLIT_BY,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    measure: Annotated[
        Measure,
        typer.Option(
            "--measure", help="Compare the mean face of five frames, or that of the middle frame."
        ),
    ] = MEASURE,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            min=0.0,
            max=1.0,
            help="Cosine similarity from which two faces are one person. (default: the face "
            "pack's own)",
        ),
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option(
            "--people",
            metavar="DIR",
            help="Pictures of known people, one folder per person or named <person>_<n>.jpg. The "
            "error rates of the threshold on them are printed too.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", dir_okay=False, help="Also write a page of the face pairs."
        ),
    ] = None,
    output: FormatOption = FORMAT,
    quiet: QuietOption = False,
) -> None:
    """Compare the faces of videos in different splits.

    For p2 and p3 every fold is compared unless --fold names one. Exit code 1: a person was found
    in two splits.

    JSON: folds, the report of each fold (pack, threshold, review_from, measure, several, videos,
    compared, unrelated, flagged_share, counts, pairs, groups, unread); known_people.

    Examples:
        thb leak-check --release DIR --real-root REALS --html leaks.html
        thb leak-check --protocol p3 --fold hallo --format json
    """
    from thb.releases.known_people import calibrate_people
    from thb.releases.leaks import LeakSettings, check_leaks
    from thb.releases.opening import open_release
    from thb_dataset.identity.leakage import PairVerdict

    opened = open_release(release, real_root=real_root, progress=not quiet)
    known = calibrate_people(people, face_pack=face_pack, threshold=threshold) if people else None
    settings = LeakSettings(
        protocol=protocol and protocol.value,
        fold=fold,
        split_by=split_by.value,
        face_pack=face_pack,
        max_pixels=max_pixels,
        max_seconds=max_seconds,
        measure=measure,
        threshold=threshold,
        progress=not quiet,
    )
    reports = check_leaks(opened, settings=settings, html=html)
    if output is OutputFormat.JSON:
        folds = {name: report.to_dict() for name, report in reports.items()}
        write_json({"folds": folds, "known_people": known.to_dict() if known else None})
    else:
        _write_text(reports, known)
    leaks = any(report.counts[PairVerdict.LEAK] for report in reports.values())
    raise typer.Exit(EXIT_FINDING if leaks else EXIT_OK)


def _write_text(reports: Mapping[str, LeakReport], known: PeopleCalibration | None) -> None:
    from thb.releases.leaks import MISSING
    from thb_dataset.identity.leak_sheet import summarise

    if known is not None:
        _write_known(known)
    unread: dict[str, str] = {}
    for name, report in reports.items():
        write_line(escape(f"{name}:"))
        for sentence in summarise(report):
            write_line(escape(sentence))
        if report.pairs:
            write_table(_make_pair_table(report))
        more = sum(report.counts.values()) - PAIRS_SHOWN
        if more > 0:
            write_line(f"{more} more pairs: --html or --format json shows them all")
        unread |= report.unread
    missing = list(unread.values()).count(MISSING)
    if missing:
        write_line(
            f"not compared: {missing} videos whose files are missing (--real-root names the "
            "folder of the real ones)"
        )
    for name, reason in unread.items():
        if reason != MISSING:
            write_line(f"not compared: {escape(name)}: {escape(reason)}")


def _write_known(known: PeopleCalibration) -> None:
    write_line(
        f"on known people at {known.threshold:.2f}: {known.found} of {known.same} pairs of one "
        f"person found (the least similar at {known.least_same:.3f}), {known.false_alarms} of "
        f"{known.different} pairs of two people flagged (the most similar at "
        f"{known.most_different:.3f}); false alarm rate {known.false_alarm_rate:.4%}; suggested "
        f"threshold {known.suggested:.3f}"
    )
    for first, second in known.flagged:
        write_line(f"flagged as one person: {escape(first)} and {escape(second)}")


def _make_pair_table(report: LeakReport) -> Table:
    from rich import box
    from rich.markup import escape as as_written
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    table.add_column("verdict\nby their names")
    table.add_column("cosine\nmiddle", justify="right")
    table.add_column("one video\nthe other", overflow="fold")
    for pair in report.pairs[:PAIRS_SHOWN]:
        videos = zip((pair.a, pair.b), pair.splits, pair.faces, strict=True)
        table.add_row(
            f"{pair.verdict.value}\n{pair.relation.value}",
            f"{pair.similarity:.3f}\n{pair.middle_similarity:.3f}",
            as_written(
                "\n".join(
                    f"{escape(name)} ({split}{', another face' if face else ''})"
                    for name, split, face in videos
                )
            ),
        )
    return table
