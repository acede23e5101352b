"""A Space in a process of its own, which is ready when its output says so."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Self

SERVING = b"To create a public link"
"""The last line that Gradio prints when it starts, after its own page has answered."""


class RunningSpace:
    """A Space that runs within ``with``; it serves its page once the block is entered.

    Args:
        words: The command, to which ``--port`` and a free port are added.
        folder: The folder that it runs in.
        env: Its environment.
        log: The file that its output is written to.
    """

    def __init__(
        self, words: Sequence[str], *, folder: Path, env: Mapping[str, str], log: Path
    ) -> None:
        port = find_free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.log = log
        self._words = [*words, "--port", str(port)]
        self._folder = folder
        self._env = {**env, "PYTHONUNBUFFERED": "1"}
        self._is_decided = Event()
        self._is_serving = False

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._words,
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self._is_decided.wait()
        if not self._is_serving:
            self.__exit__()
            raise AssertionError(f"the Space ended: {self.log.read_text('utf-8')}")
        return self

    def _read(self) -> None:
        """Copy the output to the log until the process ends; report when it serves or has ended."""
        assert self._process.stdout is not None
        with self._process.stdout as output, self.log.open("wb", buffering=0) as file:
            for line in output:
                file.write(line)
                if SERVING in line:
                    self._is_serving = True
                    self._is_decided.set()
        self._is_decided.set()

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(20)


def find_free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
