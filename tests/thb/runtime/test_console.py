"""Text on stdout and stderr, whatever their encoding is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.forked_python import THB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.forked_python import RunPython

ENCODINGS = ("ascii", "latin-1", "cp1252", "utf-8:strict")
NAMES = ("naïve – 视频 😀.mp4", "bad\udcff.mp4")
TABLE = """
import sys
from rich.table import Table
from thb.commands.output import write_table
from thb.runtime.console import run_command
table = Table(title='“é” — ✓')
table.add_column("名前")
table.add_row("naïve 😀")
run_command(lambda: write_table(table))
"""


def in_encoding(encoding: str, program: str) -> str:
    """Return a program that begins with streams of an encoding, as PYTHONIOENCODING sets them."""
    name, _, errors = encoding.partition(":")
    return f"""
import sys
for stream in (sys.stdout, sys.stderr):
    stream.reconfigure(encoding={name!r}, errors={errors or "strict"!r})
{program}"""


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_verb_writes_in_any_encoding(
    encoding: str, output: str, untrained: Path, run_python: RunPython, tmp_path: Path
) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"no video")
    words = ["predict", untrained, *NAMES, "-q", "--format", output]
    ended = run_python(in_encoding(encoding, THB), *words, folder=tmp_path)
    assert ended.code == 3, ended.err
    if output == "json":
        rows = json.loads(ended.out)["videos"]
        assert sorted(row["video_id"] for row in rows) == sorted(NAMES)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tables_are_written_in_any_encoding(encoding: str, run_python: RunPython) -> None:
    ended = run_python(in_encoding(encoding, TABLE))
    assert ended.code == 0, ended.err
    assert "na" in ended.out
