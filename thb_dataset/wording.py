"""Phrases that messages and cards share."""

from __future__ import annotations

from collections.abc import Sequence


def shorten_list(names: Sequence[str], shown: int = 5) -> str:
    """Return the first names of a list, and how many more there are.

    >>> shorten_list(["a", "b", "c", "d"], shown=2)
    'a, b and 2 more'
    >>> shorten_list(["a", "b"])
    'a, b'

    Args:
        names: All names, in the order in which to show them.
        shown: How many names to write out at most.
    """
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def spell_out(text: str) -> str:
    r"""Return a text that can be written as UTF-8: what is no text in it becomes an escape.

    A file name may hold any bytes; Python reads those that are not UTF-8 as lone surrogates.

    >>> spell_out("bad\udcff.mp4")
    'bad\\udcff.mp4'
    """
    return text.encode("utf-8", "backslashreplace").decode()
