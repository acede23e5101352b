"""The command line as the tests call it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from thb.cli import SUMMARIES, app, load_verb

if TYPE_CHECKING:
    from typer._click import Command


HEAVY = {"torch", "transformers", "accelerate", "numpy", "pyarrow", "av", "cv2", "datasets"}
"""Packages that take long to import."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: The exit code.
        out: The text written to stdout.
        err: The text written to stderr.
    """

    code: int
    out: str
    err: str


Run = Callable[..., Ended]
"""Run ``thb`` with these words, of any type, and return how it ended: the fixture ``run_thb``."""


def parse(words: list[str]) -> dict[str, Any]:
    """Parse a command line as ``thb`` does, and run nothing."""
    context = typer.main.get_command(app).make_context("thb", words)
    while isinstance(context.command, TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    return context.params


def walk(name: str, command: Command) -> dict[str, Command]:
    """Return a command, or all commands of a group, by their words after ``thb``."""
    if not isinstance(command, TyperGroup):
        return {name: command}
    parts = [walk(f"{name} {part}", sub) for part, sub in command.commands.items()]
    return {words: sub for part in parts for words, sub in part.items()}


def list_commands() -> dict[str, Command]:
    """Return all commands by their words after ``thb``; this imports every verb."""
    parts = [walk(verb, load_verb(verb)) for verb in SUMMARIES]
    return {words: command for part in parts for words, command in part.items()}


def run_process(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``thb`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "thb", *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def run_on_terminal(*words: str, **variables: str) -> str:
    """Run ``thb`` on a terminal of its own and return what it shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "thb", *words],
        env={**os.environ, "COLUMNS": "80", **variables},
        stdout=theirs,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 2**16):
                shown += chunk
        except OSError:  # how Linux says that the other side is closed
            pass
        os.close(ours)
    assert running.returncode == 0, shown
    return shown.decode()
