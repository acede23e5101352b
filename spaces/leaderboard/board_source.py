"""Where the boards come from: read at start and on request, and kept if a later reading fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

from thb.boards.reading import PublishedBoards, read_boards
from thb_dataset.errors import THBError

LEAST_SECONDS: Final = 30
"""The shortest time between two readings, however often visitors ask for one."""
_log = logging.getLogger("thb.leaderboard")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page shows.

    Attributes:
        boards: The boards; None if none could be read.
        name: Where they come from, as a visitor may read it.
        read_at: When they were read, in UTC; None if they were not.
        problem: Why they, or newer ones, could not be read; None if all went well.
    """

    boards: PublishedBoards | None = None
    name: str = ""
    read_at: datetime | None = None
    problem: str | None = None


class Source:
    """Reads the boards of one results repo.

    Args:
        results: A folder, or a dataset repo on the Hub; None if whoever runs the page named none.
        clock: Tells the time in seconds; tests have their own.
    """

    def __init__(
        self, results: str | Path | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._results = results
        self._clock = clock
        self._lock = Lock()
        self._last = float("-inf")
        self._shown = Shown()

    @property
    def shown(self) -> Shown:
        """What was read last."""
        return self._shown

    def refresh(self) -> Shown:
        """Read the boards again, unless that was done just before; return what is shown now."""
        with self._lock:
            if self._results is not None and self._clock() - self._last >= LEAST_SECONDS:
                self._last = self._clock()
                self._shown = self._read(self._results)
        return self._shown

    def _read(self, results: str | Path) -> Shown:
        is_folder = Path(results).expanduser().is_dir()
        name = "a folder of this machine" if is_folder else str(results)
        try:
            boards = read_boards(results)
        except THBError as error:
            # A path of this machine is nobody's business.
            reason = str(error).replace(str(results), name)
        except Exception:
            _log.exception("the boards could not be read")
            reason = "an error of this page; its log says more"
        else:
            return Shown(boards=boards, name=name, read_at=datetime.now(UTC))
        old = self._shown
        return Shown(boards=old.boards, name=name, read_at=old.read_at, problem=reason)
