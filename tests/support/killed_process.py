"""A process that is killed at a chosen point, so that a test need not catch it there in time."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable
from typing import Final

_KILL_AFTER: Final = """
import os, pkgutil, signal, sys

module, place, calls, program = sys.argv[1:5]
owner_name, _, name = place.rpartition(".")
owner = pkgutil.resolve_name(f"{module}:{owner_name}" if owner_name else module)
function, calls_left = getattr(owner, name), iter(range(int(calls) - 1, -1, -1))

def call_and_die(*arguments, **named):
    result = function(*arguments, **named)
    if next(calls_left) == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, call_and_die)
del sys.argv[1:5]
exec(program)
"""
THB: Final = "from thb.cli import main\nmain(sys.argv[1:])"
"""The program that is ``thb`` with the words given to it."""


def run_and_kill(
    program: str,
    words: Iterable[object],
    *,
    after: str,
    calls: int = 1,
) -> None:
    """Run a program in a new process, which SIGKILL ends as soon as a function has returned.

    Args:
        program: Python code that finds the words in ``sys.argv``, such as ``THB``.
        words: The arguments of the program.
        after: ``module:function`` or ``module:Class.method``, looked up when it is called.
        calls: The number of its calls after which the process is killed.
    """
    module, _, place = after.partition(":")
    command = [sys.executable, "-c", _KILL_AFTER, module, place, str(calls), program]
    ended = subprocess.run(
        [*command, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
