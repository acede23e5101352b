"""``thb data``: look at a release before anything is built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thb.commands.options import FormatOption, OutputFormat, RealRootOption, ReleaseOption
from thb.commands.output import escape, write_json, write_line, write_table
from thb.releases.opening import DEFAULT_RELEASE

if TYPE_CHECKING:
    from rich.table import Table

    from thb_dataset.release.audit import Audit

SUBJECTS_SHOWN = 8

app = typer.Typer(no_args_is_help=True, help="Look at a release.")
SplitListOption = Annotated[
    str,
    typer.Option(
        "--split-list",
        metavar="default|official_ff++",
        help="Which of the release's lists of real videos is read.",
    ),
]


@app.callback()
def data() -> None:
    """Look at a release."""


@app.command()
def verify(
    release: ReleaseOption = DEFAULT_RELEASE,
    split_list: SplitListOption = "default",
    real_root: RealRootOption = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Count a release's videos beside the published counts and name all that is wrong with it.

    With --real-root the real videos are looked for as well. Exit code 1 says that something was
    found to be wrong or missing.
    """
    from thb.releases.opening import scan_release_named
    from thb_dataset.release.media import explain_missing_reals, find_real_videos
    from thb_dataset.release.scan import audit_release

    scanned = scan_release_named(release, split_list=split_list)
    audit = audit_release(scanned)
    reals = [video for video in scanned.videos if video.real_dataset is not None]
    at_hand = {} if real_root is None else find_real_videos(real_root, reals)
    missing = [video for video in reals if video.video_id not in at_hand]
    if output is OutputFormat.JSON:
        paths = None if real_root is None else [video.path for video in missing]
        write_json({**audit.to_dict(), "missing_reals": paths})
    else:
        _write_text(audit)
        if real_root is not None and not missing:
            write_line(f"all {len(reals)} real videos are at hand")
        elif real_root is not None:
            write_line(escape(explain_missing_reals(missing, real_root)))
    raise typer.Exit(0 if audit.is_sound and not (real_root and missing) else 1)


def _write_text(audit: Audit) -> None:
    from thb_dataset.release.listing import FindingKind

    kind = "synthetic release" if audit.synthetic else "release"
    write_line(f"{kind} {escape(audit.release)}, {audit.revision}, {audit.split_list.value} list")
    write_table(_count_table(audit))
    write_line(
        f"leading dashes restored to drivers: {len(audit.restored_drivers)}; "
        f"fakes that --split-by driver moves: {len(audit.moved_by_driver)}; "
        f"fakes whose driver is in no block: {audit.drivers_not_listed}"
    )
    if audit.is_sound:
        write_line("nothing wrong was found")
    for finding_kind, findings in audit.findings_by_kind.items():
        write_line(f"{finding_kind.value}: {len(findings)}")
        if finding_kind is FindingKind.COUNT_DIFFERS:
            continue  # the table says which and by how much
        for finding in findings[:SUBJECTS_SHOWN]:
            write_line(f"  {escape(str(finding).removeprefix(f'{finding_kind}: '))}")
        if len(findings) > SUBJECTS_SHOWN:
            write_line(f"  … {len(findings) - SUBJECTS_SHOWN} more: --format json names them all")


def _count_table(audit: Audit) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    table.add_column("")
    # The paper knows no val: it counts these videos under train or under test.
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
