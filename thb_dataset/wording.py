"""Phrases that messages and cards share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


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


def suggest(name: str, known: Iterable[str], *, most: int = 1) -> str:
    """Return the question whether somebody meant a known name; empty if none is close.

    >>> suggest("trian", ["train", "score"])
    'did you mean train?'
    >>> suggest("HALO", ["Hallo", "MAGI-1"])
    'did you mean Hallo?'
    >>> suggest("nonsense", ["train", "score"])
    ''

    Args:
        name: What somebody wrote, in any case.
        known: The names that exist.
        most: How many names to offer at most.
    """
    spelt = {one.lower(): one for one in sorted(known, reverse=True)}
    close = difflib.get_close_matches(name.lower(), sorted(spelt), n=most, cutoff=0.5)
    return f"did you mean {' or '.join(spelt[one] for one in close)}?" if close else ""


def spell_out(text: str) -> str:
    r"""Return a text that can be written as UTF-8: what is no text in it becomes an escape.

    A file name may hold any bytes; Python reads those that are not UTF-8 as lone surrogates.

    >>> spell_out("bad\udcff.mp4")
    'bad\\udcff.mp4'
    """
    return text.encode("utf-8", "backslashreplace").decode()
