"""Find the files of videos: fakes and sounds in the release, real videos in the user's folder.

The release only names its real videos. Users bring them in one folder, or in one per dataset::

    <real_root>/FaceForensics++/original_sequences/youtube/{raw,c23,c40}/videos/001.mp4
    <real_root>/CelebV-HQ/<youtube id>_<n>.mp4

Any other folder below may hold a file of that name, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from thb_dataset.errors import ReleaseError
from thb_dataset.records import Label, RealDataset, Video
from thb_dataset.release.scan import Release
from thb_dataset.wording import shorten_list

FACEFORENSICS_FOLDERS = tuple(
    f"original_sequences/youtube/{compression}/videos" for compression in ("raw", "c23", "c40")
)
"""The folders of FaceForensics++'s own downloader; the least compressed videos come first."""

_FAKES_OF_FACEFORENSICS = "manipulated_sequences"


def find_real_videos(
    real_root: Path | Mapping[RealDataset, Path], videos: Iterable[Video]
) -> dict[str, Path]:
    """Find the files of real videos.

    Args:
        real_root: One folder for both datasets, or a folder for each dataset.
        videos: Any videos; fakes among them are ignored.

    Returns:
        The file of each video that was found, by video id.

    Raises:
        ReleaseError: A folder does not exist.
    """
    wanted: dict[RealDataset, dict[str, str]] = {dataset: {} for dataset in RealDataset}
    for video in videos:
        if video.real_dataset is not None:
            wanted[video.real_dataset][video.video_id] = PurePosixPath(video.path).name
    found: dict[str, Path] = {}
    for dataset, names in wanted.items():
        folder = _dataset_folder(real_root, dataset)
        if folder is not None and names:
            found.update(_find(folder, dataset, names))
    return found


def locate_videos(
    release: Release,
    real_root: Path | Mapping[RealDataset, Path] | None,
    videos: Iterable[Video],
) -> dict[str, Path]:
    """Find the files of fakes in the release and of real videos in the user's folder.

    Args:
        release: The release, whose folder holds the fakes.
        real_root: The folder of the real videos, or one for each dataset; None for no real videos.
        videos: The videos whose files are wanted.

    Returns:
        The file of each available video, by video id; the others are absent.

    Raises:
        ReleaseError: A folder of real videos does not exist.
    """
    wanted = list(videos)
    found = {} if real_root is None else find_real_videos(real_root, wanted)
    for video in wanted:
        if video.label is Label.FAKE and (path := release.root / video.path).is_file():
            found[video.video_id] = path
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
        if video.audio is not None and (path := release.root / video.audio).is_file():
            found[video.video_id] = path
    return found


def explain_missing_reals(
    missing: Iterable[Video], real_root: Path | Mapping[RealDataset, Path] | None, *, show: int = 5
) -> str:
    """Return a message that says which real videos are missing and where to put them.

    Args:
        missing: The videos that were not found.
        real_root: The folder, or the folders, that were searched; None if none was given.
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
    return "real videos, which the release only names, are missing: " + "; ".join(lines)


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


def _find(folder: Path, dataset: RealDataset, names: Mapping[str, str]) -> dict[str, Path]:
    usual = FACEFORENSICS_FOLDERS if dataset is RealDataset.FACEFORENSICS else ()
    found: dict[str, Path] = {}
    for video_id, name in names.items():
        for candidate in (*(folder / inside / name for inside in usual), folder / name):
            if candidate.is_file():
                found[video_id] = candidate
                break
    missing = {name: video_id for video_id, name in names.items() if video_id not in found}
    if missing:
        found.update({missing[name]: path for name, path in _search(folder, set(missing)).items()})
    return found


def _search(folder: Path, names: set[str]) -> dict[str, Path]:
    """Search all folders below for files of these names; the first by path is taken."""
    found: dict[str, Path] = {}
    for parent, subfolders, files in os.walk(folder, followlinks=False):
        # Folders of fakes are left out: a fake of the same number must never replace a real video.
        subfolders[:] = sorted(name for name in subfolders if name != _FAKES_OF_FACEFORENSICS)
        for name in names.intersection(files) - found.keys():
            found[name] = Path(parent, name)
    return found
