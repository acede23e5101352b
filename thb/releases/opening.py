"""Open a release by the name that a user gives: a Hub id, a revision, a folder, or ``mini``."""

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
    """A release, and the folder of its real videos.

    Attributes:
        release: The list of its videos.
        real_root: The folder of the real videos, or one for each dataset; None if none was named.
    """

    release: Release
    real_root: Path | Mapping[RealDataset, Path] | None


@dataclass(frozen=True, kw_only=True)
class HubName:
    """A dataset repo on the Hub.

    Attributes:
        repo: The id of the repo, ``org/name``.
        revision: A branch, commit or ``refs/pr/<n>``; None for the commit of the packaged index,
            or ``main`` if there is no such index.
    """

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

    ``mini`` is the synthetic release. It is written into the cache on first use and has its own
    real videos. For a Hub repo only the list of videos is read; ``thb.releases.files`` downloads
    the videos.

    Args:
        source: A Hub id ``org/name`` or ``org/name@revision``; ``refs/pr/<n>`` or a commit of the
            benchmark's own repo; a folder in the Hub's layout; or ``"mini"``. A release that is
            already open is returned as it is.
        real_root: The folder of the real videos, or one for each dataset; None for the mini
            release, which has its own.
        split_list: The list of real videos: ``"default"`` or ``"official_ff++"``.
        progress: Show a bar while the mini release is written.

    Raises:
        ReleaseError: The release does not exist or is refused, or ``real_root`` is not a folder.
        HubUnreachableError: The Hub does not answer and the release was not read before.
    """
    from thb_dataset.hub.packaged_index import find_packaged_release
    from thb_dataset.release.scan import check_release, read_release

    if isinstance(source, OpenRelease):
        return source
    if str(source) == MINI:
        if real_root is not None:
            raise ReleaseError("the mini release has its own real videos: leave out --real-root")
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
    """Read a release in its present state, for an audit.

    An index that ships with the package is not used, because it describes an earlier state.

    Args:
        source: The name of the release, as :func:`open_release` takes it.
        split_list: The list of real videos: ``"default"`` or ``"official_ff++"``.
        progress: Show a bar while the mini release is written.

    Raises:
        ReleaseError: The release does not exist, or its split list is missing or malformed.
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
            f"there is no folder {source}: name a folder that holds fake/ and real/, a Hub id "
            "org/name, or 'mini'"
        )
    return scan_release(folder, split_list=split_list)


def parse_hub_name(source: str | Path) -> HubName | None:
    """Return the Hub repo that a name stands for, or None if it stands for a folder.

    ``org/name`` and ``org/name@revision`` stand for a repo unless a folder of that name exists;
    ``refs/pr/<n>`` and the 40 digits of a commit are revisions of the benchmark's own repo.
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
        # The name may be that of a folder, with a typing error.
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
        unknown = [str(name) for name in real_root if name not in tuple(RealDataset)]
        if unknown:
            raise ReleaseError(
                f"real_root names {', '.join(unknown)}; it may name {', '.join(RealDataset)}"
            )
        return {RealDataset(name): Path(root).expanduser() for name, root in real_root.items()}
    folder = Path(real_root).expanduser()
    if not folder.is_dir():
        raise ReleaseError(
            f"there is no folder {folder} for the real videos (--real-root): name the one that"
            " holds FaceForensics++/ and CelebV-HQ/"
        )
    return folder
