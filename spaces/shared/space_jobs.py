"""The folder of one job, which is removed when it ends or its visitor has left."""

from __future__ import annotations

import ctypes
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from space_limits import FILE_AGE_SECONDS


def jobs_folder() -> Path:
    """Return the folder that holds the folders of running jobs."""
    return Path(tempfile.gettempdir()) / "thb-space-jobs"


@contextmanager
def job_folder() -> Iterator[Path]:
    """Make a folder for one job, and remove it when the job ends or its visitor has left."""
    home = jobs_folder()
    home.mkdir(mode=0o700, exist_ok=True)
    remove_old_jobs(home)
    folder = Path(tempfile.mkdtemp(dir=home))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        return_memory()


def return_memory() -> None:
    """Give free memory back to the system, where its C library keeps it (glibc).

    Jobs run in ever other threads, each with a heap of its own that never shrinks by itself.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def remove_old_jobs(home: Path) -> None:
    """Remove the folders of jobs that were killed."""
    for folder in home.iterdir():
        if folder.stat().st_mtime < time.time() - FILE_AGE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
