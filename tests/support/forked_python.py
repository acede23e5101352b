"""Python programs, each in a process of its own that is forked from one with everything imported.

Starting Python and importing torch and transformers takes seconds, and a fork takes none. The
server, ``python -m tests.support.forked_python``, reads the programs from stdin.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Final, NoReturn, Protocol

from tests.support.command_line import Ended
from tests.support.sources import ROOT

IMPORTED_ONCE: Final = (
    "detectors.baseline.modeling",
    "thb.cli",
    "thb.evaluation.evaluate",
    "thb.training.train",
)
THB: Final = "import sys\nfrom thb.cli import main\nmain(sys.argv[1:])"
"""The program that is ``thb`` with the words given to it."""


class RunPython(Protocol):
    """Run a program in a new process, and return how it ended; a signal is a negative code."""

    def __call__(self, program: str, *words: object, folder: Path | None = None) -> Ended: ...


@contextmanager
def start_python_server() -> Iterator[RunPython]:
    """Start the server, and yield what runs a program in a fork of it."""
    with (
        TemporaryDirectory(prefix="tests-forks-") as answers,
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_python"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        stdin, stdout = server.stdin, server.stdout

        def run(program: str, *words: object, folder: Path | None = None) -> Ended:
            wanted = {
                "program": program,
                "words": [str(word) for word in words],
                "folder": str(folder or Path.cwd()),
                "env": dict(os.environ),
                "answers": answers,
            }
            stdin.write(f"{json.dumps(wanted)}\n")
            stdin.flush()
            code = stdout.readline()
            assert code, "the server of Python programs has died"
            out, err = (
                Path(answers, name).read_text("utf-8", "backslashreplace")
                for name in ("stdout", "stderr")
            )
            return Ended(int(code), out, err)

        try:
            yield run
        finally:
            server.kill()


def serve() -> None:
    """Read programs from stdin, run each in a child, and print the exit code of each."""
    for module in IMPORTED_ONCE:
        importlib.import_module(module)
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            run_here(**wanted)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 — the answer


def run_here(
    program: str, words: list[str], folder: str, env: dict[str, str], answers: str
) -> NoReturn:
    """Run a program in this process as ``python -c`` would, and end the process."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        with Path(answers, name).open("wb") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv, sys.path[0] = ["-c", *words], ""
    sys.modules["__main__"] = ModuleType("__main__")
    code = 0
    try:
        exec(compile(program, "<string>", "exec"), vars(sys.modules["__main__"]))  # noqa: S102
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve()
