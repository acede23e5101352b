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

from board_page import build_page
from board_source import Source

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


def build(settings: argparse.Namespace) -> tuple[gr.Blocks, dict[str, Any]]:
    """Return the page and the arguments of its launch."""
    page = build_page(Source(find_results(settings)))
    page.queue(max_size=MAX_QUEUE)
    return page, {
        "server_name": settings.host,
        "server_port": settings.port,
        "max_file_size": 1,  # nobody has anything to upload here
        "theme": make_theme(),
        "css_paths": HERE / "board.css",
        "head": HEAD,
        "footer_links": ["api"],
        "ssr_mode": False,
    }
