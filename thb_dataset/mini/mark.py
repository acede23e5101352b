"""The mark in every video of the mini release, by which such a video is known wherever it lies.

It is the comment in the file's metadata, so that it stays when the file is copied, renamed or
uploaded. A list of digests could not do this: the release has another one for every seed, size and
version. A video that is encoded anew loses the mark, and then counts as one of unknown origin.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

COMMENT: Final = "SYNTHETIC: TalkingHeadBench toolkit, mini release"
"""The comment in the metadata of every video of the mini release."""

_SEARCHED_BYTES: Final = 1 << 18
"""How much is read at each end of a file: the index of a short MP4, which holds the comment."""


def is_marked(path: str | os.PathLike[str]) -> bool:
    """Return whether a video bears the mark; a file that cannot be read does not.

    Nothing is decoded, since only the reader's child process may do that: the bytes at both ends
    of the file are searched.
    """
    try:
        with Path(path).open("rb") as stream:
            length = stream.seek(0, os.SEEK_END)
            ends = b""
            for start in (0, max(0, length - _SEARCHED_BYTES)):
                stream.seek(start)
                ends += stream.read(_SEARCHED_BYTES)
    except OSError:
        return False
    return COMMENT.encode() in ends
