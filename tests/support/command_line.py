"""The command line as the tests call it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
