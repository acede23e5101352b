"""The videos that a command line names: files, folders, patterns, and what people try as well."""

from __future__ import annotations

import re
from glob import glob, has_magic
from pathlib import Path

import typer

from thb.runtime.video_folders import list_videos


def find_videos(given: list[str]) -> list[Path]:
    """Return the files that were named: a folder stands for its videos, a pattern for its matches.

    The name of a missing file or of a folder without videos is kept, so that its row can say so.

    Args:
        given: The words of the command line.

    Raises:
        typer.BadParameter: A word cannot name a video: it is empty, a web address or standard
            input, or a pattern that nothing fits.
    """
    return [file for word in given for file in _find(word)]


def _find(word: str) -> list[Path]:
    if not word.strip():
        raise typer.BadParameter("a video has an empty name", param_hint="VIDEO")
    if word == "-":
        raise typer.BadParameter(
            "standard input cannot be read: save the video and name the file", param_hint="VIDEO"
        )
    if re.match(r"[a-z][a-z0-9+.-]+://", word, re.IGNORECASE):
        raise typer.BadParameter(
            f"{word} is a web address: download the video and name the file", param_hint="VIDEO"
        )
    path = Path(word).expanduser()
    if path.is_dir():
        return list_videos(path) or [path]
    if not has_magic(word) or path.exists():
        return [path]
    found = sorted(map(Path, glob(str(path))))  # noqa: PTH207 — the pattern may be absolute
    if not found:
        raise typer.BadParameter(f"no file fits {word}", param_hint="VIDEO")
    return found
