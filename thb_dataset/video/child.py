"""The parent's side of a decoding child process: start, talk by a deadline, end, name the death."""

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
"""The child sees no other variable of ours (tokens, for one) but those of Python itself."""


class ChildDiedError(Exception):
    """The child ended in the middle of an answer.

    Attributes:
        returncode: As ``subprocess`` gives it: minus the signal that ended it.
    """

    def __init__(self, returncode: int) -> None:
        super().__init__(f"ended with {returncode}")
        self.returncode = returncode

    @property
    def cause(self) -> str:
        """The signal's name or the exit status, for a message."""
        if self.returncode < 0:
            return signal.Signals(-self.returncode).name
        return f"exit status {self.returncode}"


class ChildTimeoutError(Exception):
    """The child did not answer by the deadline."""


class VideoChild:
    """One running child process with its pipes."""

    def __init__(self, address_space_bytes: int) -> None:
        """Start the child and wait until it is ready.

        Raises:
            THBError: It does not start; its own words are in the message.
        """
        command = [sys.executable, "-P", "-m", "thb_dataset.video.worker", str(address_space_bytes)]
        self._process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
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
                f"the video decoder does not start ({last or error}); check that the package av"
                f" can be imported by {sys.executable}"
            ) from error

    @property
    def pid(self) -> int:
        """The child's process number, which is also its group's."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the child runs and is ours; one inherited by a fork is not."""
        return self.owner == os.getpid() and self._process.poll() is None

    def request(self, message: dict[str, Any]) -> None:
        """Send a request.

        Raises:
            BrokenPipeError: The child is gone.
        """
        if self._process.stdin is None:
            raise BrokenPipeError
        view = memoryview(pack_message(message))
        while view:
            view = view[self._process.stdin.write(view) or 0 :]

    def receive(self, deadline: float) -> dict[str, Any]:
        """Wait for the next message; its payload is read by ``receive_into``.

        Raises:
            ChildTimeoutError: The deadline (of ``time.monotonic``) has passed; the child is ended.
            ChildDiedError: The child has ended, or says what no child of ours says.
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

        Raises:
            ChildTimeoutError: As for ``receive``.
            ChildDiedError: As for ``receive``.
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
        """End the child and all it may have started."""
        self._finalizer()


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        # A fork's copy: the child is its parent's, only the copies of the pipes are closed here.
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
    """Fewer turns between the processes where the system lets us; else as it was."""
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
        # A checkout that is not installed.
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (kept.get("PYTHONPATH"), root)))
    # One thread and one arena: the address space is for pictures.
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
