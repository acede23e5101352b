"""The videos in a folder, by the endings of their names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

VIDEO_ENDINGS: Final = (
    *(".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"),
)
"""The files of a folder that count as videos; a file that is named itself may have any ending."""


def list_videos(folder: Path, *, deep: bool = False) -> list[Path]:
    """Return the videos in a folder, by name.

    Args:
        folder: The folder.
        deep: Whether to look into the folders in it as well.
    """
    found = folder.rglob("*") if deep else folder.iterdir()
    return sorted(file for file in found if file.is_file() and file.suffix.lower() in VIDEO_ENDINGS)
