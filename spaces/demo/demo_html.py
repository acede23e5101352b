"""Parts of the page as HTML: labelled for screen readers, with all text from outside escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from demo_judging import Judgement
from demo_words import Problem, describe_run, give_verdict
from thb.prediction.timeline import Timeline


def write_text(text: str) -> str:
    """Return a text escaped; words in backticks become code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def write_note(text: str) -> str:
    """Return a line about the upload or about what is allowed."""
    return f'<p class="thb-note">{write_text(text)}</p>'


def write_problem(problem: Problem) -> str:
    """Return why there is no score, and what to do about it."""
    return (
        f'<div class="thb-problem" data-kind="{escape(problem.kind)}">'
        f"<p><strong>{write_text(problem.title)}.</strong> {write_text(problem.reason)}</p>"
        f"<p><strong>What you can do:</strong> {write_text(problem.hint)}</p></div>"
    )


def write_judgement(judgement: Judgement) -> str:
    """Return what one detector says: its score, verdict and numbers, or why it has no score."""
    offer = judgement.offer
    parts = [
        f"<h3>{escape(offer.name)}</h3>",
        f'<p class="thb-run">{escape(describe_run(offer.fold))}</p>',
    ]
    if judgement.problem is not None:
        parts.append(write_problem(judgement.problem))
    elif judgement.prediction is not None and judgement.prediction.score is not None:
        parts += _write_score(judgement, judgement.prediction.score)
    if judgement.overlay_problem is not None:
        parts.append("<p>The score is valid, but there is no picture of where it looked:</p>")
        parts.append(write_problem(judgement.overlay_problem))
    label = escape(f"{offer.name}, {describe_run(offer.fold)}")
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
            f"<p>{judgement.faces} faces were followed. The one seen longest was judged; the"
            " pictures below show it.</p>"
        )
    return lines


def name_threshold(name: str) -> str:
    """Return the name of a detector's threshold in the plot."""
    return f"{name}, threshold"


def write_timelines(judgements: Sequence[Judgement], colours: Sequence[tuple[str, str]]) -> str:
    """Return the plot's legend, notes on how to read it, and the scores over time as tables.

    Args:
        judgements: The judgements, in the order of the detectors.
        colours: For each detector, the colours of its curve and of its threshold.
    """
    return "".join(
        _write_timeline(judgement, judgement.timeline, curve, threshold)
        for judgement, (curve, threshold) in zip(judgements, colours, strict=False)
        if judgement.timeline is not None
    )


def _write_timeline(judgement: Judgement, timeline: Timeline, curve: str, threshold: str) -> str:
    name = escape(judgement.offer.name)
    lines = [f'<p class="thb-legend">{_write_key(curve)} {name}']
    if judgement.calibration is not None:
        lines.append(f" {_write_key(threshold)} its threshold for 1 % false alarms")
    lines.append("</p>")
    if not timeline.own_clips:
        lines.append(
            f"<p>{name} makes its score from frames of the whole video. For this curve it was"
            f" given {len(timeline.stretches)} shorter stretches, one after the other, which it"
            " was not trained for: look for jumps, not at the height.</p>"
        )
    rows = "".join(
        f"<tr><td>{stretch.start_seconds:.1f}–{stretch.end_seconds:.1f} s</td>"
        f"<td>{stretch.score:.3f}</td></tr>"
        for stretch in timeline.stretches
    )
    lines.append(
        f"<details><summary>{name}: the curve as a table</summary><table><thead><tr>"
        '<th scope="col">Stretch of the video</th><th scope="col">P(fake)</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></details>"
    )
    return "".join(lines)


def _write_key(colour: str) -> str:
    return f'<span class="thb-key" style="background:{colour}" aria-hidden="true"></span>'
