"""What a report leaves out, and why: videos without a score, folds and columns without numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from thb.prediction.predictions import Prediction
from thb.reports.evaluations import Evaluation
from thb.reports.report.section import bullets, folded, paragraph, table
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.protocols import Protocol

_MOST_VIDEOS = 100


def write_omissions(evaluations: Sequence[Evaluation], others: Sequence[str]) -> str:
    """Return what is not in the numbers, and why, as HTML.

    Args:
        evaluations: The evaluations of the report.
        others: Sentences on what other chapters leave out.
    """
    lines = [*others]
    parts = []
    for own in evaluations:
        lines += _list_gaps(own)
        if own.folds:
            parts.append(_write_unscored(own))
        else:
            lines.append(
                f"{_name(own)}: only the result is at hand, not the predictions, so nothing that "
                "needs single videos is shown."
            )
    nothing = paragraph("Every video of every fold has a score, and nothing was left out.")
    return (bullets(lines) + "".join(parts)) or nothing


def _name(own: Evaluation) -> str:
    return f"{own.result.title}, {own.result.protocol.upper()}"


def _list_gaps(own: Evaluation) -> list[str]:
    """Return a sentence for every fold and column that is missing."""
    lines = []
    result = own.result
    if result.protocol != Protocol.P1:
        held_out = {run.held_out for run in result.runs.values()}
        wanted = Protocol(result.protocol).held_out
        absent = [str(name) for name in wanted if name not in held_out]
        if absent:
            lines.append(
                f"{_name(own)}: no fold holds out {', '.join(absent)}"
                f"{'' if result.is_diagnostic else '; the mean is over the others'}."
            )
    lines += [
        f"{_name(own)}: {cell.fold} has no numbers for {cell.generator}: {cell.problem}"
        for cell in result.cells
        if cell.problem
    ]
    return lines


def _write_unscored(own: Evaluation) -> str:
    """Return the table of the videos without a score, and how many warnings the others have."""
    rows = [
        (run.fold, row)
        for fold in own.folds
        if isinstance(run := fold.run, FoldScoringRecord)
        for row in fold.rows
    ]
    unscored = [(fold, row) for fold, row in rows if row.score is None]
    warned = Counter(warning for _, row in rows for warning in row.warnings)
    parts = []
    if unscored:
        reasons = Counter((str(row.status), row.reason or "") for _, row in unscored)
        parts.append(
            folded(
                f"{_name(own)}: {len(unscored)} of {len(rows)} rows have no score",
                table(
                    ["status", "reason", "rows"],
                    [(status, why, count) for (status, why), count in reasons.most_common()],
                )
                + table(
                    ["video", "fold", "kind", "status"],
                    [
                        (row.video_id, fold, _kind(row), row.status)
                        for fold, row in unscored[:_MOST_VIDEOS]
                    ],
                )
                + _count_rest(len(unscored)),
            )
        )
    if warned:
        parts.append(
            folded(
                f"{_name(own)}: {sum(warned.values())} warnings about scored videos",
                table(["warning", "rows"], warned.most_common()),
            )
        )
    return "\n".join(parts)


def _kind(row: Prediction) -> str:
    return str(row.generator if row.label else row.real_dataset)


def _count_rest(found: int) -> str:
    rest = found - _MOST_VIDEOS
    return paragraph(f"{rest} more are in the predictions.") if rest > 0 else ""
