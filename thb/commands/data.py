"""``thb data``: look at a release before anything is built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thb.commands.options import FormatOption, OutputFormat, ReleaseOption
from thb.commands.output import escape, write_json, write_line, write_table
from thb.releases import DEFAULT_RELEASE

if TYPE_CHECKING:
    from rich.table import Table

    from thb_dataset.audit import Audit

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
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Count a release's videos beside the published counts and name all that is wrong with it.

    Exit code 1 says that something was found.
    """
    from thb.releases import scan_release_named
    from thb_dataset.release import audit_release

    audit = audit_release(scan_release_named(release, split_list=split_list))
    if output is OutputFormat.JSON:
        write_json(audit.to_dict())
    else:
        _write_text(audit)
    raise typer.Exit(0 if audit.is_sound else 1)


def _write_text(audit: Audit) -> None:
    from thb_dataset.listing import FindingKind

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
