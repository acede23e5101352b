"""The demo that the browser tests visit: the names of its detectors, and the pages opened in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

TRAINED, LISTENER = "trained", "listener"


@dataclass(frozen=True)
class Space:
    """The running Space.

    Attributes:
        address: The address of its page.
        folder: Its folder for temporary files.
    """

    address: str
    folder: Path


@dataclass
class Visit:
    """One visitor's page.

    Attributes:
        page: The page of Playwright.
        foreign: The requests to hosts other than the Space's.
    """

    page: Page
    foreign: list[str] = field(default_factory=list)
