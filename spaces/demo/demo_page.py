"""The page: what a visitor sees, and what each click does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr

from demo_detectors import Shelf
from demo_examples import Example
from demo_html import write_absent, write_banner, write_note, write_problem
from demo_judging import judge, write_record
from demo_results import Results, build_results, show_step
from demo_words import describe_run, describe_video, warn_of_drawings
from space_addresses import limit_addresses
from space_jobs import job_folder
from space_limits import (
    FILE_AGE_SECONDS,
    MAX_DETECTORS,
    SWEEP_SECONDS,
    RefusedVideoError,
    check_video,
    describe_limits,
)
from space_problems import BROKEN, Problem
from thb_dataset.errors import DetectorError

DEVICE: Final = "device"
"""The queue of jobs, which run one at a time."""
DOOR: Final = "door"
"""The queue in which requests are checked before they may wait for the device."""
MAX_CHECKS: Final = 4
SCROLL: Final = "() => document.getElementById('summary').scrollIntoView({behavior: 'smooth'})"
"""Brings the progress of a job into view, and below it the results."""

TITLE: Final = "TalkingHeadBench: is this talking head a fake?"
INTRODUCTION: Final = f"""# {TITLE}
Upload a short video of one person talking. Each detector calls it fake or not, or says why it gives
no verdict, and shows how its score changes over time and where it looked. Videos
stay on this server for about an hour, and nobody else can see them. Closing or reloading the page
stops the work and loses the results: download them to keep them."""
EMPTY_SHELF: Final = """## This page has no detectors yet
Whoever runs it can add some:

- on your own machine: `python app.py --runs runs/baseline`, a folder that `thb train` wrote;
- on the Hub: `thb publish space demo --repo ORG/NAME --detector runs/baseline`, where a detector
  may also be the id of a model repo."""
_log = logging.getLogger("thb.demo")


def build_page(shelf: Shelf, examples: Sequence[Example], texts: str) -> gr.Blocks:
    """Lay out the page.

    Args:
        shelf: The detectors on offer.
        examples: Videos to try the page with.
        texts: What a score can and cannot prove, as Markdown.
    """
    page = gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(SWEEP_SECONDS, FILE_AGE_SECONDS)
    )
    with page:
        gr.Markdown(INTRODUCTION)
        if shelf.trained_on_synthetic:
            gr.HTML(write_banner(warn_of_drawings(shelf.trained_on_synthetic)), elem_id="banner")
        if shelf.offers:
            _build_form(shelf, examples)
        else:
            gr.Markdown(EMPTY_SHELF, elem_id="empty-shelf")
        gr.Markdown(texts, elem_id="what-it-proves")
    return page


def _build_form(shelf: Shelf, examples: Sequence[Example]) -> None:
    video = _build_upload(examples)
    names, fold, with_overlay = _build_choice(shelf)
    with gr.Row():
        go = gr.Button("Score this video", variant="primary", elem_id="go")
        stop = gr.Button("Stop", elem_id="stop")
    results = build_results()
    desk = Desk(shelf, results)
    # The check has a queue of its own, so a refused request never waits for anybody's job.
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
    admitted.success(None, js=SCROLL, queue=False, api_visibility="private")
    stop.click(None, None, None, cancels=[job], queue=False, api_visibility="private")
    answer = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        desk.score,
        [video, names, fold],
        answer,
        concurrency_limit=1,
        concurrency_id=DEVICE,
        api_name="score",
        api_description="The scores of a video by the named detectors, as in the JSON download.",
    )


def _build_upload(examples: Sequence[Example]) -> gr.Video:
    gr.Markdown(
        f"## 1. A video\nOne face, seen from the front; {describe_limits()}. A file without an"
        " ending such as .mp4, .mov or .webm is not accepted: rename it.",
        elem_id="limits",
    )
    video = limit_addresses(
        gr.Video(
            label="Upload or record a video",
            sources=["upload", "webcam"],
            include_audio=True,
            height=320,
            elem_id="video",
        )
    )
    facts = gr.HTML(_describe_upload(None), elem_id="facts", label="About the video")
    if examples:
        gr.Markdown("Or choose an example. These are drawings made by a program, not people:")
        with gr.Row():
            for number, example in enumerate(examples):
                button = gr.Button(example.label, size="sm", elem_id=f"example-{number}")
                button.click(
                    lambda path=str(example.path): path,
                    outputs=video,
                    api_visibility="private",
                    queue=False,
                )
    video.change(
        _describe_upload,
        video,
        facts,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return video


def _build_choice(shelf: Shelf) -> tuple[gr.CheckboxGroup, gr.Dropdown, gr.Checkbox]:
    gr.Markdown("## 2. Detectors")
    with gr.Row():
        names = gr.CheckboxGroup(
            choices=shelf.names,
            value=shelf.choose((), shelf.folds[0]),
            label=f"Detectors, shown side by side ({MAX_DETECTORS} at most)",
            elem_id="detectors",
            min_width=320,
        )
        fold = gr.Dropdown(
            choices=[(describe_run(fold), fold or "") for fold in shelf.folds],
            value=shelf.folds[0] or "",
            label="Protocol run: what the detectors were trained on",
            elem_id="fold",
            min_width=320,
        )
    absent = gr.HTML(write_absent(shelf, shelf.folds[0]), elem_id="absent", label="Not in this run")
    fold.change(
        lambda chosen, run: (shelf.choose(chosen, run or None), write_absent(shelf, run or None)),
        [names, fold],
        [names, absent],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    with_overlay = gr.Checkbox(
        value=True, label="Show where they looked (takes longer)", elem_id="with-overlay"
    )
    return names, fold, with_overlay


def _describe_upload(video: str | None) -> str:
    """Return a line about the upload, or why it is refused, before anything is queued."""
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
    """Checks a visitor's request, has it scored, and shows the results.

    Args:
        shelf: The detectors on offer.
        results: The components that show the results.
    """

    def __init__(self, shelf: Shelf, results: Results) -> None:
        self._shelf = shelf
        self._results = results

    def admit(self, video: str | None, names: list[str], fold: str) -> None:
        """Check a request before it is queued.

        Raises:
            gr.Error: The request is refused; the text says why and what to do.
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
                hint="Upload or record one, or choose an example.",
            )
        try:
            self._shelf.find(names, fold or None)
            check_video(video)
        except DetectorError as error:
            return Problem(
                kind="choice",
                title="These detectors cannot be used together",
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
        progress: gr.Progress = gr.Progress(),  # noqa: B008 — Gradio finds it by this default
    ) -> Iterator[dict[Any, Any]]:
        """Score a video, and show after each step what is known so far."""
        self.admit(video, names, fold)
        offers = self._shelf.find(names, fold or None)
        with job_folder() as folder:
            for step in judge(Path(video), offers, folder, with_overlay=with_overlay):
                progress(step.share, desc=step.text)
                yield show_step(step, self._results)

    def score(self, video: str | None, names: list[str], fold: str) -> dict[str, Any]:
        """Score a video for a program: return the record alone, without pictures."""
        self.admit(video, names, fold)
        offers = self._shelf.find(names, fold or None)
        with job_folder() as folder:
            file = Path(str(video))
            *_, last = judge(file, offers, folder, with_overlay=False)
            return write_record(file, last.judgements)
