"""Progress bars: one line on stderr, and only now and then where nobody watches."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from thb_dataset.watching import is_watched

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS_BETWEEN_LINES_IN_A_LOG: Final = 15.0


def is_main_process() -> bool:
    """Return True in the process that speaks for the run: rank 0, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def progress_bar(
    *, total: int | None, description: str, unit: str = "video", shown: bool = True
) -> tqdm[None]:
    """Return a bar to advance with ``update``; in a log file it prints a line now and then.

    Only the main process shows it.

    Args:
        total: The number of units that complete the bar; None if it is not known.
        description: The text before the bar.
        unit: The name of what is counted.
        shown: Show the bar at all.
    """
    from tqdm import tqdm

    watched = is_watched(sys.stderr)
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
