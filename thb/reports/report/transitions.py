"""The report's chapter on fakes that are found in P1 and missed in P3 (Table 8 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence

from thb.reports.evaluations import Evaluation
from thb.reports.report.section import folded, markdown, paragraph, table
from thb.reports.run_transitions import AFTER, BEFORE, RunTransitions, compare_protocols
from thb.reports.transition_tables import write_markdown
from thb.runtime.text import write_scores
from thb_dataset.errors import ResultError


def write_transitions(evaluations: Sequence[Evaluation]) -> tuple[str, list[str]]:
    """Return the transitions of every detector as HTML, and why some have none.

    Args:
        evaluations: The evaluations of the report.
    """
    own = {(each.result.title, each.result.protocol): each for each in evaluations}
    parts, missing = [], []
    for name in dict.fromkeys(title for title, _ in own):
        first, second = own.get((name, BEFORE)), own.get((name, AFTER))
        if first is None or second is None or not first.folds or not second.folds:
            missing.append(
                f"{name}: no transitions, because they need predictions of P1 and of P3."
            )
            continue
        try:
            found = compare_protocols(first, second)
        except ResultError as error:
            missing.append(f"{name}: no transitions: {error}.")
            continue
        parts.append(markdown(write_markdown(found)) + _list_videos(found))
    nothing = paragraph("No detector has predictions of both P1 and P3.")
    return "\n".join(parts) or nothing, missing


def _list_videos(found: RunTransitions) -> str:
    videos = found.transitions.videos
    if not videos:
        return ""
    return folded(
        f"the {len(videos)} videos, the steepest fall first",
        table(
            ["video", "generator", "score in P1", "score in P3", "fold of P3"],
            [
                (row.video_id, row.generator, *write_scores(row.before, row.after), row.fold)
                for row in videos
            ],
        ),
    )
