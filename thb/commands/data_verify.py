"""``thb data verify``: count a release's videos and name everything wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from thb.commands.options import (
    FORMAT,
    RELEASE,
    FormatOption,
    OutputFormat,
    RealRootOption,
    ReleaseOption,
)
from thb.commands.output import escape, write_json, write_line, write_table
from thb.runtime.console import EXIT_FINDING, EXIT_OK
from thb_dataset.release.split_lists import SplitList

if TYPE_CHECKING:
    from rich.table import Table

    from thb_dataset.release.audit import Audit

SUBJECTS_SHOWN: Final = 8


def verify(
    release: ReleaseOption = RELEASE,
    split_list: Annotated[
        SplitList, typer.Option("--split-list", help="The release's list of real videos to read.")
    ] = SplitList.DEFAULT,
    real_root: RealRootOption = None,
    output: FormatOption = FORMAT,
) -> None:
    """Count a release's videos and name everything wrong with it.

    The counts are compared with the published ones. With --real-root, the real videos are looked
    for too, in the layout of their datasets (FaceForensics++/original_sequences/youtube/c23/videos/
    001.mp4, CelebV-HQ/NAME.mp4) or by these names in any folder below. Exit code 1: something is
    wrong or missing.

    JSON: release, revision, split_list, synthetic, sound, counts, findings, restored_drivers,
    moved_by_driver, drivers_not_listed, portraits_crossing_by_driver and missing_reals.

    Examples:
        thb data verify --release DIR --real-root REALS
        thb data verify --release mini --format json
    """
    from thb.releases.verification import verify_release
    from thb_dataset.release.media import explain_missing_reals

    verified = verify_release(release, real_root=real_root, split_list=split_list.value)
    if output is OutputFormat.JSON:
        write_json(verified.to_dict())
    else:
        _write_audit(verified.audit)
        if verified.missing_reals is None:
            write_line("real videos: not looked for (--real-root DIR names their folder)")
        elif verified.missing_reals:
            write_line(escape(explain_missing_reals(verified.missing_reals, real_root)))
        else:
            write_line(f"all {len(verified.reals)} real videos are there")
    raise typer.Exit(EXIT_OK if verified.is_sound else EXIT_FINDING)


def _write_audit(audit: Audit) -> None:
    from thb_dataset.release.listing import FindingKind

    kind = "synthetic release" if audit.synthetic else "release"
    write_line(f"{kind} {escape(audit.release)}, {audit.revision}, {audit.split_list.value} list")
    write_table(_make_count_table(audit))
    write_line(
        f"leading dashes restored to drivers: {len(audit.restored_drivers)}; "
        f"fakes that --split-by driver moves: {len(audit.moved_by_driver)}; "
        f"fakes whose driver is in no block: {audit.drivers_not_listed}"
    )
    if audit.is_sound:
        write_line("nothing is wrong")
    for finding_kind, findings in audit.findings_by_kind.items():
        write_line(f"{finding_kind.value}: {len(findings)}")
        if finding_kind is FindingKind.COUNT_DIFFERS:
            continue  # the table shows which counts differ, and by how much
        for finding in findings[:SUBJECTS_SHOWN]:
            write_line(f"  {escape(str(finding).removeprefix(f'{finding_kind}: '))}")
        if len(findings) > SUBJECTS_SHOWN:
            write_line(f"  … {len(findings) - SUBJECTS_SHOWN} more: --format json names them all")


def _make_count_table(audit: Audit) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("", no_wrap=True)
    # The paper has no val column: it counts these videos under train or under test.
    of_the_paper = (f"paper\n{part}" for part in ("all", "train", "test"))
    for heading in ("train", "val", "test", "all", *of_the_paper):
        table.add_column(heading, justify="right", vertical="bottom")
    table.add_column("")
    for row in audit.counts:
        published = (row.published_total, row.published_train, row.published_test)
        table.add_row(
            row.name,
            *map(str, (row.train, row.validation, row.test, row.total)),
            *("–" if value is None else str(value) for value in published),
            "differs" if row.agrees is False else "",
        )
    return table
