"""The command line as the tests call it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup

from thb.cli import app


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
