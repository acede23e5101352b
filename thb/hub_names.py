"""What ``release`` may be, read: a Hub id or a revision of it, a folder, or ``mini``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thb.cache import cache_folder, mini_release_folder
from thb.releases import DEFAULT_RELEASE, MINI
from thb_dataset.errors import ReleaseError

if TYPE_CHECKING:
    from thb_dataset.mini import MiniRelease
    from thb_dataset.records import RealDataset
    from thb_dataset.release import Release

_REVISION = re.compile(r"refs/pr/\d+|[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class NamedRelease:
    """A release, and where the real videos for it are.

    Attributes:
        release: The list of its videos.
        real_root: One folder of real videos or one for each dataset; None where none was named.
    """

    release: Release
    real_root: Path | Mapping[RealDataset, Path] | None


@dataclass(frozen=True, kw_only=True)
class HubName:
    """A dataset repo and a revision of it; None: ``main``."""

    repo: str
    revision: str | None


def parse_hub_name(source: str | Path) -> HubName | None:
    """Return the Hub repo that a name means, or None where it means a folder.

    ``org/name`` and ``org/name@revision`` are a repo, unless a folder of that name is there;
    ``refs/pr/<n>`` and a commit's 40 digits are revisions of the benchmark's own repo.
    """
    from thb_dataset.hub_release import is_repo_name

    if isinstance(source, Path) or Path(source).expanduser().is_dir():
        return None
    if _REVISION.fullmatch(source):
        return HubName(repo=DEFAULT_RELEASE, revision=source)
    repo, _, revision = source.partition("@")
    if not is_repo_name(repo):
        return None
    return HubName(repo=repo, revision=revision or None)


def scan_named_release(
    source: str | Path, *, split_list: str = "default", progress: bool = True
) -> Release:
    """Read a release as it is, for its audit.

    Raises:
        ReleaseError: There is no such release, or its split list is absent or malformed.
        HubUnreachableError: The Hub does not answer and the release was not read before.
    """
    from thb_dataset.hub_release import scan_hub_release
    from thb_dataset.packaged_index import find_packaged_release
    from thb_dataset.release import scan_release

    if str(source) == MINI:
        return scan_release(_write_mini(progress=progress).hub, split_list=split_list)
    name = parse_hub_name(source)
    if name is None:
        return scan_release(source, split_list=split_list)
    packaged = find_packaged_release(name.repo, name.revision, split_list=split_list)
    if packaged is not None:
        return packaged
    return scan_hub_release(
        name.repo,
        revision=name.revision,
        split_list=split_list,
        cache=cache_folder() / "listings",
    )


def read_named_release(
    source: str | Path,
    *,
    real_root: str | Path | Mapping[RealDataset, Path] | None = None,
    split_list: str = "default",
    progress: bool = True,
) -> NamedRelease:
    """Read a release that a protocol may be built from, and say where its real videos are.

    Args:
        source: As :func:`thb.load.load` takes it.
        real_root: The user's folder of real videos, or one for each dataset; the mini release
            brings its own.
        split_list: Which list of real videos.
        progress: Show a bar while the mini release is written.

    Raises:
        ReleaseError: There is no such release or folder, or the release is refused.
        HubUnreachableError: The Hub does not answer and the release was not read before.
    """
    from thb_dataset.release import check_release

    release = check_release(scan_named_release(source, split_list=split_list, progress=progress))
    if str(source) == MINI:
        if real_root is not None:
            raise ReleaseError("the mini release brings its own real videos: leave out real_root")
        mini = _write_mini(progress=progress)
        return NamedRelease(release=release, real_root=mini.real_root)
    return NamedRelease(release=release, real_root=_real_folders(real_root))


def _write_mini(*, progress: bool) -> MiniRelease:
    from thb_dataset.mini import write_mini_release

    return write_mini_release(mini_release_folder(), progress=progress)


def _real_folders(
    real_root: str | Path | Mapping[RealDataset, Path] | None,
) -> Path | Mapping[RealDataset, Path] | None:
    from thb_dataset.records import RealDataset

    if real_root is None:
        return None
    if isinstance(real_root, Mapping):
        return {RealDataset(name): Path(root).expanduser() for name, root in real_root.items()}
    folder = Path(real_root).expanduser()
    if not folder.is_dir():
        raise ReleaseError(f"no folder {folder} for the real videos")
    return folder
