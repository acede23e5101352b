"""A video that a program names by its web address, fetched within the limits of an upload.

Gradio itself reads such an answer whole into memory, however large it is, and waits without end.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urljoin

import gradio as gr
import httpx
import safehttpx
from gradio.processing_utils import PUBLIC_HOSTNAME_WHITELIST

from space_limits import FETCH_SECONDS, FILE_AGE_SECONDS, MAX_FETCHES, MAX_MEGABYTES

ChooseTransport = Callable[[str], Awaitable[httpx.AsyncBaseTransport | None]]

MAX_REDIRECTS: Final = 5
_Component = TypeVar("_Component", bound=gr.components.Component)
_WEB: Final = ("http://", "https://")


class FetchCounter:
    """Counts what was fetched while it is kept.

    Args:
        clock: Tells the time in seconds; tests have their own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: deque[float] = deque()

    def admit(self) -> None:
        """Note one more video.

        Raises:
            gr.Error: There are as many as may be kept.
        """
        now = self._clock()
        while self._kept and self._kept[0] < now - FILE_AGE_SECONDS:
            self._kept.popleft()
        if len(self._kept) >= MAX_FETCHES:
            raise gr.Error(
                f"{MAX_FETCHES} videos were fetched from addresses: upload this one as a file, or"
                " try in an hour.",
                print_exception=False,
            )
        self._kept.append(now)


COUNTER: Final = FetchCounter()


def limit_addresses(video: _Component) -> _Component:
    """Let a component fetch what a request names by its address within limits; return it.

    Its method is replaced, because a class of our own would make Gradio write a stub file here.
    """
    take_file = video.async_move_resource_to_block_cache

    async def take(place: str | Path | None) -> str | None:
        if not str(place).startswith(_WEB):
            taken: str | None = await take_file(place)
            return taken
        path = str(await fetch_video(str(place), Path(video.GRADIO_CACHE)))
        video.temp_files.add(path)  # which is swept, like any upload
        return path

    setattr(video, take_file.__name__, take)
    return video


async def choose_public_transport(host: str) -> httpx.AsyncBaseTransport | None:
    """Return a way to a host that leads to no address of a private network.

    Raises:
        ValueError: The host has no public address.
    """
    if safehttpx.matches_domain_whitelist(host, PUBLIC_HOSTNAME_WHITELIST):
        return None  # within the Hub's own machines these names are private addresses
    address: str = await safehttpx.async_validate_url(host)
    transport: httpx.AsyncBaseTransport = safehttpx.AsyncSecureTransport(address)
    return transport


async def fetch_video(
    address: str,
    folder: Path,
    *,
    counter: FetchCounter = COUNTER,
    choose_transport: ChooseTransport = choose_public_transport,
) -> Path:
    """Fetch a video; nothing of one that is refused stays.

    Args:
        address: The web address.
        folder: The page's folder of uploads.
        counter: Counts what is kept.
        choose_transport: Chooses the way to a host, again after each redirection.

    Raises:
        gr.Error: It is too large, too slow, not there, or not on a public machine.
    """
    counter.admit()
    name = hashlib.sha256(address.encode()).hexdigest()
    target = folder / name / f"video{Path(httpx.URL(address).path).suffix[:8]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            await _follow(address, target, choose_transport)
    except BaseException as error:
        target.unlink(missing_ok=True)
        match error:
            case _RefusedError():
                reason = str(error)
            case TimeoutError():
                reason = f"takes longer than {FETCH_SECONDS} seconds"
            case httpx.HTTPError() | httpx.InvalidURL() | ValueError():
                reason = f"cannot be fetched ({type(error).__name__})"
            case _:
                raise
        raise gr.Error(f"The video at this address {reason}.", print_exception=False) from error
    return target


class _RefusedError(Exception):
    """An address whose answer is no video within the limits; the message ends a sentence."""


async def _follow(address: str, target: Path, choose_transport: ChooseTransport) -> None:
    for _ in range(MAX_REDIRECTS + 1):
        transport = await choose_transport(httpx.URL(address).host)
        async with (
            httpx.AsyncClient(transport=transport) as client,
            client.stream("GET", address) as answer,
        ):
            if not answer.has_redirect_location:
                await _keep(answer, target)
                return
            address = urljoin(address, answer.headers["location"])
            if not address.startswith(_WEB):
                raise _RefusedError("leads to something that is no web address")
    raise _RefusedError(f"is redirected more than {MAX_REDIRECTS} times")


async def _keep(answer: httpx.Response, target: Path) -> None:
    if answer.status_code != httpx.codes.OK:
        raise _RefusedError(f"answers with status {answer.status_code}")
    size = 0
    with target.open("wb") as file:
        async for part in answer.aiter_bytes():
            size += len(part)
            if size > MAX_MEGABYTES * 1_000_000:
                raise _RefusedError(f"is larger than {MAX_MEGABYTES} MB")
            file.write(part)
