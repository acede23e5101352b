"""Find the files of videos: fakes and sounds in the release, real videos in the user's folder.

The release only names its real videos. Users bring them in one folder, or in one per dataset::

    <real_root>/FaceForensics++/original_sequences/youtube/{raw,c23,c40}/videos/001.mp4
    <real_root>/CelebV-HQ/<youtube id>_<n>.mp4

Any other folder below may hold a file of that name, too. A file counts as there if it has content;
dead links, empty files and Git LFS pointers are told apart from missing files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from thb_dataset.errors import ReleaseError
from thb_dataset.files import find_fault
from thb_dataset.records import Label, RealDataset, Video
from thb_dataset.release.real_files import FACEFORENSICS_FOLDERS, LocatedVideos, search_reals
from thb_dataset.release.scan import Release
from thb_dataset.wording import shorten_list


def find_real_videos(
    real_root: Path | Mapping[RealDataset, Path],
    videos: Iterable[Video],
    *,
    fakes: Path | None = None,
) -> LocatedVideos:
    """Find the files of real videos.

    Args:
        real_root: One folder for both datasets, or a folder for each dataset.
        videos: Any videos; fakes among them are ignored.
        fakes: The folder of the release's own fakes, whose files are never taken for real videos.

    Returns:
        The files that were found, and why others cannot be used.

    Raises:
        ReleaseError: A folder does not exist.
    """
    wanted: dict[RealDataset, dict[str, str]] = {dataset: {} for dataset in RealDataset}
    for video in videos:
        if video.real_dataset is not None:
            wanted[video.real_dataset][video.video_id] = PurePosixPath(video.path).name
    found = LocatedVideos()
    for dataset, names in wanted.items():
        folder = _dataset_folder(real_root, dataset)
        if folder is not None and names:
            located = search_reals(folder, dataset, names, fakes=fakes)
            found.files.update(located.files)
            found.faults.update(located.faults)
    return found


def locate_videos(
    release: Release,
    real_root: Path | Mapping[RealDataset, Path] | None,
    videos: Iterable[Video],
) -> LocatedVideos:
    """Find the files of fakes in the release and of real videos in the user's folder.

    Args:
        release: The release, whose folder holds the fakes.
        real_root: The folder of the real videos, or one for each dataset; None for no real videos.
        videos: The videos whose files are wanted.

    Returns:
        The files that were found, and why others cannot be used.

    Raises:
        ReleaseError: A folder of real videos does not exist.
    """
    wanted = list(videos)
    found = LocatedVideos()
    if real_root is not None:
        found = find_real_videos(real_root, wanted, fakes=release.root / "fake")
    for video in wanted:
        if video.label is Label.FAKE:
            path = release.root / video.path
            if (fault := find_fault(path)) is None:
                found.files[video.video_id] = path
            elif os.path.lexists(path):
                found.faults[video.video_id] = fault
    return found


def find_sounds(release: Release, videos: Iterable[Video]) -> dict[str, Path]:
    """Find the sound files that a release brings for its videos.

    Args:
        release: The release, whose folder is searched; nothing is downloaded.
        videos: Fakes and real videos.

    Returns:
        The sound file of each video that has one, by video id.
    """
    found: dict[str, Path] = {}
    for video in videos:
        if video.audio is not None and find_fault(path := release.root / video.audio) is None:
            found[video.video_id] = path
    return found


def find_sound_faults(release: Release, videos: Iterable[Video]) -> list[tuple[str, str]]:
    """Return the release's sound files that are there but cannot be used, and why.

    Args:
        release: The release, whose folder is searched; nothing is downloaded.
        videos: Fakes and real videos.
    """
    paths = sorted({video.audio for video in videos if video.audio is not None})
    faults = ((path, find_fault(release.root / path)) for path in paths)
    return [
        (path, fault)
        for path, fault in faults
        if fault is not None and os.path.lexists(release.root / path)
    ]


def explain_missing_reals(
    missing: Iterable[Video],
    real_root: Path | Mapping[RealDataset, Path] | None,
    *,
    faults: Mapping[str, str] | None = None,
    show: int = 5,
) -> str:
    """Return a message that says which real videos are missing and where to put them.

    Args:
        missing: The videos that were not found.
        real_root: The folder, or the folders, that were searched; None if none was given.
        faults: Why a file that is there cannot be used, by video id, as ``locate_videos`` says.
        show: The number of videos of each dataset to name.
    """
    lines = []
    absent = list(missing)
    for dataset in RealDataset:
        names = sorted(video.path for video in absent if video.real_dataset is dataset)
        if not names:
            continue
        if isinstance(real_root, Mapping):
            folder = str(real_root.get(dataset, f"<folder of {dataset}>"))
        else:
            folder = f"{real_root or '<real_root>'}/{dataset}"
        inside = f"{FACEFORENSICS_FOLDERS[0]}/" if dataset is RealDataset.FACEFORENSICS else ""
        lines.append(
            f"{len(names)} of {dataset}: {shorten_list(names, show)}; "
            f"put them at {folder}/{inside}{PurePosixPath(names[0]).name} and so on"
        )
    message = "real videos, which the release only names, are missing: " + "; ".join(lines)
    unusable = explain_faults(absent, faults or {}, show=show)
    return f"{message}; {unusable}" if unusable else message


def explain_missing_fakes(
    missing: Iterable[Video], faults: Mapping[str, str], *, show: int = 5
) -> str:
    """Return a message that counts and names the fakes whose files are missing or unusable.

    Args:
        missing: The fakes that were not found.
        faults: Why a file that is there cannot be used, by video id, as ``locate_videos`` says.
        show: The number of fakes to name.
    """
    absent = list(missing)
    names = shorten_list([video.path for video in absent], show)
    unusable = explain_faults(absent, faults, show=show)
    message = f"{len(absent)} fakes are missing: {names}"
    return f"{message}; {unusable}" if unusable else message


def explain_faults(videos: Iterable[Video], faults: Mapping[str, str], *, show: int = 5) -> str:
    """Return a message that names files that are there but cannot be used; empty if all can.

    Args:
        videos: The videos to speak of.
        faults: Why a file cannot be used, by video id, as ``locate_videos`` says.
        show: The number of videos to name.
    """
    found = [f"{v.path} ({faults[v.video_id]})" for v in videos if v.video_id in faults]
    if not found:
        return ""
    return f"files that are there but cannot be used: {len(found)}: {shorten_list(found, show)}"


def _dataset_folder(
    real_root: Path | Mapping[RealDataset, Path], dataset: RealDataset
) -> Path | None:
    if isinstance(real_root, Mapping):
        if dataset not in real_root:
            return None
        folder = Path(real_root[dataset]).expanduser()
    else:
        root = Path(real_root).expanduser()
        folder = root / dataset if (root / dataset).is_dir() else root
    if not folder.is_dir():
        raise ReleaseError(f"there is no folder {folder} for the real videos of {dataset}")
    return folder
