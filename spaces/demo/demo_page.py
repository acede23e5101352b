"""The page: what a visitor sees, and what happens at a click."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import gradio as gr
import pandas as pd

from demo_cards import write_offer_card
from demo_detectors import Shelf
from demo_examples import Example
from demo_html import name_threshold, write_judgement, write_note, write_problem, write_timelines
from demo_judging import Judgement, Step, job_folder, judge, write_record
from demo_limits import (
    FILE_AGE_SECONDS,
    MAX_DETECTORS,
    SWEEP_SECONDS,
    RefusedVideoError,
    check_video,
    describe_limits,
)
from demo_words import BROKEN, Problem, describe_fold, describe_video
from thb_dataset.errors import DetectorError

DEVICE: Final = "device"
"""Jobs that share this queue run one at a time."""
DOOR: Final = "door"
"""Wishes are checked in this one before they may wait for the device."""
MAX_CHECKS: Final = 4

CURVE_COLOURS: Final = (
    ("#0072b2", "#7fb8d8"),
    ("#d55e00", "#eaae7f"),
    ("#009e73", "#7fceb9"),
    ("#cc79a7", "#e5bcd3"),
)
"""Of each detector's curve and of its threshold; told apart by the colour-blind as well."""

TITLE: Final = "TalkingHeadBench: is this talking head a fake?"
INTRODUCTION: Final = f"""# {TITLE}
Give a short video of one person talking. Detectors trained on the benchmark score how much it looks
made by a machine, when in the video, and show where they looked. Videos stay on this server for an
hour or so and are shown to nobody else."""
EMPTY_SHELF: Final = """## There is no detector on this page yet
Whoever runs it adds one:

- on your own machine: `python app.py --runs runs/baseline`, a folder that `thb train` wrote;
- on the Hub: `thb publish space demo --repo ORG/NAME --detector runs/baseline`, where a detector
  may also be the id of a model repo."""
_log = logging.getLogger("thb.demo")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Where one detector's answer is shown."""

    column: gr.Column
    answer: gr.HTML
    overlay: gr.Video
    track: gr.Gallery
    sheet: gr.Image
    card: gr.Markdown


@dataclass(frozen=True, kw_only=True)
class Results:
    """Where a job's answers are shown."""

    group: gr.Column
    summary: gr.HTML
    plot: gr.LinePlot
    table: gr.HTML
    slots: tuple[Slot, ...]
    download: gr.DownloadButton

    def list_all(self) -> list[Any]:
        """Every component that a job may change."""
        parts = [getattr(slot, name.name) for slot in self.slots for name in fields(slot)]
        return [self.group, self.summary, self.plot, self.table, self.download, *parts]


def build_page(shelf: Shelf, examples: Sequence[Example], texts: str) -> gr.Blocks:
    """Lay out the page.

    Args:
        shelf: The detectors on offer.
        examples: Videos to try it with.
        texts: What a score can and cannot prove, as Markdown.
    """
    page = gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(SWEEP_SECONDS, FILE_AGE_SECONDS)
    )
    with page:
        gr.Markdown(INTRODUCTION)
        if shelf.offers:
            _build_form(shelf, examples)
        else:
            gr.Markdown(EMPTY_SHELF, elem_id="empty-shelf")
        gr.Markdown(texts, elem_id="what-it-proves")
    return page


def _build_form(shelf: Shelf, examples: Sequence[Example]) -> None:
    gr.Markdown(f"## 1. A video\nOne face, seen from the front; {describe_limits()}.")
    video = gr.Video(
        label="Upload or record a video",
        sources=["upload", "webcam"],
        include_audio=True,
        height=320,
        elem_id="video",
    )
    facts = gr.HTML(_describe_upload(None), elem_id="facts", label="About the video")
    if examples:
        gr.Markdown("Or take an example. These are drawings made by a program, no people:")
        with gr.Row():
            for number, example in enumerate(examples):
                button = gr.Button(example.label, size="sm", elem_id=f"example-{number}")
                button.click(
                    lambda path=str(example.path): path,
                    outputs=video,
                    api_visibility="private",
                    queue=False,
                )
    gr.Markdown("## 2. Detectors")
    with gr.Row():
        names = gr.CheckboxGroup(
            choices=shelf.names,
            value=shelf.names[:1],
            label=f"Detectors, shown side by side ({MAX_DETECTORS} at most)",
            elem_id="detectors",
            min_width=320,
        )
        fold = gr.Dropdown(
            choices=[(describe_fold(one), one or "") for one in shelf.folds],
            value=shelf.folds[0] or "",
            label="Protocol run: what the detectors were trained on",
            elem_id="fold",
            min_width=320,
        )
    with_overlay = gr.Checkbox(
        value=True, label="Show where they looked (Grad-CAM; takes longer)", elem_id="with-overlay"
    )
    with gr.Row():
        go = gr.Button("Judge this video", variant="primary", elem_id="go")
        stop = gr.Button("Stop", elem_id="stop")
    results = _build_results()
    video.change(
        _describe_upload,
        video,
        facts,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    desk = Desk(shelf, results)
    # A queue of its own, which nobody's job holds up: what is refused never waits for the device.
    admitted = go.click(
        desk.admit,
        [video, names, fold],
        None,
        concurrency_limit=MAX_CHECKS,
        concurrency_id=DOOR,
        api_visibility="private",
    )
    job = admitted.success(
        desk.run,
        [video, names, fold, with_overlay],
        results.list_all(),
        concurrency_limit=1,
        concurrency_id=DEVICE,
        show_progress_on=results.summary,
        api_visibility="private",
    )
    stop.click(None, None, None, cancels=[job], queue=False, api_visibility="private")
    answer = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        desk.score,
        [video, names, fold],
        answer,
        concurrency_limit=1,
        concurrency_id=DEVICE,
        api_name="score",
        api_description="P(fake) of a video by the named detectors, as the page's JSON download.",
    )


