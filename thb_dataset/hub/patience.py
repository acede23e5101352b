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
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import lru_cache, partial
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


@dataclass
class _Clock:
    """What a call has waited for in vain since it began or the Hub last answered.

    Attributes:
        sent: When the request was sent that is not answered yet; None without one.
        waited: Seconds, over all tries before that one.
        silent: When the request was sent to which no answer has begun; None without one.
    """

    sent: float | None = None
    waited: float = 0.0
    silent: float | None = None


# A context variable and no thread's own: the thread that sends counts for the one that waits.
_own_clock: ContextVar[_Clock] = ContextVar("the Hub's clock")


def _find_clock() -> _Clock:
    try:
        return _own_clock.get()
    except LookupError:
        _own_clock.set(_Clock())
        return _own_clock.get()


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
    _own_clock.set(_Clock())
    _install()


@lru_cache(maxsize=1)
def _install() -> None:
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def make_client() -> Any:  # noqa: ANN401 — huggingface_hub 1 has httpx, 2 has httpx2
        client: Any = default_client_factory()
        hooks = client.event_hooks
        hooks["request"] = [*hooks.get("request", []), _limit_request]
        hooks["response"] = [*hooks.get("response", []), _check_pause, _watch]
        client.event_hooks = hooks
        client.send = partial(_send, client.send)
        return client

    set_client_factory(make_client)


def _send(send: Callable[..., Any], request: Any, **options: Any) -> Any:  # noqa: ANN401
    """Send a request that only reads, and give it up if its answer does not begin in time.

    A limit for reading begins anew with every byte, so headers that drip can be given up only from
    outside. The request runs in a thread of its own, which is left behind in that case.

    Raises:
        HubUnreachableError: The headers of the answer were not complete in time.
    """
    if request.method not in ("GET", "HEAD"):
        return send(request, **options)
    clock, seconds = _find_clock(), patience_seconds()
    clock.silent = None
    outcome: Future[Any] = Future()
    context = copy_context()

    def work() -> None:
        try:
            outcome.set_result(context.run(send, request, **options))
        except BaseException as error:  # the thread that waits raises it
            outcome.set_exception(error)

    threading.Thread(target=work, name="thb-hub", daemon=True).start()
    while True:
        began = clock.silent
        left = seconds if began is None else began + seconds - time.monotonic()
        if wait([outcome], timeout=max(0.0, left)).done:
            return outcome.result()
        if began is not None and began == clock.silent:
            outcome.add_done_callback(_discard)
            raise HubUnreachableError(
                f"the Hub ({request.url.host}) does not answer: no whole headers in {seconds:g} s:"
                f" {GO_ON}"
            )


def _discard(outcome: Future[Any]) -> None:
    """Close an answer that came too late."""
    if outcome.exception() is None:
        outcome.result().close()


def _limit_request(request: Any) -> None:  # noqa: ANN401
    """Bound every wait, and all tries of one request together.

    Raises:
        HubUnreachableError: The tries before this one have taken as long as we wait.
    """
    seconds = patience_seconds()
    is_reading = request.method in ("GET", "HEAD")
    clock, now = _find_clock(), time.monotonic()
    if clock.sent is not None:
        clock.waited += now - clock.sent
    if is_reading and clock.waited > seconds:
        raise HubUnreachableError(
            f"the Hub ({request.url.host}) has not answered for {clock.waited:.0f} s: {GO_ON}"
        )
    clock.sent = clock.silent = now
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
    clock = _find_clock()
    clock.silent = None
    if response.status_code not in _TRY_LATER:
        clock.sent, clock.waited = None, 0.0
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
