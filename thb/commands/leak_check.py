"""``thb leak-check``: whether one person is in two splits, by faces and not by names."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thb.commands.options import (
    FacePackOption,
    FoldOption,
    FormatOption,
    OutputFormat,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SplitBy,
    SplitByOption,
)
from thb.commands.output import escape, write_json, write_line, write_table
from thb.releases.opening import DEFAULT_RELEASE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from thb_dataset.identity.known_people import PeopleCalibration
    from thb_dataset.identity.leakage import LeakReport

PAIRS_SHOWN = 30


class Measure(StrEnum):
    """What stands for a video: a mean over five frames, or its middle frame."""

    MEAN = "mean"
    MIDDLE = "middle"


class ProtocolName(StrEnum):
    """A protocol whose splits are compared."""

    P1 = "p1"
    P2 = "p2"
    P3 = "p3"


def leak_check(  # noqa: PLR0913, PLR0917 — as many as there are things to choose
    release: ReleaseOption = DEFAULT_RELEASE,
    real_root: RealRootOption = None,
    protocol: Annotated[
        ProtocolName | None,
        typer.Option("--protocol", help="Compare a protocol's splits. [default: the release's]"),
    ] = None,
    fold: FoldOption = None,
    split_by: SplitByOption = SplitBy.RELEASE,
    face_pack: FacePackOption = "embedded",
    measure: Annotated[Measure, typer.Option("--measure", help="What is compared.")] = Measure.MEAN,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0.0, max=1.0, help="Cosine. [default: the pack's own]"),
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option(
            "--people",
            metavar="DIR",
            help="Pictures of known people, a folder each or <person>_<n>.jpg: how often the "
            "threshold errs on them is printed too.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", dir_okay=False, help="Write a page of the face pairs."
        ),
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
    quiet: QuietOption = False,
) -> None:
    """Compare the faces of every pair of videos in different splits.

    Of p2 and p3 every fold is compared, unless one is named. Exit code 1 says that one person was
    found in two splits.
    """
    from thb.releases.known_people import calibrate_people
    from thb.releases.leaks import LeakSettings, check_release
    from thb.releases.opening import open_release
    from thb_dataset.identity.leakage import PairVerdict

    opened = open_release(release, real_root=real_root, progress=not quiet)
    calibration = (
        None
        if people is None
        else calibrate_people(people, face_pack=face_pack, threshold=threshold)
    )
    settings = LeakSettings(
        protocol=protocol,
        fold=fold,
        split_by=split_by,
        face_pack=face_pack,
        measure=measure.value,
        threshold=threshold,
        progress=not quiet,
    )
    reports = check_release(opened.release, settings, real_root=opened.real_root, html=html)
    if output is OutputFormat.JSON:
        known = None if calibration is None else calibration.to_dict()
        folds = {name: report.to_dict() for name, report in reports.items()}
        write_json({"folds": folds, "known_people": known})
    else:
        _write_text(reports, calibration)
    leaks = sum(report.counts[PairVerdict.LEAK] for report in reports.values())
    raise typer.Exit(1 if leaks else 0)


def _write_text(reports: Mapping[str, LeakReport], calibration: PeopleCalibration | None) -> None:
    from thb.releases.leaks import MISSING
    from thb_dataset.identity.leak_sheet import summarise

    if calibration is not None:
        _write_calibration(calibration)
    unread: dict[str, str] = {}
    for name, report in reports.items():
        write_line(escape(f"{name}: {summarise(report)}"))
        if report.pairs:
            write_table(_pair_table(report))
        more = sum(report.counts.values()) - PAIRS_SHOWN
        if more > 0:
            write_line(f"{more} more pairs: see --html or --format json")
        unread |= report.unread
    missing = list(unread.values()).count(MISSING)
    if missing:
        write_line(
            f"not compared: {missing} videos whose files are missing; real ones: --real-root"
        )
    for name, reason in unread.items():
        if reason != MISSING:
            write_line(f"not compared: {escape(name)}: {escape(reason)}")


def _write_calibration(calibration: PeopleCalibration) -> None:
    write_line(
        f"on known people at {calibration.threshold:.2f}: {calibration.found} of "
        f"{calibration.same} pairs of one person found (the least alike at "
        f"{calibration.least_same:.3f}), {calibration.false_alarms} of "
        f"{calibration.different} pairs of two people flagged (the most alike at "
        f"{calibration.most_different:.3f}): false alarm rate "
        f"{calibration.false_alarm_rate:.4%}; suggested {calibration.suggested:.3f}"
    )
    for one, other in calibration.flagged:
        write_line(f"flagged as one person: {escape(one)} and {escape(other)}")


def _pair_table(report: LeakReport) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for heading, justify in (("verdict", "left"), ("cosine", "right"), ("middle", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type] # literals of rich
    for heading in ("one video", "the other", "names say"):
        table.add_column(heading)
    for pair in report.pairs[:PAIRS_SHOWN]:
        table.add_row(
            pair.verdict.value,
            f"{pair.similarity:.3f}",
            f"{pair.middle_similarity:.3f}",
            *(
                f"{escape(name)} ({split})"
                for name, split in zip((pair.a, pair.b), pair.splits, strict=True)
            ),
            pair.relation.value,
        )
    return table
