"""The tab and the endpoint for authors of generators: what detectors catch of their new fakes.

The page computes nothing of it: ``thb.detectability`` does.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import gradio as gr

from board_source import Source
from board_words import AT_HOME
from space_addresses import limit_addresses
from space_device import on_device
from space_jobs import job_folder
from space_limits import (
    MAX_FAKES,
    MAX_FAKES_MEGABYTES,
    MAX_SECONDS,
    MAX_SIDE_PIXELS,
    RefusedVideoError,
    check_video,
    describe_limits,
)
from thb.runtime.text import plain
from thb_dataset.errors import THBError

DEVICE: Final = "device"
"""The queue of jobs, which run one at a time."""
SECONDS_ON_A_GPU: Final = 300
REPORT: Final = "detectability.html"
RECORD: Final = "detectability.json"
ENDINGS: Final = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v")
_PRIVATE: Final[dict[str, Any]] = {"api_visibility": "private"}
_log = logging.getLogger("thb.leaderboard")


@dataclass(frozen=True, kw_only=True)
class Examiners:
    """What new fakes are examined with.

    Attributes:
        detectors: Folders and Hub ids, as ``thb.detector`` takes them; empty if the page runs none.
        reals: A folder of real videos that thresholds are read off; None for those that the
            detectors come with.
    """

    detectors: tuple[str, ...] = ()
    reals: Path | None = None


class Bench:
    """Examines a visitor's fakes.

    Args:
        source: Where the boards come from, whose generators the fakes are compared with.
        examiners: The detectors.
    """

    def __init__(self, source: Source, examiners: Examiners) -> None:
        self._source = source
        self._examiners = examiners

    def admit(self, files: Sequence[str] | None) -> None:
        """Check a request before it is queued.

        Raises:
            gr.Error: The request is refused; the text says why and what to do.
        """
        if not files:
            raise _refuse("Upload the fakes of one generator first.")
        if len(files) > MAX_FAKES:
            raise _refuse(
                f"{len(files)} videos are too many: send {MAX_FAKES} at most, or run"
                " thb detectability on your own machine."
            )
        if sum(Path(file).stat().st_size for file in files) > MAX_FAKES_MEGABYTES * 1_000_000:
            raise _refuse(f"The videos are larger than {MAX_FAKES_MEGABYTES} MB together.")
        for file in files:
            try:
                check_video(file)
            except RefusedVideoError as refused:
                problem = refused.problem
                raise _refuse(f"{Path(file).name}: {problem.reason} {problem.hint}") from refused

    def show(
        self,
        files: Sequence[str] | None,
        protocol: str | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 — Gradio finds it by this default
    ) -> tuple[str, Any, Any]:
        """Return the report as HTML, and the files to download."""
        progress(0, desc="Scoring the fakes")
        with self._examine(files, protocol) as folder:
            text = (folder / REPORT).read_text("utf-8")
            return (
                f'<iframe class="board-report" title="How detectable this generator is" sandbox=""'
                f' srcdoc="{escape(text)}"></iframe>',
                gr.update(value=_hand_out(folder / REPORT), visible=True),
                gr.update(value=_hand_out(folder / RECORD), visible=True),
            )

    def answer(
        self, files: Sequence[str] | None, protocol: str | None
    ) -> tuple[dict[str, Any], str]:
        """Return the record for a program, and the report as a file."""
        with self._examine(files, protocol) as folder:
            record: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
            return record, _hand_out(folder / REPORT)

    @contextmanager
    def _examine(self, files: Sequence[str] | None, protocol: str | None) -> Iterator[Path]:
        """Write the report into a folder that is there within ``with``.

        Raises:
            gr.Error: The fakes are refused, or cannot be examined.
        """
        self.admit(files)
        with job_folder() as job:
            try:
                fakes = _lay_out(files or (), job / "fakes")
                _examine_on_device(fakes, job, self._source, self._examiners, protocol or "p3")
            except THBError as error:
                _log.warning("%s", error)
                reason = str(error).replace(str(job / "fakes"), "the upload")
                raise _refuse(f"These fakes cannot be examined: {plain(reason)}.") from error
            yield job / "out"


def _examine(fakes: Path, job: Path, source: Source, examiners: Examiners, protocol: str) -> None:
    from thb import detectability
    from thb.prediction.inference import PredictSettings

    detectability(
        fakes,
        examiners.detectors,
        reals=examiners.reals,
        board=source.shown.boards,
        protocol=protocol if protocol in ("p1", "p2", "p3") else "p3",
        out=job / "out",
        settings=PredictSettings(
            store=job / "clips",
            progress=False,
            max_seconds=MAX_SECONDS,
            max_pixels=MAX_SIDE_PIXELS * MAX_SIDE_PIXELS,
        ),
    )


_examine_on_device: Final = on_device(_examine, seconds=SECONDS_ON_A_GPU)


def _lay_out(files: Sequence[str], folder: Path) -> Path:
    """Put uploads into one folder, under their own names; equal ones get a number."""
    folder.mkdir()
    for number, file in enumerate(map(Path, files), start=1):
        target = folder / file.name
        if target.exists():
            target = folder / f"{file.stem}-{number}{file.suffix}"
        try:
            os.link(file, target)
        except OSError:
            shutil.copyfile(file, target)
    return folder


def _hand_out(file: Path) -> str:
    """Return a copy that outlives the job, in the folder that Gradio sweeps."""
    from gradio.processing_utils import save_file_to_cache
    from gradio.utils import get_upload_folder

    return str(save_file_to_cache(file, get_upload_folder()))


def _refuse(text: str) -> gr.Error:
    return gr.Error(text, print_exception=False)


def build_generators(source: Source, examiners: Examiners, protocol: gr.Dropdown) -> None:
    """Lay out the tab; without detectors it says how to do the same at home.

    Args:
        source: Where the boards come from.
        examiners: The detectors.
        protocol: The box with the protocol whose generators are compared with.
    """
    if not examiners.detectors:
        gr.Markdown(AT_HOME, elem_id="at-home")
        return
    gr.Markdown(
        f"## How detectable is your generator?\nUpload up to {MAX_FAKES} fakes of one generator,"
        f" each {describe_limits()}. Names such as `portrait--driver--generator.mp4` give better"
        " intervals. Videos stay on this server for about an hour, and nobody else can see them.",
        elem_id="how-to-examine",
    )
    files = limit_addresses(
        gr.File(
            label="Fakes of one generator",
            file_count="multiple",
            file_types=list(ENDINGS),
            elem_id="fakes",
        )
    )
    go = gr.Button("Examine these fakes", variant="primary", elem_id="examine")
    report = gr.HTML("", elem_id="report", label="The report")
    with gr.Row():
        page = gr.DownloadButton("Download the report (HTML)", visible=False, elem_id="report-html")
        record = gr.DownloadButton(
            "Download the numbers (JSON)", visible=False, elem_id="report-json"
        )
    gr.Markdown(AT_HOME, elem_id="at-home")
    bench = Bench(source, examiners)
    admitted = go.click(
        bench.admit, files, None, concurrency_limit=4, concurrency_id="door", **_PRIVATE
    )
    admitted.success(
        bench.show,
        [files, protocol],
        [report, page, record],
        concurrency_limit=1,
        concurrency_id=DEVICE,
        show_progress_on=report,
        **_PRIVATE,
    )
    _build_endpoint(bench, files)


def _build_endpoint(bench: Bench, files: gr.File) -> None:
    asked = gr.Textbox("p3", label="protocol", visible=False)
    numbers = gr.JSON(visible=False, label="record")
    written = gr.File(visible=False, label="report")
    gr.Button(visible=False).click(
        bench.answer,
        [files, asked],
        [numbers, written],
        concurrency_limit=1,
        concurrency_id=DEVICE,
        api_name="detectability",
        api_description="What detectors catch of new fakes: the record of thb detectability, and"
        " its report as an HTML file.",
    )
