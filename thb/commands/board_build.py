"""``thb board build``: both boards of a results repo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from thb.commands.options import FORMAT, FormatOption, OutputFormat
from thb.commands.output import write_json, write_line
from thb.runtime.console import say

BOARDS: Final = "boards"

ResultsArgument = Annotated[
    str,
    typer.Argument(
        metavar="DIR|ORG/NAME",
        help="A folder with results/, or a dataset repo of results on the Hub, optionally with "
        "@REVISION.",
    ),
]
ReplicatesOption = Annotated[
    int,
    typer.Option(
        "--bootstrap", min=2, metavar="N", help="Resamples behind intervals, ranks and groups."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the resamples.")]


def build(
    *,
    results: ResultsArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where the boards are written. (default: boards/ in the folder of the results; "
            "for a repo on the Hub, boards/ here)",
            show_default=False,
        ),
    ] = None,
    n_bootstrap: ReplicatesOption = 1000,
    seed: SeedOption = 0,
    least_coverage: Annotated[
        float,
        typer.Option(
            "--coverage",
            min=0.01,
            max=1,
            metavar="SHARE",
            help="Share of each generator's fakes and of the real videos that a detector must have "
            "scored to be ranked.",
        ),
    ] = 0.95,
    output: FormatOption = FORMAT,
) -> None:
    """Build the boards of detectors and of generators from submitted predictions.

    Every number is computed from the predictions. A rank comes with the ranks that the data leave
    possible; detectors that share a letter cannot be separated. The paper's figures stand beside,
    unranked, and so does what metadata alone reach: the floor. Damaged and hostile submissions are
    named and left out. Each board is written as JSON, CSV, Markdown and HTML.

    JSON: files, ranked (the number of ranked detectors by protocol), and left_out (path and
    reason).

    Examples:
        thb board build results-repo
        thb board build ORG/NAME --out boards
    """
    from thb.boards.building import build_boards
    from thb.commands.out_places import is_file_place

    if out is not None:
        is_file_place(out, None)
    beside = Path(results).expanduser()
    place = out or (beside / BOARDS if beside.is_dir() else Path(BOARDS))
    boards = build_boards(
        results, n_bootstrap=n_bootstrap, seed=seed, least_coverage=least_coverage
    )
    files = [str(path) for path in boards.save(place)]
    left_out = boards.detectors.left_out
    if output is OutputFormat.JSON:
        write_json(
            {
                "files": files,
                "ranked": {
                    name: sum(row.kind == "ranked" for row in table.rows)
                    for name, table in boards.detectors.protocols.items()
                },
                "left_out": [vars(one) for one in left_out],
            }
        )
        return
    for one in left_out:
        say(f"left out: {one.path}: {one.reason}")
    write_line("\n".join(files))
