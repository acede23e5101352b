"""The demo Space: one suspicious video in, what the benchmark's detectors say of it out.

On the Hub it offers what ``detectors.json`` lists. On your own machine, from the repository::

    python spaces/demo/app.py --runs runs/baseline
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read once, when gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import gradio as gr

import detectors.base  # noqa: F401 - mends torchvision for all that import transformers
from demo_detectors import OFFERS_FILE, Offer, Shelf, find_runs, read_offers
from demo_examples import find_examples
from demo_limits import MAX_MEGABYTES, MAX_QUEUE
from demo_page import build_page
from thb_dataset.errors import THBError

HERE: Final = Path(__file__).resolve().parent
VARIABLE: Final = "THB_DEMO_DETECTORS"
"""Names a list of detectors that stands in for ``detectors.json``."""


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; the Hub gives none."""
    parser = argparse.ArgumentParser(description="The TalkingHeadBench demo, on this machine.")
    parser.add_argument(
        "--runs",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="folders that thb train wrote, one a fold or with all folds of a detector",
    )
    parser.add_argument(
        "--detectors",
        type=Path,
        default=os.environ.get(VARIABLE) or HERE / OFFERS_FILE,
        metavar="FILE",
        help=f"list of detectors, {OFFERS_FILE} beside the app by default",
    )
    parser.add_argument("--host", default=None, help="address to listen at")
    parser.add_argument("--port", type=int, default=None, help="port to listen at")
    return parser.parse_args(words)


def choose_offers(settings: argparse.Namespace) -> tuple[Offer, ...]:
    """Return the detectors that the command line names, else those that the list names.

    Raises:
        THBError: A folder or the list is not what it should be.
    """
    if settings.runs:
        return find_runs(settings.runs)
    file = Path(settings.detectors)
    return read_offers(file) if file.is_file() else ()


def make_theme() -> gr.themes.Base:
    """Return the page's look: fonts that are all there, white on a colour that it stands out of."""
    # Gradio's own font comes in parts, and its bold letters in two faces.
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
    """Return the page and how it is launched.

    Raises:
        THBError: A detector that was named is not there.
    """
    examples = find_examples(HERE)
    texts = (HERE / "demo_texts.md").read_text("utf-8")
    page = build_page(Shelf(choose_offers(settings)), examples, texts)
    page.queue(max_size=MAX_QUEUE)
    return page, {
        "server_name": settings.host,
        "server_port": settings.port,
        "max_file_size": f"{MAX_MEGABYTES}mb",
        "allowed_paths": [str(example.path) for example in examples],
        "theme": make_theme(),
        "css_paths": HERE / "demo.css",
        # Gradio's page does not say its language, which screen readers ask for.
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
