"""Deep links: what a page's address says is shown, and the script that keeps it up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from thb.boards.views import OVERALL, TIERS, Choices

# Gradio itself takes ``page`` from an address.
PAGES: Final = ("detectors", "generators", "detector", "generator", "submit", "examine")
NAMES: Final = ("protocol", "generator", "tier", "modality", "detector")
"""The parts of an address after ``show``, in the order in which the script is given them."""
_FIRST_PROTOCOLS: Final = ("p3", "p2", "p1", OVERALL)

# On the Hub the page stands in a frame, and the Hub's own address follows when it is told.
WRITE_ADDRESS: Final = (
    f"(...values) => {{const names = {list(NAMES)}"
    + """
  if (!values[1]) return  // the page is not filled yet, and its address is still to be read
  const query = new URLSearchParams({show: values[0]})
  names.forEach((name, place) => {
    const value = values[place + 1]
    if (value && value.length) query.set(name, Array.isArray(value) ? value.join(',') : value)
  })
  history.replaceState(null, '', '?' + query)
  if (window.parent !== window) {
    window.parent.postMessage({queryString: String(query), hash: ''}, 'https://huggingface.co')
  }
}"""
)


def open_tab(name: str) -> str:
    """Return the script of a tab: it writes the address, and returns the name of the tab.

    Args:
        name: One of :data:`PAGES`.
    """
    return f"(...values) => {{ ({WRITE_ADDRESS})('{name}', ...values); return '{name}' }}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is shown.

    Attributes:
        page: One of :data:`PAGES`.
        protocol: ``p1``, ``p2``, ``p3`` or ``overall``.
        generator: A generator, or empty.
        tiers: The tiers that are shown.
        modality: A modality, or empty.
        detector: The key of a detector, or empty.
    """

    page: str = PAGES[0]
    protocol: str = ""
    generator: str = ""
    tiers: tuple[str, ...] = TIERS
    modality: str = ""
    detector: str = ""


def read_place(query: Mapping[str, str], choices: Choices) -> Place:
    """Return what an address asks for; whatever the boards do not have is passed over."""
    protocols = [name for name in _FIRST_PROTOCOLS if name in choices.protocols]
    detector = _choose(query.get("detector", ""), choices.detectors)
    wanted = query.get("tier", "").split(",")
    page = query.get("show", "detector" if detector else "")
    return Place(
        page=page if page in PAGES else PAGES[0],
        protocol=_choose(query.get("protocol", ""), choices.protocols)
        or (protocols[0] if protocols else ""),
        generator=_choose(query.get("generator", ""), choices.generators),
        tiers=tuple(tier for tier in TIERS if tier in wanted) or TIERS,
        modality=_choose(query.get("modality", ""), choices.modalities),
        detector=detector,
    )


def _choose(value: str, known: tuple[str, ...]) -> str:
    return value if value in known else ""


def link(**parts: str) -> str:
    """Return an address of the page that shows something, such as ``?show=detector&detector=x``."""
    return f"?{urlencode({name: value for name, value in parts.items() if value})}"
