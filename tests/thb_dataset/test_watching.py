"""Who is watched: a terminal and a notebook's cell, and no log file."""

from __future__ import annotations

import io
import os
import pty
from pathlib import Path

from ipykernel.iostream import OutStream

from thb_dataset.watching import is_watched


def test_a_file_is_not_watched(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        assert not is_watched(file)
    assert not is_watched(io.StringIO())


def test_a_terminal_and_a_cell_are() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        assert is_watched(terminal)
    os.close(ours)
    cell = type("OutStream", (io.StringIO,), {"__module__": OutStream.__module__})()
    assert is_watched(cell)
