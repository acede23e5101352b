"""A download by somebody else's code, which is given up once it brings nothing more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from thb_dataset.errors import FacePackError

STALLED_SECONDS: Final = 60.0
"""The longest time without enough bytes; InsightFace itself would wait without end."""
LEAST_BYTES_A_SECOND: Final = 1024
"""The rate below which a download only drips."""


def download_or_give_up(
    download: Callable[[], object], folder: Path, *, seconds: float = STALLED_SECONDS
) -> None:
    """Run a download, and give it up once its folder hardly grows.

    A thread cannot be ended from outside: one that hangs is left alone, and ends with the process.

    Args:
        download: The download; it writes into the folder.
        folder: The folder, which need not exist yet.
        seconds: How often the growth is looked at.

    Raises:
        FacePackError: In that time there came less than ``LEAST_BYTES_A_SECOND``.
        Exception: Whatever the download raises.
    """
    errors: list[BaseException] = []

    def run() -> None:
        try:
            download()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    size = _measure(folder)
    while thread.is_alive():
        thread.join(seconds)
        before, size = size, _measure(folder)
        if thread.is_alive() and size - before < LEAST_BYTES_A_SECOND * seconds:
            raise FacePackError(
                f"face pack: the download brought only {size - before} bytes in {seconds:g} s: try"
                f" again later, or put the pack into {folder} yourself"
            )
    if errors:
        raise errors[0]


def _measure(folder: Path) -> int:
    """Return the bytes of a folder's files, of which some may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
