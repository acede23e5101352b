"""A Hub that hangs, drips or asks for a pause of hours is given up, with what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import close_session, constants, get_session
from huggingface_hub.utils._http import http_backoff

from detectors.registry import create_detector, find_detector_class, load_detector
from thb_dataset.errors import DetectorError, HubUnreachableError, ReleaseError
from thb_dataset.hub import patience, release
from thb_dataset.hub.errors import explained_hub_errors
from thb_dataset.hub.files import read_hub_file
from thb_dataset.hub.release import download_file, list_hub, resolve_commit

Mood = Callable[[BaseHTTPRequestHandler], None]
Serve = Callable[[Mood], str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a server that answers every GET in a mood, and return its address."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv(patience.VARIABLE, "0.5")
    servers: list[ThreadingHTTPServer] = []

    def start(mood: Mood) -> str:
        class Handler(BaseHTTPRequestHandler):
            do_GET = do_HEAD = mood  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        servers[0].daemon_threads = True
        threading.Thread(target=servers[0].serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{servers[0].server_address[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        return f"{address}/"

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


def drip_headers(request: BaseHTTPRequestHandler) -> None:
    """Send an endless header, a byte at a time, so that no wait for a byte is ever long."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
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


def fail(request: BaseHTTPRequestHandler) -> None:
    request.send_response(503)
    request.send_header("Content-Length", "0")
    request.end_headers()


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        (hang, "does not answer"),
        (drip_headers, r"does not answer: no whole headers in 0.5 s.*HF_HUB_OFFLINE=1"),
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


CALLS: dict[str, Callable[[], object]] = {
    "resolve": lambda: resolve_commit("org/name"),
    "list": lambda: list_hub("org/name", "0" * 40),
    "download": lambda: download_file("org/name", "a.mp4", "0" * 40),
    "run.json": lambda: read_hub_file("org/name", "run.json"),
    "detector": lambda: load_detector("org/name"),
    "backbone": lambda: create_detector(
        find_detector_class("baseline"), config={"backbone_checkpoint": "org/name"}
    ),
}


@pytest.mark.parametrize(
    "mood", [hang, drip, drip_headers, fail, make_pause("Retry-After", "7201")]
)
@pytest.mark.parametrize("call", CALLS)
def test_every_call_ends_in_time_and_says_how_to_go_on(call: str, mood: Mood, serve: Serve) -> None:
    serve(mood)
    began = time.monotonic()
    with pytest.raises((ReleaseError, DetectorError)) as caught:
        CALLS[call]()
    assert time.monotonic() - began < 12, str(caught.value)
    assert str(caught.value).isprintable()


def test_tries_are_counted_together(serve: Serve) -> None:
    url = serve(fail)
    with pytest.raises(HubUnreachableError, match=r"has not answered for [1-9]"):  # noqa: SIM117
        with explained_hub_errors("org/name"):
            http_backoff("GET", url, retry_on_status_codes=(503,))


def test_a_wait_of_before_is_not_counted(serve: Serve) -> None:
    url = serve(fail)
    for _ in range(3):
        with explained_hub_errors("org/name"):
            assert get_session().get(url).status_code == 503
        time.sleep(0.6)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_a_limit_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(patience.VARIABLE, text)
    with (
        pytest.raises(ReleaseError, match="is not a number of seconds"),
        explained_hub_errors("org/name"),
    ):
        pass


XET_LIMITS = """
import datetime, re, hf_xet
text = repr(hf_xet.XetSession())
for name in ("connect_timeout", "read_timeout", "retry_max_duration"):
    (seconds,) = re.findall(rf"client.{name}=datetime.timedelta\\(seconds=(\\d+)\\)", text)
    assert int(seconds) <= 360, (name, seconds)
"""


def test_xet_has_limits_of_its_own() -> None:
    """If a later version waits without an end, this fails, and it needs ours."""
    pytest.importorskip("hf_xet", reason="huggingface_hub brings it on most machines")
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HF_XET")}
    subprocess.run([sys.executable, "-c", XET_LIMITS], env=kept, check=True)


def test_a_list_without_an_end_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(request: BaseHTTPRequestHandler) -> None:
        entry = {"type": "directory", "path": "a", "oid": "0" * 40}
        data = json.dumps([entry] * 100).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.send_header("Link", f'<{constants.ENDPOINT}{request.path}>; rel="next"')
        request.end_headers()
        request.wfile.write(data)

    serve(send)
    monkeypatch.setattr(release, "MOST_FILES", 1000)
    with pytest.raises(ReleaseError, match="more than 1,000 files"):
        list_hub("org/name", "0" * 40)


def test_a_slow_answer_that_flows_is_read_to_its_end(serve: Serve) -> None:
    def flow(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(10):
            request.wfile.write(b"x" * 1024)
            request.wfile.flush()
            time.sleep(0.1)

    url = serve(flow)
    with explained_hub_errors("org/name"):
        assert get_session().get(url).content == b"x" * 10_240


def test_a_redirect_begins_a_wait_of_its_own(serve: Serve) -> None:
    def lead(request: BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        step = int(request.path.rpartition("/")[2] or 0)
        request.send_response(302 if step < 3 else 200)
        request.send_header("Location", f"/{step + 1}")
        request.send_header("Content-Length", "0")
        request.end_headers()

    url = serve(lead)
    with explained_hub_errors("org/name"):
        assert get_session().get(url).status_code == 200


def test_a_short_pause_is_kept(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(patience.VARIABLE, "5")
    url = serve(make_pause("Retry-After", "2"))
    with explained_hub_errors("org/name"):
        assert get_session().get(url).status_code == 429
