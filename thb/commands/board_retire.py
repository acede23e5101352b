"""``thb board retire``: the rule by which the benchmark evolves."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from thb.commands.board_build import ReplicatesOption, ResultsArgument, SeedOption
from thb.commands.options import TABLE_FORMAT, TableFormat, TableFormatOption
from thb.commands.output import write_json, write_line


def retire(
    *,
    results: ResultsArgument,
    protocol: Annotated[
        Literal["p1", "p2", "p3"],
        typer.Option("--protocol", help="The protocol whose detectors decide."),
    ] = "p3",
    least_detectors: Annotated[
        int,
        typer.Option(
            "--detectors",
            min=1,
            metavar="N",
            help="With fewer verified detectors the rule is not applied.",
        ),
    ] = 3,
    n_bootstrap: ReplicatesOption = 1000,
    seed: SeedOption = 0,
    output: TableFormatOption = TABLE_FORMAT,
) -> None:
    """Name generators that are worn out and candidates that are harder than the present ones.

    A generator is worn out if a majority of the verified detectors catch more than 99 % of its
    fakes at 0.1 % false alarms, which needs 1,000 real videos. A test-only generator is a candidate
    if the whole interval of its detectability at 1 % lies below that of every present generator.
    The exit code is 1 if there is something to do, 0 if not.

    JSON: protocol, n_detectors, n_real, worn_out and candidates (with the shares of every
    detector), closest, not_applied, is_due.

    Examples:
        thb board retire results-repo
        thb board retire ORG/NAME --protocol p1 --format markdown
    """
    from thb.boards.retirement import retire_generators

    found = retire_generators(
        results,
        protocol=protocol,
        least_detectors=least_detectors,
        n_bootstrap=n_bootstrap,
        seed=seed,
    )
    if output is TableFormat.JSON:
        write_json(found.to_dict())
    else:
        text = found.to_markdown() if output is TableFormat.MARKDOWN else found.to_text()
        write_line(text.rstrip("\n"))
    if found.is_due:
        raise typer.Exit(1)
