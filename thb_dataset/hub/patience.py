"""How long we wait for the Hub: no request hangs, drips or sleeps without an end.

The clients set no time limit for most requests, and sleep for as long as an answer tells them to.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from thb_dataset.errors import HubUnreachableError

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
"""The longest silence while something is read."""

SEND_SECONDS: Final = 300.0
"""The longest silence after something was sent: the Hub works on a large commit for minutes."""

LONGEST_PAUSE_SECONDS: Final = 60
"""The longest pause that we keep when the Hub asks for one."""

WINDOW_SECONDS: Final = 30.0
LEAST_BYTES: Final = 16_384
"""The bytes that every window must bring; a download below that has stalled."""

GO_ON: Final = (
    "try again later, set HF_HUB_OFFLINE=1 to use what was downloaded before, or give a folder"
)


@lru_cache(maxsize=1)
def limit_waiting() -> None:
    """Give the Hub's clients in this process our limits; a second call does nothing."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def make_client() -> Any:  # noqa: ANN401 — huggingface_hub 1 has httpx, 2 has httpx2
        client = default_client_factory()
        hooks = client.event_hooks
        hooks["request"] = [*hooks.get("request", []), _set_timeouts]
        hooks["response"] = [*hooks.get("response", []), _check_pause, _watch]
        client.event_hooks = hooks
        return client

    set_client_factory(make_client)


def _set_timeouts(request: Any) -> None:  # noqa: ANN401
    """Bound every wait that has no limit yet."""
    silence = READ_SECONDS if request.method in ("GET", "HEAD") else SEND_SECONDS
    ours = {"connect": CONNECT_SECONDS, "read": silence, "write": silence, "pool": silence}
    theirs = request.extensions.get("timeout", {})
    limits = {name: theirs.get(name) or limit for name, limit in ours.items()}
    request.extensions = {**request.extensions, "timeout": limits}


def _check_pause(response: Any) -> None:  # noqa: ANN401
    """Refuse a long pause, which the clients would sleep through in silence.

    Raises:
        HubUnreachableError: The Hub asks for a pause of more than a minute.
    """
    if response.status_code not in (429, 503):
        return
    after = re.search(r"^\s*(\d+)", response.headers.get("retry-after", ""))
    reset = re.search(r"\bt=(\d+)", response.headers.get("ratelimit", ""))
    seconds = max(int(found[1]) if found else 0 for found in (after, reset))
    if seconds > LONGEST_PAUSE_SECONDS:
        raise HubUnreachableError(
            f"the Hub asks for a pause of {seconds} s ({response.status_code}): {GO_ON}"
        )


def _watch(response: Any) -> None:  # noqa: ANN401
    """Let the content of an answer end with an error once it only drips."""
    # huggingface_hub 1 uses httpx, 2 uses httpx2: the same classes under two names.
    library = sys.modules[type(response).__module__.partition(".")[0]]
    inner = response.stream

    class Watched(library.SyncByteStream):  # type: ignore[name-defined,misc]
        """The content, as long as it flows."""

        def __iter__(self) -> Iterator[bytes]:
            began, count = time.monotonic(), 0
            for part in inner:
                count += len(part)
                if time.monotonic() - began > WINDOW_SECONDS:
                    if count < LEAST_BYTES:
                        raise HubUnreachableError(
                            f"the Hub sent only {count} bytes in {WINDOW_SECONDS:g} s: {GO_ON}"
                        )
                    began, count = time.monotonic(), 0
                yield part

        def close(self) -> None:
            inner.close()

    response.stream = Watched()
