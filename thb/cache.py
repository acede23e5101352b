"""Where the toolkit keeps what it can make again: crops of faces, and the mini release."""

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