def _build_results() -> Results:
    summary = gr.HTML("", elem_id="summary", label="Progress")
    with gr.Column(visible=False, elem_id="results") as group:
        gr.Markdown("## 3. What they say")
        with gr.Row(equal_height=False):
            slots = tuple(_build_slot(number) for number in range(MAX_DETECTORS))
        plot = gr.LinePlot(
            x="seconds",
            y="P(fake)",
            color="detector",
            x_title="seconds",
            y_title="P(fake)",
            y_lim=[0, 1],
            colors_in_legend=[],  # Gradio cuts its legend off: ours stands below the plot
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
            label="Where it looked: Grad-CAM",
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
            label="Grad-CAM contact sheet",
            visible=False,
            interactive=False,
            elem_id=f"sheet-{number}",
        )
        with gr.Accordion("Card and known weaknesses", open=False, elem_id=f"card-{number}"):
            card = gr.Markdown("")
    return Slot(column=column, answer=answer, overlay=overlay, track=track, sheet=sheet, card=card)


def _describe_upload(video: str | None) -> str:
    """Say what was uploaded, or why it is refused, before anything is queued."""
    if video is None:
        return write_note("No video yet.")
    try:
        return write_note(describe_video(Path(video).name, check_video(video)))
    except RefusedVideoError as refused:
        return write_problem(refused.problem)
    except Exception:
        _log.exception("an upload could not be checked")
        return write_problem(BROKEN)


class Desk:
    """Takes a visitor's wish, has it judged, and says where each answer goes.

    Args:
        shelf: The detectors on offer.
        results: Where answers are shown.
    """

    def __init__(self, shelf: Shelf, results: Results) -> None:
        self._shelf = shelf
        self._results = results

    def admit(self, video: str | None, names: list[str], fold: str) -> None:
        """Check a wish before it is queued.

        Raises:
            gr.Error: What is wrong with it and what to do, in words.
        """
        problem = self._find_fault(video, names, fold)
        if problem is not None:
            raise gr.Error(
                f"{problem.title}. {problem.reason} {problem.hint}", print_exception=False
            )

    def _find_fault(self, video: str | None, names: list[str], fold: str) -> Problem | None:
        if video is None:
            return Problem(
                kind="no_video",
                title="There is no video yet",
                reason="Nothing was uploaded.",
                hint="Upload or record one, or take an example.",
            )
        try:
            self._shelf.find(names, fold or None)
            check_video(video)
        except DetectorError as error:
            return Problem(
                kind="choice",
                title="This choice of detectors cannot be asked",
                reason=f"{str(error)[:1].upper()}{str(error)[1:]}.",
                hint="Choose another detector or another protocol run.",
            )
        except RefusedVideoError as refused:
            return refused.problem
        return None

    def run(
        self,
        video: str,
        names: list[str],
        fold: str,
        with_overlay: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
    ) -> Iterator[dict[Any, Any]]:
        """Judge a video and show what is known so far, step by step."""
        self.admit(video, names, fold)
        offers = self._shelf.find(names, fold or None)
        with job_folder() as folder:
            for step in judge(Path(video), offers, folder, with_overlay=with_overlay):
                progress(step.share, desc=step.text)
                yield self._show(step)

    def score(self, video: str | None, names: list[str], fold: str) -> dict[str, Any]:
        """Judge a video for a program: the record alone, no pictures of what was looked at."""
        self.admit(video, names, fold)
        offers = self._shelf.find(names, fold or None)
        with job_folder() as folder:
            file = Path(str(video))
            *_, last = judge(file, offers, folder, with_overlay=False)
            return write_record(file, last.judgements)

    def _show(self, step: Step) -> dict[Any, Any]:
        results = self._results
        curves = _collect_curves(step.judgements)
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
            label=f"Where {name} looked (orange speaks for fake, blue for real)",
        ),
        slot.track: gr.Gallery(
            value=[(picture.path, picture.caption) for picture in judgement.track],
            visible=bool(judgement.track),
            label=f"The face that {name} followed",
        ),
        slot.sheet: gr.Image(
            value=judgement.sheet,
            visible=judgement.sheet is not None,
            label=f"Grad-CAM contact sheet of {name}",
        ),
        slot.card: write_offer_card(judgement.offer),
    }


def _collect_curves(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """Return the curves as rows: one point in the middle of each stretch, and the thresholds."""
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
            rows += [((one.start_seconds + one.end_seconds) / 2, one.score, name) for one in parts]
        if judgement.calibration is not None:
            line = name_threshold(name)
            ends = (parts[0].start_seconds, parts[-1].end_seconds)
            rows += [(at, judgement.calibration.threshold, line) for at in ends]
    return pd.DataFrame(rows, columns=["seconds", "P(fake)", "detector"])


def _map_colours(judgements: Sequence[Judgement]) -> dict[str, str]:
    """Return the colour of each curve, and a paler one for its threshold."""
    colours: dict[str, str] = {}
    for judgement, (curve, threshold) in zip(judgements, CURVE_COLOURS, strict=False):
        name = judgement.offer.name
        colours |= {name: curve, name_threshold(name): threshold}
    return colours
