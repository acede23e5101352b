"""How long we wait for the Hub: no call hangs, drips, sleeps or tries again without an end.

The clients set no time limit for most requests, sleep for as long as an answer tells them to, and
try again several times. ``THB_HUB_SECONDS`` is the longest time that a call brings us nothing.
Transfers by Xet have limits of their own (300 s for a silence, 360 s for all tries), which are left
alone: its one limit for reading also runs while it sends, where half a minute would be too short.
"""

from __future__ import annotations

import math
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from thb_dataset.errors import HubUnreachableError, ReleaseError

VARIABLE: Final = "THB_HUB_SECONDS"
DEFAULT_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 10.0
SEND_SECONDS: Final = 300.0
"""The longest silence after something was sent: the Hub works on a large commit for minutes."""

LEAST_BYTES_A_SECOND: Final = 1024
"""The rate below which the content of an answer only drips."""

GO_ON: Final = (
    "try again later, set HF_HUB_OFFLINE=1 to use what was downloaded before, give a folder, or"
    f" wait longer with {VARIABLE}"
)
_TRY_LATER: Final = (429, 500, 502, 503, 504)


class _Clock(threading.local):
    """What a thread has waited for in vain since its call began or the Hub last answered.

    Attributes:
        sent: When the request was sent that is not answered yet; None without one.
        waited: Seconds, over all tries before that one.
    """

    sent: float | None = None
    waited: float = 0.0


_clock = _Clock()


def patience_seconds() -> float:
    """Return how long the Hub may bring us nothing, in seconds.

    Raises:
        ReleaseError: The environment variable is not a number above 0.
    """
    text = os.environ.get(VARIABLE) or str(DEFAULT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise ReleaseError(f"{VARIABLE}={text!r} is not a number of seconds above 0")
    return seconds


def limit_waiting() -> None:
    """Give the Hub's clients in this process our limits, and begin to count for a new call.

    Raises:
        ReleaseError: The environment variable is not a number above 0.
    """
    patience_seconds()
    _clock.sent, _clock.waited = None, 0.0
    _install()


@lru_cache(maxsize=1)
def _install() -> None:
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def make_client() -> Any:  # noqa: ANN401 — huggingface_hub 1 has httpx, 2 has httpx2
        client = default_client_factory()
        hooks = client.event_hooks
        hooks["request"] = [*hooks.get("request", []), _limit_request]
        hooks["response"] = [*hooks.get("response", []), _check_pause, _watch]
        client.event_hooks = hooks
        return client

    set_client_factory(make_client)


def _limit_request(request: Any) -> None:  # noqa: ANN401
    """Bound every wait, and all tries of one request together.

    Raises:
        HubUnreachableError: The tries before this one have taken as long as we wait.
    """
    seconds = patience_seconds()
    is_reading = request.method in ("GET", "HEAD")
    now = time.monotonic()
    if _clock.sent is not None:
        _clock.waited += now - _clock.sent
    if is_reading and _clock.waited > seconds:
        raise HubUnreachableError(
            f"the Hub ({request.url.host}) has not answered for {_clock.waited:.0f} s: {GO_ON}"
        )
    _clock.sent = now
    silence = seconds if is_reading else max(SEND_SECONDS, seconds)
    ours = {"connect": CONNECT_SECONDS, "read": silence, "write": silence, "pool": silence}
    theirs = request.extensions.get("timeout", {})
    limits = {name: min(theirs.get(name) or limit, limit) for name, limit in ours.items()}
    request.extensions = {**request.extensions, "timeout": limits}


def _check_pause(response: Any) -> None:  # noqa: ANN401
    """Stop the clock, and refuse a long pause, which the clients would sleep through in silence.

    Raises:
        HubUnreachableError: The Hub asks for a longer pause than we wait.
    """
    if response.status_code not in _TRY_LATER:
        _clock.sent, _clock.waited = None, 0.0
        return
    after = re.search(r"^\s*(\d+)", response.headers.get("retry-after", ""))
    reset = re.search(r"\bt=(\d+)", response.headers.get("ratelimit", ""))
    pause = max(int(found[1][:9]) if found else 0 for found in (after, reset))
    if pause > patience_seconds():
        raise HubUnreachableError(
            f"the Hub asks for a pause of {pause} s ({response.status_code}): {GO_ON}"
        )


def _watch(response: Any) -> None:  # noqa: ANN401
    """Let the content of an answer end with an error once it only drips."""
    # huggingface_hub 1 uses httpx, 2 uses httpx2: the same classes under two names.
    library = sys.modules[type(response).__module__.partition(".")[0]]
    inner = response.stream

    class Watched(library.SyncByteStream):  # type: ignore[name-defined,misc]
        """The content, as long as it flows."""

        def __iter__(self) -> Iterator[bytes]:
            window = patience_seconds()
            began, count = time.monotonic(), 0
            for part in inner:
                count += len(part)
                if time.monotonic() - began > window:
                    if count < LEAST_BYTES_A_SECOND * window:
                        raise HubUnreachableError(
                            f"the Hub sent only {count} bytes in {window:g} s: {GO_ON}"
                        )
                    began, count = time.monotonic(), 0
                yield part

        def close(self) -> None:
            inner.close()

    response.stream = Watched()
