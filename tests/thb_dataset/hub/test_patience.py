"""A Hub that hangs, drips or asks for a pause of hours is given up, with what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import close_session, constants, get_session

from thb_dataset.errors import HubUnreachableError
from thb_dataset.hub import patience
from thb_dataset.hub.errors import explained_hub_errors

Mood = Callable[[BaseHTTPRequestHandler], None]
Serve = Callable[[Mood], str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a server that answers every GET in a mood, and return its address."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(patience, "READ_SECONDS", 0.5)
    monkeypatch.setattr(patience, "WINDOW_SECONDS", 0.5)
    servers: list[ThreadingHTTPServer] = []

    def start(mood: Mood) -> str:
        class Handler(BaseHTTPRequestHandler):
            do_GET = mood  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        servers[0].daemon_threads = True
        threading.Thread(target=servers[0].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[0].server_address[1]}/"

    yield start
    close_session()
    for server in servers:
        server.shutdown()
        server.server_close()


def hang(request: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(60):
        try:
            request.wfile.write(b"x")
            request.wfile.flush()
        except OSError:
            return
        time.sleep(0.1)


def make_pause(header: str, value: str) -> Mood:
    def ask(request: BaseHTTPRequestHandler) -> None:
        request.send_response(429)
        request.send_header(header, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return ask


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        (hang, "does not answer"),
        (drip, r"sent only \d+ bytes in 0.5 s.*HF_HUB_OFFLINE=1"),
        (make_pause("Retry-After", "7201"), "a pause of 7201 s.*HF_HUB_OFFLINE=1"),
        (make_pause("RateLimit", '"api";r=0;t=300'), "a pause of 300 s"),
    ],
)
def test_a_hub_is_not_waited_for_without_an_end(mood: Mood, says: str, serve: Serve) -> None:
    url, began = serve(mood), time.monotonic()
    with pytest.raises(HubUnreachableError, match=says), explained_hub_errors("org/name"):
        get_session().get(url)
    assert time.monotonic() - began < 3


def test_a_short_pause_is_kept(serve: Serve) -> None:
    url = serve(make_pause("Retry-After", "2"))
    with explained_hub_errors("org/name"):
        assert get_session().get(url).status_code == 429
