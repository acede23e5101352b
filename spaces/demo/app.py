"""The demo Space: give it a suspicious video, and see what the benchmark's detectors say about it.

On the Hub it offers the detectors in ``detectors.json``. On your own machine, from the repository::

    python spaces/demo/app.py --runs runs/baseline
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read once, when gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
sys.path.append(str(Path(__file__).resolve().parents[1] / "shared"))  # published, it lies beside

import gradio as gr
from starlette.middleware import Middleware

import detectors
import detectors.base  # noqa: F401 - mends torchvision for all that import transformers
from demo_detectors import OFFERS_FILE, Offer, Shelf, find_default, find_runs, read_offers
from demo_examples import find_examples
from demo_page import build_page
from space_limits import MAX_MEGABYTES, MAX_QUEUE
from space_uploads import UploadDoor
from thb_dataset.errors import THBError

HERE: Final = Path(__file__).resolve().parent
VARIABLE: Final = "THB_DEMO_DETECTORS"
"""The environment variable that names another list of detectors than ``detectors.json``."""


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, which is empty on the Hub."""
    parser = argparse.ArgumentParser(description="Run the TalkingHeadBench demo on this machine.")
    parser.add_argument(
        "--runs",
        nargs="+",
        default=[],
        metavar="DIR",
        help="folders that thb train wrote, each with one fold or all folds of a detector; for a"
        " class of your own module:Class@DIR; gend for the weights that its authors publish",
    )
    parser.add_argument(
        "--detectors",
        type=Path,
        default=os.environ.get(VARIABLE) or HERE / OFFERS_FILE,
        metavar="FILE",
        help=f"list of detectors (default: {OFFERS_FILE} beside the app)",
    )
    parser.add_argument("--host", default=None, help="address to listen on")
    parser.add_argument("--port", type=int, default=None, help="port to listen on")
    return parser.parse_args(words)


def choose_offers(settings: argparse.Namespace) -> tuple[Offer, ...]:
    """Return the detectors on the command line, or else those in the list, or else GenD.

    Raises:
        THBError: A folder holds no detector, or the list is malformed.
    """
    if settings.runs:
        return find_runs(settings.runs)
    file = Path(settings.detectors)
    offers = read_offers(file) if file.is_file() else ()
    return offers or find_default()


def make_theme() -> gr.themes.Base:
    """Return the page's theme: system fonts, and buttons whose white text has enough contrast."""
    # Gradio's own font is split into parts, and its bold letters come from two typefaces.
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
    """Return the page and the arguments of its launch.

    Raises:
        THBError: A detector that was named does not exist.
    """
    examples = find_examples(HERE)
    texts = (HERE / "demo_texts.md").read_text("utf-8")
    page = build_page(Shelf(choose_offers(settings)), examples, texts)
    page.queue(max_size=MAX_QUEUE)
    return page, {
        "server_name": settings.host,
        "server_port": settings.port,
        "max_file_size": MAX_MEGABYTES * 1_000_000,  # Gradio's own "mb" are larger
        "app_kwargs": {"middleware": [Middleware(UploadDoor)]},
        "allowed_paths": [str(example.path) for example in examples],
        "theme": make_theme(),
        "css_paths": HERE / "demo.css",
        # Gradio does not declare the page's language, which screen readers need.
        "head": "<script>document.documentElement.lang = 'en'</script>",
        "footer_links": ["api"],
        "ssr_mode": False,
    }


if __name__ == "__main__":
    try:
        demo, launch = build(parse())
    except THBError as error:
        raise SystemExit(f"error: {error}") from None
    demo.launch(**launch)
