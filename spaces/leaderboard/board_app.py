"""How the page starts: which results it shows, and how it looks."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read once, when gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import gradio as gr
from starlette.middleware import Middleware

from board_generators import Examiners
from board_page import build_page
from board_source import Source
from space_limits import MAX_DETECTORS, MAX_FAKES, MAX_FAKES_MEGABYTES, MAX_MEGABYTES
from space_uploads import UploadDoor
from thb_dataset.errors import DetectorError

HERE: Final = Path(__file__).resolve().parent
SETTINGS: Final = "board.json"
VARIABLE: Final = "THB_BOARD_RESULTS"
"""The environment variable that names another results repo than ``board.json``."""
HEAD: Final = """<script>document.documentElement.lang = 'en'</script>
<style>
.gradio-container .main { max-width: 1400px !important; margin: 0 auto; }
@media (max-width: 640px) { .gradio-container .main { padding: 8px !important; } }
</style>"""
"""The page's language, which Gradio does not declare, and rules that reach beyond its CSS."""
MAX_QUEUE: Final = 50


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, which is empty on the Hub."""
    parser = argparse.ArgumentParser(description="Show the TalkingHeadBench boards.")
    parser.add_argument(
        "--results",
        default=os.environ.get(VARIABLE),
        metavar="DIR|ORG/NAME",
        help="a folder with boards/, which thb board build wrote, or a dataset repo on the Hub"
        f" (default: what {SETTINGS} beside the app names)",
    )
    parser.add_argument(
        "--detector",
        action="append",
        default=[],
        metavar="RUN|ORG/NAME",
        help="a detector that examines new fakes: a folder that thb train wrote, or the id of a"
        f" model repo; may be given several times, {MAX_DETECTORS} at most",
    )
    parser.add_argument(
        "--reals",
        type=Path,
        default=None,
        metavar="DIR",
        help="real videos that their thresholds are read off, anew for every visitor: keep it small"
        " (default: the thresholds that the detectors come with)",
    )
    parser.add_argument("--host", default=None, help="address to listen on")
    parser.add_argument("--port", type=int, default=None, help="port to listen on")
    return parser.parse_args(words)


def find_results(settings: argparse.Namespace, folder: Path = HERE) -> str | None:
    """Return the results repo on the command line, or else the one that ``board.json`` names."""
    if settings.results:
        return str(settings.results)
    file = folder / SETTINGS
    if not file.is_file():
        return None
    named = json.loads(file.read_text("utf-8"))["results"]
    return str(named) if named else None


def find_examiners(settings: argparse.Namespace, folder: Path = HERE) -> Examiners:
    """Return the detectors on the command line, or else those that ``board.json`` names.

    Raises:
        THBError: There is no such detector, or there are too many.
    """
    named = [str(given) for given in settings.detector]
    file = folder / SETTINGS
    if not named and file.is_file():
        known = json.loads(file.read_text("utf-8")).get("detectors", ())
        named = [str(folder / name) if (folder / name).is_dir() else str(name) for name in known]
    if len(named) > MAX_DETECTORS:
        raise DetectorError(f"{len(named)} detectors are too many: name {MAX_DETECTORS} at most")
    if not named:
        return Examiners()
    from detectors.registry import load_detector
    from thb.prediction.real_folders import list_reals

    for name in named:
        load_detector(name)  # what is wrong with one is said now, and not to a visitor
    if settings.reals is not None:
        list_reals(settings.reals)
    return Examiners(detectors=tuple(named), reals=settings.reals)


def make_theme() -> gr.themes.Base:
    """Return the page's theme: system fonts, and buttons whose white text has enough contrast."""
    theme = gr.themes.Default(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    return theme.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
    )


def make_door() -> Middleware:
    """Return what stands before Gradio and refuses uploads that are too many or too large."""
    return Middleware(UploadDoor, max_files=MAX_FAKES, max_megabytes=MAX_FAKES_MEGABYTES)


def build(settings: argparse.Namespace) -> tuple[gr.Blocks, dict[str, Any]]:
    """Return the page and the arguments of its launch.

    Raises:
        THBError: A detector that was named does not exist.
    """
    examiners = find_examiners(settings)
    page = build_page(Source(find_results(settings)), examiners)
    page.queue(max_size=MAX_QUEUE)
    return page, {
        "server_name": settings.host,
        "server_port": settings.port,
        # Without a detector nobody has anything to upload. Gradio's own "mb" are larger.
        "max_file_size": MAX_MEGABYTES * 1_000_000 if examiners.detectors else 1,
        "app_kwargs": {"middleware": [make_door()]},
        "theme": make_theme(),
        "css_paths": HERE / "board.css",
        "head": HEAD,
        "footer_links": ["api"],
        "ssr_mode": False,
    }
