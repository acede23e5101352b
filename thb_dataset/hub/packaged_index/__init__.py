"""Indexes of Hub repos that ship with the package, so that nothing has to be listed."""

from __future__ import annotations

from pathlib import Path

from thb_dataset.errors import ReleaseError
from thb_dataset.hub.index import INDEX_FOLDER, decode_index
from thb_dataset.hub.release import snapshot_folder
from thb_dataset.release.scan import Release
from thb_dataset.release.split_lists import SplitList

PACKAGED = Path(__file__).parent


def find_packaged_release(
    repo: str,
    revision: str | None = None,
    *,
    split_list: str = "default",
    packaged: Path = PACKAGED,
) -> Release | None:
    """Return the release of a Hub repo from the index that ships with the package.

    Args:
        repo: ``org/name``.
        revision: None, or the very commit that the index points at; any other is not packaged.
        split_list: Only the default list is packaged.
        packaged: Where the packaged indexes are.

    Returns:
        The release; None where its index is not packaged.

    Raises:
        ReleaseError: The packaged index is damaged.
    """
    folder = packaged / repo.replace("/", "--") / INDEX_FOLDER
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
