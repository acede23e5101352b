"""Where the toolkit keeps what it can make again: crops, the mini release, lists of Hub repos."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return ``$THB_CACHE``, ``$XDG_CACHE_HOME/thb`` or ``~/.cache/thb``; it need not exist."""
    own = os.environ.get("THB_CACHE")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "thb"


def clip_store_folder() -> Path:
    """Return the folder of the face crops that training, evaluation and prediction share."""
    return cache_folder() / "clips"


def mini_release_folder() -> Path:
    """Return the folder in which ``--release mini`` writes and finds the synthetic release."""
    return cache_folder() / "mini"


def listings_folder() -> Path:
    """Return the folder of the lists of Hub repos, one for each commit that was read."""
    return cache_folder() / "listings"
