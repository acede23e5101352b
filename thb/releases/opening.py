"""What ``--release`` may be, opened: a Hub id, a revision of it, a folder, or ``mini``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thb.runtime.cache import listings_folder, mini_release_folder
from thb_dataset.errors import ReleaseError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease
    from thb_dataset.records import RealDataset
    from thb_dataset.release.scan import Release

DEFAULT_RELEASE = "luchaoqi/TalkingHeadBench"
MINI = "mini"
_REVISION = re.compile(r"refs/pr/\d+|[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class OpenRelease:
    """A release, and where the real videos for it are.

    Attributes:
        release: The list of its videos.
        real_root: One folder of real videos or one for each dataset; None where none was named.
    """

    release: Release
    real_root: Path | Mapping[RealDataset, Path] | None


@dataclass(frozen=True, kw_only=True)
class HubName:
    """A dataset repo and a revision of it; None: ``main``, or the packaged index's commit."""

    repo: str
    revision: str | None


def open_release(
    source: str | Path | OpenRelease,
    *,
    real_root: str | Path | Mapping[RealDataset, Path] | None = None,
    split_list: str = "default",
    progress: bool = True,
) -> OpenRelease:
    """Open a release by the name that a user gives it.

    ``mini`` is the synthetic release: written into the cache on its first use, and it brings
    its own real videos. Of a Hub repo only the list is read: ``thb.releases.fetching`` downloads
    its videos.

    Args:
        source: A Hub id ``org/name``, with ``@revision`` after it or not; ``refs/pr/<n>`` or a
            commit of the benchmark's own repo; a folder in the Hub's layout; or ``"mini"``. One
            that is open already is returned as it is.
        real_root: The folder of the real videos, or one for each dataset; the mini release has
            its own.
        split_list: Which list of real videos: ``"default"`` or ``"official_ff++"``.
        progress: Show a bar while the mini release is written.

    Raises:
        ReleaseError: There is no such release, it is refused, or ``real_root`` is no folder.
        HubUnreachableError: The Hub does not answer and the release was not read before.
    """
    from thb_dataset.hub.packaged_index import find_packaged_release
    from thb_dataset.release.scan import check_release, read_release

    if isinstance(source, OpenRelease):
        return source
    if str(source) == MINI:
        if real_root is not None:
            raise ReleaseError("the mini release brings its own real videos: leave out --real-root")
        mini = _write_mini(progress=progress)
        release = read_release(mini.hub, split_list=split_list)
        return OpenRelease(release=release, real_root=mini.real_root)
    reals = _real_folders(real_root)
    name = parse_hub_name(source)
    packaged = name and find_packaged_release(name.repo, name.revision, split_list=split_list)
    release = packaged or check_release(scan_release_named(source, split_list=split_list))
    return OpenRelease(release=release, real_root=reals)


def scan_release_named(
    source: str | Path, *, split_list: str = "default", progress: bool = True
) -> Release:
    """Read a release as it is now, for its audit; it is named as for :func:`open_release`.

    An index that ships with the package is not looked at: it says what was.

    Raises:
        ReleaseError: There is no such release, or its split list is absent or malformed.
        HubUnreachableError: The Hub does not answer and the release was not read before.
    """
    from thb_dataset.release.scan import scan_release

    if str(source) == MINI:
        return scan_release(_write_mini(progress=progress).hub, split_list=split_list)
    name = parse_hub_name(source)
    if name is not None:
        return _scan_hub(name, split_list)
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise ReleaseError(
            f"there is no folder {source}: give a folder that holds fake/ and real/, a Hub id "
            "org/name, or 'mini'"
        )
    return scan_release(folder, split_list=split_list)


def parse_hub_name(source: str | Path) -> HubName | None:
    """Return the Hub repo that a name means, or None where it means a folder.

    ``org/name`` and ``org/name@revision`` are a repo, unless a folder of that name is there;
    ``refs/pr/<n>`` and a commit's 40 digits are revisions of the benchmark's own repo.
    """
    from thb_dataset.hub.release import is_repo_name

    if isinstance(source, Path) or Path(source).expanduser().is_dir():
        return None
    if _REVISION.fullmatch(source):
        return HubName(repo=DEFAULT_RELEASE, revision=source)
    repo, _, revision = source.partition("@")
    if not is_repo_name(repo):
        return None
    return HubName(repo=repo, revision=revision or None)


def _scan_hub(name: HubName, split_list: str) -> Release:
    from thb_dataset.hub.release import scan_hub_release

    try:
        return scan_hub_release(
            name.repo, revision=name.revision, split_list=split_list, cache=listings_folder()
        )
    except ReleaseError as error:
        # The name may have been meant for a folder, and mistyped.
        raise type(error)(f"{error} (and there is no folder {name.repo} here)") from error


def _write_mini(*, progress: bool) -> MiniRelease:
    from thb_dataset.mini.release import write_mini_release

    return write_mini_release(mini_release_folder(), progress=progress)


def _real_folders(
    real_root: str | Path | Mapping[RealDataset, Path] | None,
) -> Path | Mapping[RealDataset, Path] | None:
    from thb_dataset.records import RealDataset

    if real_root is None:
        return None
    if isinstance(real_root, Mapping):
        strange = [str(name) for name in real_root if name not in tuple(RealDataset)]
        if strange:
            raise ReleaseError(
                f"real_root names {', '.join(strange)}; it may name {', '.join(RealDataset)}"
            )
        return {RealDataset(name): Path(root).expanduser() for name, root in real_root.items()}
    folder = Path(real_root).expanduser()
    if not folder.is_dir():
        raise ReleaseError(f"no folder {folder} for the real videos (--real-root)")
    return folder
