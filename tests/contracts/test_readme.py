"""Every command that the README shows is one that the toolkit takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support.command_line import parse

README = Path(__file__).resolve().parents[2] / "README.md"
COMMANDS = [
    line.partition("  #")[0].partition(" # ")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("thb ")
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_parses(line: str) -> None:
    _, *words = shlex.split(line)
    assert parse(words)


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) > 20
