"""The parent's side of the child process: start it, talk to it until a deadline, and end it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import sysconfig
import time
import weakref
from pathlib import Path
from typing import Any

from thb_dataset.errors import THBError
from thb_dataset.video.messages import HEAD, pack_message, unpack_length, unpack_message

START_SECONDS = 60.0
PIPE_BYTES = 1 << 20
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables that the child sees beside Python's own; it must not see tokens, for example."""


class ChildDiedError(Exception):
    """The child ended before it finished its answer.

    Attributes:
        returncode: The exit status, or minus the number of the signal that ended the child.
    """

    def __init__(self, returncode: int) -> None:
        super().__init__(f"ended with {returncode}")
        self.returncode = returncode

    @property
    def cause(self) -> str:
        """The name of the signal or the exit status, for a message."""
        if self.returncode < 0:
            return signal.Signals(-self.returncode).name
        return f"exit status {self.returncode}"


class ChildTimeoutError(Exception):
    """The child did not answer before the deadline."""


class VideoChild:
    """One running child process with its pipes.

    Attributes:
        owner: The number of the process that started it.
    """

    def __init__(self, address_space_bytes: int) -> None:
        """Start the child and wait until it is ready.

        Args:
            address_space_bytes: The memory that the child may use, libraries included.

        Raises:
            THBError: The child does not start; the message holds what it printed.
        """
        command = [sys.executable, "-P", "-m", "thb_dataset.video.worker", str(address_space_bytes)]
        self._process = subprocess.Popen(  # noqa: S603 — a fixed command, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_child_environment(),
            cwd="/",
            start_new_session=True,
        )
        self.owner = os.getpid()
        self._finalizer = weakref.finalize(self, _end, self._process, self.owner)
        _widen_pipe(self._stdout)
        self._wait_until_ready()

    @property
    def _stdout(self) -> int:
        if self._process.stdout is None:
            raise RuntimeError("no pipe")
        return self._process.stdout.fileno()

    def _wait_until_ready(self) -> None:
        try:
            self.receive(time.monotonic() + START_SECONDS)
        except (ChildDiedError, ChildTimeoutError) as error:
            words = b""
            if isinstance(error, ChildDiedError) and self._process.stderr is not None:
                words = self._process.stderr.read() or b""
            self.close()
            last = words.decode(errors="replace").strip().rpartition("\n")[2]
            raise THBError(
                f"the video decoder does not start ({last or error}); check that"
                f" {sys.executable} can import the package av"
            ) from error

    @property
    def pid(self) -> int:
        """The process number of the child, which is also the number of its process group."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Say whether the child runs and was started by this process, not before a fork."""
        return self.owner == os.getpid() and self._process.poll() is None

    def request(self, message: dict[str, Any]) -> None:
        """Send a request.

        Args:
            message: Plain JSON values.

        Raises:
            BrokenPipeError: The child has ended.
        """
        if self._process.stdin is None:
            raise BrokenPipeError
        view = memoryview(pack_message(message))
        while view:
            view = view[self._process.stdin.write(view) or 0 :]

    def receive(self, deadline: float) -> dict[str, Any]:
        """Wait for the next message; ``receive_into`` then reads its payload.

        Args:
            deadline: A time of ``time.monotonic``.

        Raises:
            ChildTimeoutError: The deadline has passed, and the child was ended.
            ChildDiedError: The child has ended, or its message is malformed.
        """
        try:
            head = bytearray(HEAD.size)
            self.receive_into(memoryview(head), deadline)
            body = bytearray(unpack_length(bytes(head)))
            self.receive_into(memoryview(body), deadline)
            return unpack_message(bytes(body))
        except ValueError as error:
            self.close()
            raise ChildDiedError(1) from error

    def receive_into(self, buffer: memoryview, deadline: float) -> None:
        """Fill a buffer of bytes from the pipe.

        Args:
            buffer: The bytes to fill.
            deadline: A time of ``time.monotonic``.

        Raises:
            ChildTimeoutError: The deadline has passed, and the child was ended.
            ChildDiedError: The child has ended.
        """
        poll = select.poll()
        poll.register(self._stdout, select.POLLIN)
        while buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                self.close()
                raise ChildTimeoutError
            count = os.readv(self._stdout, [buffer])
            if count == 0:
                raise ChildDiedError(self._reap())
            buffer = buffer[count:]

    def _reap(self) -> int:
        try:
            return self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.close()
            return 1

    def close(self) -> None:
        """End the child and everything that it may have started."""
        self._finalizer()


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        # After a fork, the child belongs to the parent; only our copies of the pipes are closed.
        process.returncode = 0
    elif process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _widen_pipe(descriptor: int) -> None:
    """Enlarge a pipe, for fewer turns between the processes, where the system allows it."""
    try:
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        return


def _child_environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_VARIABLES or (name.startswith("PYTHON") and name != "PYTHONINSPECT")
    }
    root = str(Path(__file__).resolve().parents[2])
    if root not in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        # The package runs from a checkout and is not installed.
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (kept.get("PYTHONPATH"), root)))
    # One thread and one memory arena leave the address space to the pictures.
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
