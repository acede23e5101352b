"""Whether somebody watches what is written: it decides how often a progress bar moves."""

from __future__ import annotations

from typing import TextIO


def is_watched(stream: TextIO) -> bool:
    """Return whether a stream is shown while it is written: a terminal, or a notebook's cell.

    A log file is read later, and should hold few lines of a bar.
    """
    return stream.isatty() or type(stream).__module__.partition(".")[0] == "ipykernel"
