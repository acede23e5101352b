"""What ``--release`` may be, opened: a folder in the Hub's layout, or ``mini``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thb.cache import mini_release_folder
from thb_dataset.errors import ReleaseError

if TYPE_CHECKING:
    from thb_dataset.mini import MiniRelease
    from thb_dataset.release import Release

DEFAULT_RELEASE = "luchaoqi/TalkingHeadBench"
MINI = "mini"


@dataclass(frozen=True, kw_only=True)
class OpenRelease:
    """A release, and where the real videos for it are.

    Attributes:
        release: The list of its videos.
        real_root: The folder of the user's real videos; None where none was named.
    """

    release: Release
    real_root: Path | None


def open_release(
    source: str | Path, *, real_root: str | Path | None = None, progress: bool = True
) -> OpenRelease:
    """Open a release by the name that a user gives it.

    ``mini`` is the synthetic release: written into the cache on its first use, and it brings
    its own real videos.

    Args:
        source: A folder in the Hub's layout, or ``"mini"``.
        real_root: The folder of the real videos; the mini release has its own.
        progress: Show a bar while the mini release is written.

    Raises:
        ReleaseError: There is no such folder, it is no release, or ``real_root`` is no folder.
    """
    from thb_dataset.release import read_release

    if str(source) == MINI:
        if real_root is not None:
            raise ReleaseError("the mini release brings its own real videos: leave out --real-root")
        mini = _write_mini(progress=progress)
        return OpenRelease(release=read_release(mini.hub), real_root=mini.real_root)
    reals = None if real_root is None else Path(real_root).expanduser()
    if reals is not None and not reals.is_dir():
        raise ReleaseError(f"no folder {reals} for the real videos (--real-root)")
    folder = find_release_folder(source)
    return OpenRelease(release=read_release(folder), real_root=reals)


def find_release_folder(source: str | Path, *, progress: bool = True) -> Path:
    """Return the folder of a release, unread: that of ``mini`` is written on its first use.

    Raises:
        ReleaseError: There is no such folder.
    """
    if str(source) == MINI:
        return _write_mini(progress=progress).hub
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise ReleaseError(_no_such_release(str(source)))
    return folder


def _write_mini(*, progress: bool) -> MiniRelease:
    from thb_dataset.mini import write_mini_release

    return write_mini_release(mini_release_folder(), progress=progress)


def _no_such_release(source: str) -> str:
    if re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        return (
            f"there is no folder {source}, and this version reads no release from the Hub: "
            f"download it (hf download {source} --repo-type dataset --local-dir FOLDER) "
            "and give the folder"
        )
    return f"there is no folder {source}: give a folder that holds fake/ and real/, or 'mini'"
