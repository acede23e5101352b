"""Progress bars: on stderr, one line, and quiet where nobody watches."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS_BETWEEN_LINES_IN_A_LOG = 15.0


def is_main_process() -> bool:
    """Say whether this process speaks for the run: rank 0, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def progress_bar(
    *, total: int, description: str, unit: str = "video", shown: bool = True
) -> tqdm[None]:
    """Return a bar to be moved by ``update``; in a log file it prints a line now and then.

    Only the main process shows one.
    """
    from tqdm import tqdm

    watched = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        file=sys.stderr,
        disable=not (shown and is_main_process()),
        dynamic_ncols=watched,
        mininterval=0.1 if watched else SECONDS_BETWEEN_LINES_IN_A_LOG,
        maxinterval=10.0 if watched else SECONDS_BETWEEN_LINES_IN_A_LOG,
        delay=0.0 if watched else 1.0,
    )
