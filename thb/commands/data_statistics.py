"""``thb data statistics``: Table 4 of the paper from a release."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from thb.commands.options import RELEASE, ReleaseOption
from thb.commands.output import write_drawing, write_json, write_line
from thb_dataset.release.split_lists import SplitList


class StatisticsFormat(StrEnum):
    """How the counts of a release are written to stdout."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"


def statistics(
    release: ReleaseOption = RELEASE,
    split_list: Annotated[
        SplitList, typer.Option("--split-list", help="The release's list of real videos to read.")
    ] = SplitList.DEFAULT,
    output: Annotated[
        StatisticsFormat, typer.Option("--format", help="Format of stdout.")
    ] = StatisticsFormat.TEXT,
) -> None:
    """Print how many videos each generator has, beside the published counts.

    This is the paper's Table 4 from the data: train, validation and test videos of every generator
    and real dataset, the published counts, and the differences. thb data verify names what is
    wrong with a release.

    JSON: release, revision, synthetic, counts (with the published counts, the differences, the
    share that curation removed and why), and notes.

    Examples:
        thb data statistics --release DIR
        thb data statistics --release mini --format markdown
    """
    from thb.reports.statistics import count_release

    counted = count_release(release, split_list=split_list.value)
    if output is StatisticsFormat.TEXT:
        write_drawing(counted.print)
    elif output is StatisticsFormat.JSON:
        write_json(counted.to_dict())
    else:
        writers = {
            StatisticsFormat.MARKDOWN: counted.to_markdown,
            StatisticsFormat.LATEX: counted.to_latex,
            StatisticsFormat.CSV: counted.to_csv,
        }
        write_line(writers[output]().rstrip("\n"))
