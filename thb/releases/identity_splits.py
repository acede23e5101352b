"""Splits of a folder of videos in which no person appears twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thb.preprocessing.identities import IdentityMaker
from thb.preprocessing.settings import Preparation
from thb_dataset.errors import ReleaseError
from thb_dataset.files import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from thb_dataset.identity.splits import SplitPlan
    from thb_dataset.records import Split


def split_folder(
    folder: Path,
    *,
    ratios: Mapping[Split, float] | None = None,
    preparation: Preparation | None = None,
) -> SplitPlan:
    """Distribute the videos of a folder over train, validation and test, with no person in two.

    The plan accounts for every file: it is in a split, could not be read, or is no video.

    Args:
        folder: The folder; its subfolders are searched as well.
        ratios: The share of the videos wanted in each split; None for 80, 10 and 10 percent.
        preparation: The face pack, and the store of identities; None for the defaults.

    Raises:
        ReleaseError: The folder does not exist or holds no video.
        ProtocolError: No video shows a face, or the ratios are not shares of a whole.

    Examples:
        >>> from pathlib import Path
        >>> plan = thb.split_folder(Path("videos"))
        >>> len(plan.assignments) == sum(map(len, plan.groups)) == 4
        True
    """
    from thb_dataset.identity.splits import DEFAULT_RATIOS, split_videos

    if not folder.is_dir():
        raise ReleaseError(f"there is no folder {folder}")
    # A link to a folder is not followed; it is named like any other file that is no video.
    everything = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }
    files = {
        name: path
        for name, path in everything.items()
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()
    }
    if not files:
        raise ReleaseError(
            f"there is no video in {folder}: videos end in {', '.join(sorted(VIDEO_SUFFIXES))}"
        )
    preparation = preparation or Preparation()
    with IdentityMaker(preparation) as maker:
        embedded = maker.embed(files, progress=preparation.progress)
    plan = split_videos(
        embedded.names,
        embedded.means,
        same_person=embedded.pack.same_person,
        others=embedded.others,
        ratios=DEFAULT_RATIOS if ratios is None else ratios,
        unread=embedded.unread,
    )
    return replace(plan, ignored=tuple(name for name in everything if name not in files))
