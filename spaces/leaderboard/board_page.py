"""The page: what a visitor sees, and what each choice does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from board_generators import Examiners, build_generators
from board_html import (
    write_detector,
    write_detectors,
    write_generator,
    write_generators,
    write_pictures,
    write_status,
)
from board_links import WRITE_ADDRESS, Place, open_tab, read_place
from board_parcels import fetch
from board_source import Source
from board_words import ANY, INTRODUCTION, MEAN, PROTOCOLS, SUBMIT, TITLE
from thb.boards.pictures import draw_board
from thb.boards.views import TIERS, Choices, View, list_choices, select_rows

SWEEP_SECONDS: Final = 600
FILE_AGE_SECONDS: Final = 3600
_QUIET: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What a visitor chooses with.

    Attributes:
        protocol: The protocol of every table.
        generator: The generator whose numbers are shown, and the one of the last but one tab.
        tiers: The tiers of detectors.
        modality: What detectors look at.
        detector: The detector of its own tab.
    """

    protocol: gr.Dropdown
    generator: gr.Dropdown
    tiers: gr.CheckboxGroup
    modality: gr.Dropdown
    detector: gr.Dropdown

    def list_all(self) -> list[Any]:
        """Return the controls in the order of ``board_links.NAMES``."""
        return [self.protocol, self.generator, self.tiers, self.modality, self.detector]


@dataclass(frozen=True, kw_only=True)
class Panels:
    """What shows the boards.

    Attributes:
        status: Where the boards come from, or why there are none.
        detectors: The table of detectors.
        pictures: The figures below it.
        generators: The table of generators.
        detector: One detector.
        generator: One generator.
        curves: The ROC curves of one detector.
        download: Its predictions.
    """

    status: gr.HTML
    detectors: gr.HTML
    pictures: gr.HTML
    generators: gr.HTML
    detector: gr.HTML
    generator: gr.HTML
    curves: gr.HTML
    download: gr.DownloadButton

    def list_all(self) -> list[Any]:
        """Return the panels in the order in which :meth:`Desk.show` fills them."""
        return [
            *(self.status, self.detectors, self.pictures, self.generators),
            *(self.detector, self.generator, self.curves, self.download),
        ]


def build_page(source: Source, examiners: Examiners | None = None) -> gr.Blocks:
    """Lay out the page; the boards are read when it is made and when a visitor asks.

    Args:
        source: Where the boards come from.
        examiners: What new fakes are examined with; None for a page that runs no detector.
    """
    source.refresh()
    page = gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(SWEEP_SECONDS, FILE_AGE_SECONDS)
    )
    with page:
        gr.Markdown(INTRODUCTION)
        with gr.Row(elem_id="source"):
            status = gr.HTML("", elem_id="status", label="Where results come from", min_width=240)
            refresh = gr.Button("Read the results again", elem_id="refresh", size="sm", scale=0)
        protocol, generator, modality, tiers = _build_filters()
        current = gr.Textbox("detectors", visible=False)
        with gr.Tabs(elem_id="pages", overflow_behavior="wrap") as tabs:
            with gr.Tab("Detectors", id="detectors") as first:
                detectors = gr.HTML("", elem_id="detectors", label="The table of detectors")
                pictures = gr.HTML("", elem_id="pictures", label="Figures of these detectors")
            with gr.Tab("Generators", id="generators") as second:
                generators = gr.HTML("", elem_id="generators", label="The table of generators")
            with gr.Tab("One detector", id="detector") as third:
                detector, own, get, curves, download = _build_detector()
            with gr.Tab("One generator", id="generator") as fourth:
                one = gr.HTML("", elem_id="one-generator", label="The generator")
            with gr.Tab("Submit", id="submit") as fifth:
                gr.Markdown(SUBMIT, elem_id="how-to-submit")
            with gr.Tab("Your generator", id="examine") as sixth:
                build_generators(source, examiners or Examiners(), protocol)
        controls = Controls(
            protocol=protocol,
            generator=generator,
            tiers=tiers,
            modality=modality,
            detector=detector,
        )
        panels = Panels(
            status=status,
            detectors=detectors,
            pictures=pictures,
            generators=generators,
            detector=own,
            generator=one,
            curves=curves,
            download=download,
        )
        desk = Desk(source)
        _connect(page, desk, controls, panels, refresh, tabs, current)
        _connect_tabs((first, second, third, fourth, fifth, sixth), controls, current)
        get.click(
            desk.fetch,
            [detector, protocol],
            [curves, download],
            concurrency_limit=1,
            api_visibility="private",
        )
    return page


def _connect_tabs(tabs: Sequence[gr.Tab], controls: Controls, current: gr.Textbox) -> None:
    for tab in tabs:
        tab.select(
            None, controls.list_all(), current, js=open_tab(str(tab.id)), queue=False, **_QUIET
        )


def _build_filters() -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.CheckboxGroup]:
    with gr.Row(elem_id="filters"):
        protocol = gr.Dropdown([], label="Protocol", elem_id="protocol", min_width=280)
        generator = gr.Dropdown([], label="Generator", elem_id="generator", min_width=200)
        modality = gr.Dropdown([], label="Modality", elem_id="modality", min_width=140)
        tiers = gr.CheckboxGroup(
            list(TIERS), value=list(TIERS), label="Tiers", elem_id="tiers", min_width=280
        )
    return protocol, generator, modality, tiers


