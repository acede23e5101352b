"""Indexes of Hub repos that ship in the package, so that these repos need not be listed."""

from __future__ import annotations

from pathlib import Path

from thb_dataset.errors import ReleaseError
from thb_dataset.hub.index import INDEX_FOLDER, decode_index
from thb_dataset.hub.release import snapshot_folder
from thb_dataset.release.scan import Release
from thb_dataset.release.split_lists import SplitList

PACKAGED = Path(__file__).parent
"""The folder of the packaged indexes. Assign another folder to use the indexes there instead."""


def find_packaged_release(
    repo: str,
    revision: str | None = None,
    *,
    split_list: str = "default",
    packaged: Path | None = None,
) -> Release | None:
    """Return the release of a Hub repo from the index that ships with the package.

    Args:
        repo: ``org/name``.
        revision: None or exactly the commit that the index points at; no other is packaged.
        split_list: The name of the list of real videos; only the default list is packaged.
        packaged: The folder of packaged indexes; None stands for ``PACKAGED``.

    Returns:
        The release; None if its index is not packaged.

    Raises:
        ReleaseError: The packaged index is damaged.
    """
    folder = (packaged or PACKAGED) / repo.replace("/", "--") / INDEX_FOLDER
    if split_list != SplitList.DEFAULT or not folder.is_dir():
        return None
    paths = sorted(folder.rglob("*.parquet"))
    videos, store = decode_index(path.read_bytes() for path in paths)
    if store.repo != repo:
        raise ReleaseError(f"the index in {folder} is of {store.repo}, not of {repo}")
    if revision not in (None, store.revision):
        return None
    return Release(
        root=snapshot_folder(repo, store.revision),
        videos=videos,
        name=repo,
        revision=store.revision,
        synthetic=False,
        hub_repo=repo,
    )
