"""Videos named by an address: fetched within limits, and from no machine of a private network."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.sources import ROOT

gr = pytest.importorskip("gradio", reason="needs the extra 'space'")

import space_addresses  # noqa: E402 — it needs gradio
from space_addresses import FetchCounter, fetch_video  # noqa: E402
from space_limits import FILE_AGE_SECONDS, MAX_FETCHES, MAX_MEGABYTES  # noqa: E402


class Pages(BaseHTTPRequestHandler):
    """Answers with a short video, one without end, one that never comes, and redirections."""

    sent: ClassVar[int] = 0
    stop: ClassVar[threading.Event]

    def log_message(self, *arguments: object) -> None:
        """Be silent."""

    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", {"/moved": "/clip.mp4"}.get(self.path, self.path))
            self.end_headers()
            return
        self.send_response(404 if self.path == "/gone.mp4" else 200)
        self.end_headers()
        if self.path == "/silent.mp4":
            self.stop.wait(60)
        elif self.path == "/endless.mp4":
            try:
                while not self.stop.is_set():
                    Pages.sent += self.wfile.write(bytes(1 << 20))
            except OSError:
                pass  # the reader has had enough
        else:
            self.wfile.write(b"a video")


@pytest.fixture
def address() -> Iterator[str]:
    Pages.sent, Pages.stop = 0, threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Pages.stop.set()
    server.shutdown()
    server.server_close()


async def any_machine(host: str) -> None:
    """Choose the plain way to a host, even to this machine."""


def fetch(address: str, folder: Path, **options: Any) -> Path:
    options = {"counter": FetchCounter(), "choose_transport": any_machine, **options}
    return asyncio.run(fetch_video(address, folder, **options))


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_video_at_an_address_is_kept_in_the_pages_folder(address: str, tmp_path: Path) -> None:
    for path in ("/clip.mp4", "/moved"):
        kept = fetch(address + path, tmp_path)
        assert kept.read_bytes() == b"a video"
        assert kept.is_relative_to(tmp_path)
    assert fetch(f"{address}/clip.mp4", tmp_path).suffix == ".mp4"


def test_one_without_end_is_refused_at_the_limit_and_leaves_nothing(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(gr.Error, match=f"larger than {MAX_MEGABYTES} MB"):
        fetch(f"{address}/endless.mp4", tmp_path)
    assert list_files(tmp_path) == []
    assert Pages.sent < 2 * MAX_MEGABYTES * 1_000_000, "it was not read on"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/gone.mp4", "status 404"),
        ("/moved/round", "more than 5 times"),
        (":", "cannot be fetched"),
    ],
)
def test_what_cannot_be_fetched_says_why(
    path: str, said: str, address: str, tmp_path: Path
) -> None:
    with pytest.raises(gr.Error, match=said):
        fetch(address + path if path != ":" else "http://127.0.0.1:1/x.mp4", tmp_path)
    assert list_files(tmp_path) == []


def test_one_that_never_comes_is_given_up(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space_addresses, "FETCH_SECONDS", 0.2)
    with pytest.raises(gr.Error, match=r"takes longer than 0\.2 seconds"):
        fetch(f"{address}/silent.mp4", tmp_path)
    assert list_files(tmp_path) == []


def test_no_machine_of_a_private_network_is_asked(address: str, tmp_path: Path) -> None:
    with pytest.raises(gr.Error, match="cannot be fetched"):
        fetch(
            f"{address}/clip.mp4",
            tmp_path,
            choose_transport=space_addresses.choose_public_transport,
        )
    assert list_files(tmp_path) == []


def test_only_so_many_are_kept_at_a_time(address: str, tmp_path: Path) -> None:
    now = [0.0]
    counter = FetchCounter(lambda: now[0])
    for _ in range(MAX_FETCHES):
        counter.admit()
    with pytest.raises(gr.Error, match="upload this one as a file"):
        fetch(f"{address}/clip.mp4", tmp_path, counter=counter)
    now[0] = FILE_AGE_SECONDS + 1
    assert fetch(f"{address}/clip.mp4", tmp_path, counter=counter).is_file()


PROGRAM = """
import sys
import gradio as gr
from gradio_client import Client, handle_file
from space_addresses import limit_addresses

with gr.Blocks() as page:
    video, size = limit_addresses(gr.Video()), gr.Number()
    read = lambda path: len(open(path, 'rb').read())
    gr.Button().click(read, video, size, api_name="size")
page.launch(prevent_thread_lock=True, quiet=True)
client = Client(page.local_url, verbose=False)
for place in sys.argv[1:]:
    try:
        print("got", int(client.predict(handle_file(place), api_name="/size")))
    except Exception as error:
        print("got", str(error).splitlines()[0])
page.close()
"""


@pytest.mark.timeout(200)
def test_the_running_component_takes_files_as_before_and_addresses_within_limits(
    address: str, tmp_path: Path
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"a video")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "clip.mp4"), f"{address}/clip.mp4"],
        cwd=ROOT / "spaces" / "shared",
        env={**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_TEMP_DIR": str(tmp_path / "kept")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in ended.stdout.splitlines() if line.startswith("got ")]
    assert len(lines) == 2, ended.stderr
    taken, refused = lines
    assert taken == "got 7", ended.stderr
    assert refused.startswith("got The video at this address cannot be fetched"), ended.stderr
    assert [path.name for path in list_files(tmp_path / "kept")] == ["clip.mp4"]
