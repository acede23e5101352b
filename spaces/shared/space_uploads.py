"""The door for uploads: how many, how large, and how much of them is kept at a time.

Gradio takes up to a thousand files in one request, and keeps each until it is swept. This stands
before Gradio, reads no file, and refuses a request before or while it is received.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse

from space_limits import (
    FILE_AGE_SECONDS,
    MAX_KEPT_MEGABYTES,
    MAX_KEPT_UPLOADS,
    MAX_MEGABYTES,
    MAX_UPLOADS,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_UPLOADS: Final = re.compile(r"(/gradio_api)?/upload/?")
_BOUNDARY: Final = re.compile(rb'boundary="?([^";,]{1,200})')
_ENVELOPE_BYTES: Final = 16_384
"""What a form with one file has around the file."""


@dataclass(frozen=True)
class Upload:
    """One upload that was let in.

    Attributes:
        when: Seconds of the monotonic clock.
        visitor: The visitor's address.
        size: Bytes.
    """

    when: float
    visitor: str
    size: int


class UploadDoor:
    """Lets an upload through to the page if its files are few, and there is room for them.

    Args:
        app: The page.
        max_files: The most files of one upload.
        max_megabytes: The most megabytes of them together.
        clock: Tells the time in seconds; tests have their own.
    """

    def __init__(
        self,
        app: App,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_files: int = 1,
        max_megabytes: int = MAX_MEGABYTES,
    ) -> None:
        self._app = app
        self._max_files = max_files
        self._max_megabytes = max_megabytes
        self._clock = clock
        self._kept: deque[Upload] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or not _UPLOADS.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
        ):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        size = _read_size(headers)
        refusal = self._find_refusal(_find_visitor(scope, headers), size)
        if refusal is not None:
            status, text = refusal
            await PlainTextResponse(text, status_code=status)(scope, receive, send)
            return
        await self._app(scope, _count_files(receive, headers, self._max_files), send)

    def _find_refusal(self, visitor: str, size: int | None) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal; None notes the upload as let in."""
        now = self._clock()
        while self._kept and self._kept[0].when < now - FILE_AGE_SECONDS:
            self._kept.popleft()
        if size is None:
            return 411, "The size of the upload is not given."
        if size > self._max_megabytes * 1_000_000 + _ENVELOPE_BYTES * self._max_files:
            return 413, self._write_largest()
        if sum(upload.visitor == visitor for upload in self._kept) >= MAX_UPLOADS:
            return 429, f"{MAX_UPLOADS} videos were uploaded from your network: try in an hour."
        total = sum(upload.size for upload in self._kept) + size
        if total > MAX_KEPT_MEGABYTES * 1_000_000 or len(self._kept) >= MAX_KEPT_UPLOADS:
            return 503, "The page holds as many videos as it can: try again in a while."
        self._kept.append(Upload(now, visitor, size))
        return None

    def _write_largest(self) -> str:
        if self._max_files == 1:
            return f"The video is larger than {self._max_megabytes} MB: cut out a part of it."
        return (
            f"The videos are larger than {self._max_megabytes} MB together: send fewer at a time."
        )


def _read_size(headers: dict[bytes, bytes]) -> int | None:
    text = headers.get(b"content-length", b"")
    return int(text) if text.isdigit() and len(text) < 16 else None


def _find_visitor(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """Return the visitor's address, as the proxy before a Space names it, or else the peer's."""
    named = headers.get(b"x-forwarded-for", b"").partition(b",")[0].strip()
    peer = scope.get("client") or ("", 0)
    return named[:64].decode("latin-1") or str(peer[0])


def _count_files(receive: Receive, headers: dict[bytes, bytes], most: int) -> Receive:
    """Return a way to receive a form that fails as soon as a file too many begins."""
    found = _BOUNDARY.search(headers.get(b"content-type", b""))
    mark = b"--" + (found[1] if found else b"")
    seen, tail = 0, b""

    async def receive_few_files() -> MutableMapping[str, Any]:
        nonlocal seen, tail
        message = await receive()
        body = tail + message.get("body", b"")
        seen += body.count(mark)
        # What may be the beginning of a mark, but never a whole one, is looked at once more.
        tail = body[max(0, len(body) - len(mark) + 1) :]
        if found and seen > most + 1:  # one before each file, one after the last
            many = "One video" if most == 1 else f"{most} videos"
            raise MultiPartException(f"{many} at a time, please.")
        return message

    return receive_few_files
