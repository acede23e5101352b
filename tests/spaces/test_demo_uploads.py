"""The door for uploads: one file a request, so many a visitor, and only so much in all."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from space_limits import FILE_AGE_SECONDS, MAX_KEPT_MEGABYTES, MAX_MEGABYTES, MAX_UPLOADS
from space_uploads import UploadDoor
from tests.support.sources import ROOT

LIMIT = MAX_MEGABYTES * 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def page(scope: Any, receive: Any, send: Any) -> None:
    """Receive the whole body, as Gradio does, and answer 200."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(
    door: UploadDoor,
    parts: Iterable[bytes] = (b"",),
    *,
    path: str = "/gradio_api/upload",
    length: int | None = 10,
    visitor: str | None = None,
) -> int:
    headers = [(b"content-type", b"multipart/form-data; boundary=XyZ")]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    if visitor is not None:
        headers.append((b"x-forwarded-for", visitor.encode()))
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "root_path": "",
        "headers": headers,
        "client": ("10.0.0.1", 9),
    }
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(door(scope, receive, send))
    return int(sent[0]["status"])


def write_form(count: int) -> bytes:
    part = b'--XyZ\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\nabc\r\n'
    return part * count + b"--XyZ--\r\n"


def test_one_file_passes_and_two_do_not_however_they_are_cut() -> None:
    for cut in (1, 3, 7, 1000):
        for count in (1, 2, 500):
            form = write_form(count)
            parts = [form[i : i + cut] for i in range(0, len(form), cut)]
            if count == 1:
                assert ask(UploadDoor(page), parts) == 200
            else:
                with pytest.raises(Exception, match="One video at a time"):
                    ask(UploadDoor(page), parts)


def test_the_limit_is_the_one_that_the_page_tells() -> None:
    door = UploadDoor(page)
    assert ask(door, length=LIMIT + 1000) == 200, "a form around the file is no part of it"
    assert ask(door, length=LIMIT + 1_000_000) == 413
    assert ask(door, length=None) == 411


def test_a_visitor_may_upload_so_many_an_hour_and_another_one_too() -> None:
    clock = Clock()
    door = UploadDoor(page, clock)
    assert [ask(door) for _ in range(MAX_UPLOADS + 1)] == [*[200] * MAX_UPLOADS, 429]
    assert ask(door, visitor="10.9.9.9, 10.0.0.1") == 200
    assert ask(door, path="/gradio_api/queue/join") == 200, "only uploads are counted"
    clock.now = FILE_AGE_SECONDS + 1
    assert ask(door) == 200


def test_all_visitors_together_are_kept_within_bounds() -> None:
    clock = Clock()
    door = UploadDoor(page, clock)
    fitting = MAX_KEPT_MEGABYTES // MAX_MEGABYTES
    statuses = [ask(door, length=LIMIT, visitor=f"10.0.1.{n}") for n in range(fitting + 1)]
    assert statuses == [*[200] * fitting, 503]
    clock.now = FILE_AGE_SECONDS + 1
    assert ask(door, length=LIMIT) == 200


PROGRAM = """
import argparse, sys
from pathlib import Path
import httpx
import app

app.find_examples = lambda _: ()  # drawing them takes a minute
settings = argparse.Namespace(runs=[], detectors=Path("none"), host=None, port=None)
page, launch = app.build(settings)
page.launch(**launch, prevent_thread_lock=True, quiet=True)
address = f"{page.local_url}gradio_api/upload"
one, large = ("a.mp4", b"abc"), ("b.mp4", bytes(int(sys.argv[1]) + 1))
forms = [[("files", file) for file in files] for files in ([one], [one] * 500, [large])]
statuses = [httpx.post(address, files=form, timeout=60).status_code for form in forms]
page.close()
print(*statuses)
"""


@pytest.mark.timeout(200)
def test_the_running_page_takes_one_file_and_not_many() -> None:
    """Gradio's own server, started with the arguments of the app."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(LIMIT)],
        cwd=ROOT / "spaces" / "demo",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.split()[-3:] == ["200", "400", "413"], ended.stderr
