"""What the tests get back from a client of the Hub: the fixture ``run_client`` of ``tests/hub``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Answer:
    """The findings of a client process, or the error that it ended with.

    Attributes:
        result: The JSON that the case returned; None after an error.
        error: The name of the error's class, if there was one.
        message: The error's message; empty without an error.
        stderr: The text written to stderr.
        stdout: The text written to stdout.
    """

    result: Any
    error: str | None
    message: str
    stderr: str
    stdout: str


class RunClient(Protocol):
    """Run a case of ``hub_clients`` in a new process, whose cache is empty without ``home``."""

    def __call__(
        self,
        case: str,
        *,
        home: Path | None = None,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> Answer: ...
