"""Pieces of the page as HTML: labelled for screen readers, everything from outside escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from demo_judging import Judgement
from demo_words import Problem, describe_fold, give_verdict


def write_text(text: str) -> str:
    """Escape a text; what stands between backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def write_note(text: str) -> str:
    """Return a line that says what was uploaded or what is allowed."""
    return f'<p class="thb-note">{write_text(text)}</p>'


def write_problem(problem: Problem) -> str:
    """Return why there is no score, and what to do."""
    return (
        f'<div class="thb-problem" data-kind="{escape(problem.kind)}">'
        f"<p><strong>{write_text(problem.title)}.</strong> {write_text(problem.reason)}</p>"
        f"<p><strong>What you can do:</strong> {write_text(problem.hint)}</p></div>"
    )


def write_judgement(judgement: Judgement) -> str:
    """Return what one detector says: score, verdict, figures; or why it says nothing."""
    offer = judgement.offer
    parts = [
        f"<h3>{escape(offer.name)}</h3>",
        f'<p class="thb-run">{escape(describe_fold(offer.fold))}</p>',
    ]
    if judgement.problem is not None:
        parts.append(write_problem(judgement.problem))
    elif judgement.prediction is not None and judgement.prediction.score is not None:
        parts += _write_score(judgement, judgement.prediction.score)
    if judgement.overlay_problem is not None:
        parts += ["<p>The score stands, but there is no Grad-CAM:</p>"]
        parts.append(write_problem(judgement.overlay_problem))
    label = escape(f"{offer.name}, {describe_fold(offer.fold)}")
    return f'<section class="thb-card" aria-label="{label}">{"".join(parts)}</section>'


def _write_score(judgement: Judgement, score: float) -> list[str]:
    verdict = give_verdict(score, judgement.calibration)
    threshold = ""
    if judgement.calibration is not None:
        place = 100 * min(judgement.calibration.threshold, 1.0)
        threshold = f'<span class="thb-threshold" style="left:{place:.1f}%"></span>'
    lines = [
        f'<p class="thb-score"><span>P(fake)</span> <strong>{score:.3f}</strong></p>',
        '<div class="thb-bar" aria-hidden="true">'
        f'<span class="thb-fill" style="width:{100 * score:.1f}%"></span>{threshold}</div>',
        f'<p class="thb-verdict" data-kind="{verdict.kind}">{escape(verdict.title)}</p>',
        f"<p>{write_text(verdict.text)}</p>",
    ]
    if judgement.faces > 1:
        lines.append(
            f"<p>{judgement.faces} faces were followed; the one seen longest was judged, the"
            " pictures below show which.</p>"
        )
    return lines


def name_threshold(name: str) -> str:
    """Name the line of a detector's threshold in the plot."""
    return f"{name}, threshold"


def write_timelines(judgements: Sequence[Judgement], colours: Sequence[tuple[str, str]]) -> str:
    """Return the plot's legend, the scores over time as tables, and how to read them.

    Args:
        judgements: In the order of the detectors.
        colours: Of each one's curve and threshold.
    """
    lines = []
    for judgement, (curve, threshold) in zip(judgements, colours, strict=False):
        timeline = judgement.timeline
        if timeline is None:
            continue
        name = escape(judgement.offer.name)
        lines.append(f'<p class="thb-legend">{_write_key(curve)} {name}')
        if judgement.calibration is not None:
            lines.append(f" {_write_key(threshold)} its threshold for 1 % false alarms")
        lines.append("</p>")
        if not timeline.own_clips:
            lines.append(
                f"<p>{name} makes its score from frames of the whole video. For this curve it was"
                f" shown {len(timeline.stretches)} shorter stretches, one after the other, which"
                " it was not trained for: look for jumps, not at the height.</p>"
            )
        rows = "".join(
            f"<tr><td>{one.start_seconds:.1f}–{one.end_seconds:.1f} s</td>"
            f"<td>{one.score:.3f}</td></tr>"
            for one in timeline.stretches
        )
        lines.append(
            f"<details><summary>{name}: the curve as a table</summary><table><thead><tr>"
            '<th scope="col">Stretch of the video</th><th scope="col">P(fake)</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></details>"
        )
    return "".join(lines)


def _write_key(colour: str) -> str:
    return f'<span class="thb-key" style="background:{colour}" aria-hidden="true"></span>'
