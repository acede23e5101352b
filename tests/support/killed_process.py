"""A process that is killed at a chosen point, so that a test need not catch it there in time."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from typing import Final

from tests.support.forked_python import RunPython

_KILL_AFTER: Final = """
import os, pkgutil, signal, sys

program, module, place, calls = sys.argv[1:5]
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


def run_and_kill(
    run_python: RunPython, program: str, words: Iterable[object], *, after: str, calls: int = 1
) -> None:
    """Run a program in a new process, which SIGKILL ends as soon as a function has returned.

    Args:
        run_python: The fixture of that name.
        program: Python code that finds the words in ``sys.argv``, such as ``THB``.
        words: The arguments of the program.
        after: ``module:function`` or ``module:Class.method``, looked up when it is called.
        calls: The number of its calls after which the process is killed.
    """
    module, _, place = after.partition(":")
    ended = run_python(_KILL_AFTER, program, module, place, calls, *words)
    assert ended.code == -signal.SIGKILL, ended.err
