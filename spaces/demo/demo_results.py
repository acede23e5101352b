"""Where the page shows the results of a job, and how each step fills them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import gradio as gr
import pandas as pd

from demo_cards import write_offer_card
from demo_html import name_threshold, write_judgement, write_timelines
from demo_judging import Judgement, Step
from demo_pictures import label_overlay
from space_limits import MAX_DETECTORS

CURVE_COLOURS: Final = (
    ("#0072b2", "#7fb8d8"),
    ("#d55e00", "#eaae7f"),
    ("#009e73", "#7fceb9"),
    ("#cc79a7", "#e5bcd3"),
)
"""Colours of each detector's curve and of its threshold, which colour-blind people tell apart."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The components that show one detector's result.

    Attributes:
        column: The column that holds the others; hidden while it is not needed.
        answer: Score and verdict, or the problem.
        overlay: The video of where it looked.
        track: Pictures of the face that was followed.
        sheet: The contact sheet of the same.
        card: The detector's card and known weaknesses.
    """

    column: gr.Column
    answer: gr.HTML
    overlay: gr.Video
    track: gr.Gallery
    sheet: gr.Image
    card: gr.Markdown


@dataclass(frozen=True, kw_only=True)
class Results:
    """The components that show the results of a job.

    Attributes:
        group: The column that holds the others; hidden until there is a result.
        summary: The progress of the job.
        plot: The score over time.
        table: The plot's legend, and the score over time as tables.
        slots: The columns of the detectors.
        download: The button for the JSON record.
    """

    group: gr.Column
    summary: gr.HTML
    plot: gr.LinePlot
    table: gr.HTML
    slots: tuple[Slot, ...]
    download: gr.DownloadButton

    def list_all(self) -> list[Any]:
        """Return every component that a job may change."""
        parts = [getattr(slot, part.name) for slot in self.slots for part in fields(slot)]
        return [self.group, self.summary, self.plot, self.table, self.download, *parts]


def build_results() -> Results:
    """Lay out the results, which are hidden until there is one."""
    summary = gr.HTML("", elem_id="summary", label="Progress")
    with gr.Column(visible=False, elem_id="results") as group:
        gr.Markdown("## 3. Results")
        with gr.Row(equal_height=False):
            slots = tuple(_build_slot(number) for number in range(MAX_DETECTORS))
        plot = gr.LinePlot(
            x="seconds",
            y="score",
            color="detector",
            x_title="seconds",
            y_title="score",
            y_lim=[0, 1],
            x_label_angle=-45,  # on a phone, level numbers run into each other
            colors_in_legend=[],  # Gradio cuts its legend off, so ours is below the plot
            height=280,
            label="Score over time",
            elem_id="timeline",
        )
        table = gr.HTML("", elem_id="timeline-table", label="Score over time as a table")
        download = gr.DownloadButton("Download everything as JSON", elem_id="download")
    return Results(
        group=group, summary=summary, plot=plot, table=table, slots=slots, download=download
    )


def _build_slot(number: int) -> Slot:
    with gr.Column(visible=False, min_width=300, elem_id=f"slot-{number}") as column:
        answer = gr.HTML("", label="Score and verdict", elem_id=f"answer-{number}")
        overlay = gr.Video(
            label="Where it looked",
            visible=False,
            interactive=False,
            loop=True,
            height=320,
            elem_id=f"overlay-{number}",
        )
        track = gr.Gallery(
            label="The face that was followed",
            visible=False,
            columns=4,
            height="auto",
            object_fit="contain",
            interactive=False,
            elem_id=f"track-{number}",
        )
        sheet = gr.Image(
            label="Contact sheet",
            visible=False,
            interactive=False,
            elem_id=f"sheet-{number}",
        )
        with gr.Accordion("Card and known weaknesses", open=False, elem_id=f"card-{number}"):
            card = gr.Markdown("")
    return Slot(column=column, answer=answer, overlay=overlay, track=track, sheet=sheet, card=card)


def show_step(step: Step, results: Results) -> dict[Any, Any]:
    """Return the changes of the page at a step, by component."""
    curves = collect_curves(step.judgements)
    shown: dict[Any, Any] = {
        results.group: gr.Column(visible=bool(step.judgements)),
        results.summary: f'<p class="thb-note" role="status">{step.text}</p>',
        results.plot: gr.LinePlot(
            value=curves, visible=not curves.empty, color_map=_map_colours(step.judgements)
        ),
        results.table: write_timelines(step.judgements, CURVE_COLOURS),
        results.download: gr.DownloadButton(
            value=None if step.record is None else str(step.record),
            visible=step.record is not None,
        ),
    }
    for number, slot in enumerate(results.slots):
        known = step.judgements[number : number + 1]
        shown[slot.column] = gr.Column(visible=bool(known))
        if known:
            shown |= _fill_slot(slot, known[0])
    return shown


def _fill_slot(slot: Slot, judgement: Judgement) -> dict[Any, Any]:
    name = judgement.offer.name
    return {
        slot.answer: write_judgement(judgement),
        slot.overlay: gr.Video(
            value=judgement.overlay,
            visible=judgement.overlay is not None,
            label=label_overlay(name),
        ),
        slot.track: gr.Gallery(
            value=[(picture.path, picture.caption) for picture in judgement.track],
            visible=bool(judgement.track),
            label=f"The face that {name} followed",
        ),
        slot.sheet: gr.Image(
            value=judgement.sheet,
            visible=judgement.sheet is not None,
            label=f"Contact sheet of {name}",
        ),
        slot.card: write_offer_card(judgement.offer),
    }


def collect_curves(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """Return the curves as rows: a point in the middle of each stretch, and the thresholds."""
    rows: list[tuple[float, float, str]] = []
    for judgement in judgements:
        if judgement.timeline is None:
            continue
        name, parts = judgement.offer.name, judgement.timeline.stretches
        if len(parts) == 1:
            rows += [
                (at, parts[0].score, name) for at in (parts[0].start_seconds, parts[0].end_seconds)
            ]
        else:
            rows += [
                ((part.start_seconds + part.end_seconds) / 2, part.score, name) for part in parts
            ]
        if judgement.alarm_from is not None:
            line = name_threshold(name)
            ends = (parts[0].start_seconds, parts[-1].end_seconds)
            rows += [(at, judgement.alarm_from, line) for at in ends]
    return pd.DataFrame(rows, columns=["seconds", "score", "detector"])


def _map_colours(judgements: Sequence[Judgement]) -> dict[str, str]:
    """Return the colour of each curve, and a paler one for its threshold."""
    colours: dict[str, str] = {}
    for judgement, (curve, threshold) in zip(judgements, CURVE_COLOURS, strict=False):
        name = judgement.offer.name
        colours |= {name: curve, name_threshold(name): threshold}
    return colours
