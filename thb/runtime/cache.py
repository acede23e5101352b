"""The toolkit's cache folder: crops, the mini release, and lists of Hub repos.

Everything in it can be made again.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thb_dataset.clips.disk_store import StoreInfo


def cache_folder() -> Path:
    """Return ``$THB_CACHE``, ``$XDG_CACHE_HOME/thb`` or ``~/.cache/thb``; it need not exist.

    A user without a home gets a temporary folder, which is removed when the process ends.
    """
    own = os.environ.get("THB_CACHE")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    if shared:
        return Path(shared).expanduser() / "thb"
    return (find_home() or temporary_home()) / ".cache" / "thb"


def find_home() -> Path | None:
    """Return the user's home; None where neither HOME nor the list of users names one."""
    try:
        return Path.home()
    except (RuntimeError, KeyError):  # docker run --user 54321, for example
        return None


@lru_cache(maxsize=1)
def temporary_home() -> Path:
    """Return a folder that takes the place of the home until the process ends."""
    folder = tempfile.mkdtemp(prefix="thb-home-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def clip_store_folder() -> Path:
    """Return the folder of the face crops that training, evaluation and prediction share."""
    return cache_folder() / "clips"


def mini_release_folder() -> Path:
    """Return the folder in which ``--release mini`` writes and finds the synthetic release."""
    return cache_folder() / "mini"


def mini_pair_folder() -> Path:
    """Return the folder of the two synthetic videos on which ``thb train --smoke`` trains."""
    return cache_folder() / "mini-pair"


def listings_folder() -> Path:
    """Return the folder of the lists of Hub repos, one for each commit that was read."""
    return cache_folder() / "listings"


def render_folder() -> Path:
    """Return the folder of the videos that ``thb shortcuts --controlled`` renders alike."""
    return cache_folder() / "rendered"


def cache_info() -> StoreInfo:
    """Return the folder, the number and the size of the face crops and identities on disk.

    Examples:
        >>> info = thb.cache_info()
        >>> 0 <= info.bytes <= info.max_bytes
        True
    """
    from thb_dataset.clips.disk_store import DiskStore

    return DiskStore(clip_store_folder()).info()


def prune_cache(max_bytes: int | None = None, *, dry_run: bool = False) -> StoreInfo:
    """Remove the face crops and identities that were unused for longest until the rest fits.

    Args:
        max_bytes: The size to keep at most; 0 empties the store. None: the store's own bound.
        dry_run: Remove nothing.

    Returns:
        What is left, or would be.

    Examples:
        >>> thb.prune_cache(0, dry_run=True).entries
        0
    """
    from thb_dataset.clips.disk_store import DiskStore

    return DiskStore(clip_store_folder()).prune(max_bytes, dry_run=dry_run)