def _build_detector() -> tuple[gr.Dropdown, gr.HTML, gr.Button, gr.HTML, gr.DownloadButton]:
    detector = gr.Dropdown([], label="Detector", elem_id="detector")
    own = gr.HTML("", elem_id="one-detector", label="The detector")
    get = gr.Button("Show its ROC curves and fetch its predictions", elem_id="fetch")
    curves = gr.HTML("", elem_id="curves", label="ROC curves")
    download = gr.DownloadButton(
        "Download its predictions (zip)", visible=False, elem_id="download", variant="primary"
    )
    return detector, own, get, curves, download


def _connect(
    page: gr.Blocks,
    desk: Desk,
    controls: Controls,
    panels: Panels,
    refresh: gr.Button,
    tabs: gr.Tabs,
    current: gr.Textbox,
) -> None:
    chosen, shown = controls.list_all(), panels.list_all()
    everything = [tabs, current, *chosen, *shown]
    page.load(desk.open, None, everything, queue=False, **_QUIET)
    refresh.click(desk.refresh, [current, *chosen], everything, concurrency_limit=2, **_QUIET)
    for control in chosen:
        control.input(desk.show, chosen, shown, queue=False, **_QUIET).then(
            None, [current, *chosen], None, js=WRITE_ADDRESS, queue=False, **_QUIET
        )
    asked, answer = gr.Textbox("p3", label="protocol", visible=False), gr.JSON(visible=False)
    gr.Button(visible=False).click(
        desk.board,
        asked,
        answer,
        queue=False,
        api_name="board",
        api_description="The rows of a protocol's board of detectors, as in detectors.json.",
    )


class Desk:
    """Answers what a visitor chooses.

    Args:
        source: Where the boards come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def open(self, request: gr.Request) -> list[Any]:
        """Fill the page with what its address asks for."""
        return self._fill(read_place(dict(request.query_params), self._choices()))

    def refresh(self, page: str, *chosen: Any) -> list[Any]:  # noqa: ANN401 - as Gradio gives them
        """Read the boards again, and keep what was chosen if they still have it."""
        self._source.refresh()
        protocol, generator, tiers, modality, detector = chosen
        query = {
            "show": page,
            "protocol": protocol or "",
            "generator": generator or "",
            "tier": ",".join(tiers),
            "modality": modality or "",
            "detector": detector or "",
        }
        return self._fill(read_place(query, self._choices()))

    def show(
        self,
        protocol: str | None,
        generator: str | None,
        tiers: Sequence[str],
        modality: str | None,
        detector: str | None,
    ) -> list[Any]:
        """Return the panels of a choice."""
        status = write_status(self._source.shown)
        boards = self._source.shown.boards
        hidden = gr.update(visible=False)
        if boards is None:
            return [status, *[""] * 6, hidden]
        view = View(
            protocol=protocol or "",
            generator=generator or "",
            tiers=tuple(tiers),
            modality=modality or "",
        )
        return [
            status,
            write_detectors(boards, view),
            write_pictures(draw_board(select_rows(boards.detectors, view), view.protocol)),
            write_generators(boards, view.protocol),
            write_detector(boards, detector or ""),
            write_generator(boards, view.generator),
            "",
            hidden,
        ]

    def fetch(self, detector: str | None, protocol: str | None) -> tuple[str, Any]:
        """Return the ROC curves of a detector on a protocol, and its predictions to download."""
        boards = self._source.shown.boards
        pictures, problem, archive = fetch(boards, detector or "", protocol or "")
        text = f'<div class="board"><p>{problem}</p></div>' if problem else ""
        button = gr.update(value=archive and str(archive), visible=archive is not None)
        return f"{text}{write_pictures(pictures)}", button

    def board(self, protocol: str) -> dict[str, Any]:
        """Return the rows of a protocol's board for a program."""
        from thb.runtime.records import to_json

        boards = self._source.shown.boards
        if boards is None:
            return {"problem": "there are no boards", "rows": []}
        tables = {**boards.detectors.protocols, "overall": boards.detectors.overall}
        table = tables.get(protocol)
        if table is None:
            return {"problem": f"choose one of {', '.join(tables)}", "rows": []}
        return to_json(table)

    def _choices(self) -> Choices:
        boards = self._source.shown.boards
        return Choices() if boards is None else list_choices(boards.detectors, boards.generators)

    def _fill(self, place: Place) -> list[Any]:
        choices = self._choices()
        lists: list[list[tuple[str, str]]] = [
            [(PROTOCOLS.get(name, name), name) for name in choices.protocols],
            [(MEAN, ""), *((name, name) for name in choices.generators)],
            [(ANY, ""), *((name, name) for name in choices.modalities)],
            [("none chosen", ""), *((key, key) for key in choices.detectors)],
        ]
        protocols, generators, modalities, detectors = lists
        return [
            gr.update(selected=place.page),
            place.page,
            gr.update(choices=protocols, value=place.protocol or None),
            gr.update(choices=generators, value=place.generator),
            list(place.tiers),
            gr.update(choices=modalities, value=place.modality),
            gr.update(choices=detectors, value=place.detector),
            *self.show(
                place.protocol, place.generator, place.tiers, place.modality, place.detector
            ),
        ]
