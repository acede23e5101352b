"""Parts of the page as HTML: labelled for screen readers, with all text from outside escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from demo_detectors import Shelf
from demo_judging import Judgement
from demo_words import describe_run
from space_problems import Problem

if TYPE_CHECKING:
    from thb.prediction.calls import Call
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
    """Return what one detector says: the verdict, then its numbers, or why it has no score."""
    offer = judgement.offer
    parts = [
        f"<h3>{escape(offer.name)}</h3>",
        f'<p class="thb-run">{escape(describe_run(offer.fold))}</p>',
    ]
    if judgement.problem is not None:
        parts.append(write_problem(judgement.problem))
    elif judgement.call is not None:
        parts += _write_call(judgement, judgement.call)
    if judgement.overlay_problem is not None:
        parts.append("<p>The score is valid, but there is no picture of where it looked:</p>")
        parts.append(write_problem(judgement.overlay_problem))
    label = escape(f"{offer.name}, {describe_run(offer.fold)}")
    return f'<section class="thb-card" aria-label="{label}">{"".join(parts)}</section>'


def _write_call(judgement: Judgement, call: Call) -> list[str]:
    threshold, alarm = "", ""
    if judgement.alarm_from is not None:
        place = 100 * min(judgement.alarm_from, 1.0)
        threshold = f'<span class="thb-threshold" style="left:{place:.1f}%"></span>'
        alarm = f"; {escape(call.figures.partition('; ')[2])}"
    score = call.figures.partition(";")[0].removeprefix("score ")
    lines = [
        f'<p class="thb-verdict" data-kind="{call.verdict}">{write_text(call.statement)}</p>',
        f'<p class="thb-caveat">{escape(call.caveat)}</p>',
        f'<p class="thb-score">Score <strong>{score}</strong>{alarm}</p>',
        '<div class="thb-bar" aria-hidden="true">'
        f'<span class="thb-fill" style="width:{100 * call.score:.1f}%"></span>{threshold}</div>',
    ]
    if judgement.calibration is not None:
        lines.append(
            "<details><summary>Where the alarm begins, and why</summary>"
            f"<p>{escape(str(judgement.calibration))}</p></details>"
        )
    if judgement.faces > 1:
        lines.append(
            f"<p>{judgement.faces} faces were followed. The one seen longest was judged; the"
            " pictures below show it.</p>"
        )
    return lines


def write_banner(text: str) -> str:
    """Return a warning that must be seen before anything else."""
    return f'<p class="thb-banner" role="note">{write_text(text)}</p>'


def write_absent(offers: Shelf, fold: str | None) -> str:
    """Return which detectors have no such protocol run, and the style that greys them out."""
    absent = offers.list_absent(fold)
    if not absent:
        return ""
    boxes = [f"input[title={json.dumps(name, ensure_ascii=False)}]" for name in absent]
    style = f"#detectors label:has({', '.join(boxes)}) {{ opacity: 0.45; }}".replace("<", "\\3c ")
    names = "; ".join(f"{name} (it has {', '.join(folds)})" for name, folds in absent.items())
    return (
        f"<style>{style}</style>"
        f'<p class="thb-note thb-absent">Greyed out, because not trained for this run:'
        f" {escape(names)}.</p>"
    )


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
    if judgement.alarm_from is not None:
        lines.append(f" {_write_key(threshold)} its alarm threshold")
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
        '<th scope="col">Stretch of the video</th><th scope="col">Score</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></details>"
    )
    return "".join(lines)


def _write_key(colour: str) -> str:
    return f'<span class="thb-key" style="background:{colour}" aria-hidden="true"></span>'
